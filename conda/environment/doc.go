// Package environment reads environment.yml: what a person asks for, with the place of every
// request, so that whatever is said of it later can point at the line.
//
// Sources: CEP 24 as of 2026-06 with both of its kinds of selectors; CEP 29 for the specs.
//
// Departures:
//   - Without channels nothing is assumed here; the caller says what that means.
//   - A selector may use "not", as conda-build's do. One that is not understood is a
//     warning and the line counts everywhere, as it does for conda.
//   - Aliases of YAML are followed within a limit; merge keys ("<<") are refused.
//
// Out of scope: solving, the meaning of pip's lines, and the names that environments may have.
package environment
