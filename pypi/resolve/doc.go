// Package resolve chooses files of Python projects that satisfy requirements, on top of what conda
// has already chosen, or explains why there are none.
//
// The meaning is pip's: the highest version first, requirements of extras only where an extra is asked for,
// yanked files only where the user pins them, constraints only where something else asks for the
// project. The search is package sat's; projects and metadata are read when it first comes to them.
// docs/design/pypi.md says where pip and uv differ and what is done here.
//
// The answer depends on the request and the index alone, not on the order of either.
//
// Out of scope: lines of requirements.txt, how an index is read, building sdists, installing.
package resolve
