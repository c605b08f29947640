// Package exec runs what cannot be computed.
//
// Byte-compilation is the only step so far. It sees the interpreter alone: no site-packages,
// no environment of the builder, no network use. Its result is a function of the
// interpreter's archive and the sources, whatever else was compiled before: see driver.py.
// apt.txt, postBuild, link scripts and sdists need a sandbox and belong here too when it exists.
package exec
