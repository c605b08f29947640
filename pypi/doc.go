// Package pypi is a map of the packages for Python's own archives and holds no code.
//
//   - [github.com/nasa-openscapes/corn/pypi/wheel] reads wheels and turns them into the
//     files of an environment.
//
// Versions (PEP 440), requirements (PEP 508), indexes and resolving belong beside it.
package pypi
