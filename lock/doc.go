// Package lock reads and writes the files that say which archives an environment is made of,
// and tells whether they are still what the environment asks for.
//
// Three formats become one value, [Lock]:
//
//   - conda-lock.yml, version 1 (conda-lock 1.x to 4.x): conda and pip packages of several
//     platforms and categories;
//   - explicit locks (CEP 23), as conda, micromamba and conda-lock write them: @EXPLICIT, one
//     URL a line with an md5 or sha256 after '#', pip packages in "# pip" comments;
//   - pixi.lock, versions 5 and 6 (rattler_lock of 2024 to 2026).
//
// Every package carries its line in the file, and every error names file and line. Packages
// keep the order of the file, because with two packages that bring one path the order decides
// which of them is seen; see [Lock.For] for the one exception.
//
// Departures. An entry without any hash is refused, where the peers install it unverified.
// Scalars are taken as they are written: an unquoted "version: 1.10" is 1.10 and not the
// number 1.1. YAML anchors, aliases and tags are refused, no writer of locks emits them.
//
// Written are conda-lock.yml in exactly conda-lock's model ([WriteCondaLock], [ContentHash]) and
// explicit lists ([WriteExplicit]). [Lock.Check] compares a lock with what is asked for.
// docs/design/lock.md has the rules and their reasons.
//
// Out of scope: solving, writing pixi.lock.
package lock
