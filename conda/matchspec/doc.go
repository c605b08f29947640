// Package matchspec reads, matches and prints MatchSpecs, conda's language for asking for packages:
//
//	numpy >=1.26,<2          numpy=1.26=py312*        conda-forge/linux-64::numpy
//	*[md5=0123...]           https://host/chan/noarch/pkg-1-0.conda
//
// Sources: CEP 29 as of 2026-03-04; CEP 43 (when), 44 (extras) and 45 (flags); CEP 26 for names of
// packages. What users write goes beyond them, and conda's practice decides: see
// docs/design/matchspec.md, which lists each case on which peers differ.
//
// There is one parser, and it is lenient. What conda ignores is accepted here too, and said in
// Spec.Warnings.
//
// Out of scope: which channels there are, and what a name of one means. A channel's name
// matches every channel whose URL ends in it.
package matchspec
