// Package pep440 reads the versions of Python packages, orders them, and tells whether a version
// satisfies specifiers such as ">=1.8,<2,!=1.9.*".
//
// Source: the PyPA specification "Version specifiers" (PEP 440) as of 2026-08, and pypa/packaging
// 26.3 where it is silent: what "<1.0.post1" leaves out, and that a pre-release is taken where
// nothing else satisfies the specifiers.
//
// Departures:
//   - "===" without a version is refused; packaging accepts it, and it matches nothing.
//   - A number has 250 digits at most.
//
// A version is turned once into a string, its key, whose byte order is the order of versions
// (key.go). Specifiers are turned into [Ranges], intervals between keys, so that matching is
// comparing strings, and intersecting is exact.
//
// Out of scope: which versions there are, and which of them is preferred.
package pep440
