// Package dockerfile reads a Dockerfile and explains each of its instructions to somebody who
// builds with corn: what corn does anyway, what to write into which file instead, what an image
// of a hub does not need, and what is left to do by hand. Nothing is run.
//
// Sources: Docker's Dockerfile reference as of 2026-10; BuildKit v0.34.2 for what the reference
// leaves open (testdata/buildkit.golden records its answers). Shell syntax is read by
// mvdan.cc/sh.
//
// Departures: a parser of our own, for BuildKit's brings 45 packages and 2.3 MB for the stack
// traces in its errors. Unknown instructions are errors here, as they are in a build.
//
// Out of scope: the instructions of ONBUILD in a base image, which stand in its config, and
// frontends other than Docker's own ("# syntax=" is not fetched).
package dockerfile
