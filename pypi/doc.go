// Package pypi is a map of the packages for Python's own archives and holds no code.
//
//   - [github.com/nasa-openscapes/corn/pypi/pep440] orders versions and matches them with specifiers.
//   - [github.com/nasa-openscapes/corn/pypi/pep508] reads requirements and evaluates markers for a target.
//   - [github.com/nasa-openscapes/corn/pypi/tags] says which wheels a target can use, and which suits it best.
//   - [github.com/nasa-openscapes/corn/pypi/wheel] reads wheels and turns them into the
//     files of an environment.
//   - [github.com/nasa-openscapes/corn/pypi/resolve] chooses files that satisfy requirements, or explains
//     why there are none.
package pypi
