// Package tags says which wheels a target can use, and which of them suits it best.
//
// Source: the PyPA specification "Platform compatibility tags" (PEP 425, 600, 656, 803) as of
// 2026-08; the order is that of pypa/packaging 26.3, which puts linux_* before manylinux and
// musllinux tags.
//
// A target is CPython on Linux or macOS, described by values: the C library is that of the image,
// never that of the machine that runs this code.
//
// Out of scope: Windows, other interpreters, what a wheel's own file name says (package wheel).
package tags
