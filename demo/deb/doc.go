// Package deb fetches Debian binary packages and reads their files.
//
// Which packages is said by a manifest ([ParseManifest]): suite, package, version,
// SHA-256 and pool path, one a line, so that a build needs no index and no apt. Only
// where a mirror no longer holds a pinned version is the suite's index read, the
// version of today taken, and that said aloud ([Fetcher.Notice]).
//
// Sources: deb(5) of dpkg 1.22, the Debian repository format
// (https://wiki.debian.org/DebianRepository/Format, read 2026-05). Signatures are not
// checked: the manifest's SHA-256 is what is trusted. Maintainer scripts, diversions
// and alternatives are not looked at.
package deb
