// Package exec runs what cannot be computed.
//
// Byte-compilation sees the interpreter alone: no site-packages, no environment of the
// builder, no network use. Its result is a function of the interpreter's archive and the
// sources, whatever else was compiled before: see driver.py.
//
// The steps that need programs of the image, apt.txt, postBuild and link scripts, run in
// internal/sandbox. Here is what they have in common: their commands and environment
// (command.go), what of their changes becomes a layer (clean.go), the copy of the project
// that they work in (workdir.go). docs/design/exec.md has the decisions. Which steps there
// are, what each sees and what its key is, internal/pipeline knows.
//
// Out of scope: sdists.
package exec
