// Package recipe makes conda packages out of Debian packages and python-build-standalone.
//
// What is made is said by tables ([All], [Small], [Full]); which bytes of Debian go in is
// pinned by debs.tsv. [Build] gives package descriptions whose files lie in a cache;
// writing archives and channels is channeltest's work.
//
// A package says what it needs as conda-forge's would: names are conda-forge's, the
// requirements of Python distributions come from their own metadata, libraries are asked
// for in at least the version compiled against, and what a suite compiled asks for that
// suite's glibc. [Check] holds all of it against the files.
//
// Packages of Python modules that are not noarch ship their .pyc files, compiled by the
// demo's own interpreters.
//
// The same debs and the same code give the same packages, down to times and order. The
// placeholder for the prefix is [Placeholder].
//
// Out of scope: running maintainer scripts, anything but linux-64, upgrades of the pins
// by themselves (see [Pin]).
package recipe
