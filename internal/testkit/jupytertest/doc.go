// Package jupytertest runs images, and the Jupyter of images, in Docker containers.
// internal/jupyter talks to them.
//
// The container shares the network of the machine, so that it works with an engine that
// has no bridge; the server listens on loopback alone, with a token.
package jupytertest
