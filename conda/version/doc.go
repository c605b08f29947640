// Package version reads conda's version literals, orders them, and tells whether a version
// satisfies a version spec such as ">=1.8,<2|1.7.*".
//
// Sources: CEP 33 (literals and their order) and the version part of CEP 29 (specs), both as of
// 2026-03-04; conda's practice where they are silent.
//
// Departures, each because real channels or users need it:
//   - A run of digits may be of any size; CEP 33 stops at 2^31-1, but versions made of times
//     ("20221014092753") are older than the CEP.
//   - "*" may stand in a literal as conda allows, and sorts before every letter. Its use is that
//     ">1.0.0*" means what it does in conda.
//   - "~=1" is ">=1" as mamba reads it; conda refuses it.
//   - Where peers differ on ".*" after an operator, see docs/design/matchspec.md.
//
// A version is turned once into a short string, its key, whose byte order is the order
// of versions (key.go). Comparing is then comparing strings, and equal versions have
// equal keys: "1.1" and "1.1.0" are one key of a map.
package version
