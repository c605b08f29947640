// Package kerneltest starts every kernel of an image through the image's own Jupyter, as a
// hub would, and tells what of it works.
//
// Each kernel is started, executes a line, is interrupted, imports the packages that its
// environment asks for by name, says which versions it has and whether its environment is
// activated, runs the project's own notebooks and tests, and is stopped.
//
// What can be imported, and in which version, follows from the facts of the image's archives
// (image.json, facts.jsonl): names are never guessed from the names of packages. An image
// without them is not corn's; its kernels are started, executed and interrupted all the same.
//
// A Runner runs the image's programs: a container engine, or corn's own sandbox.
//
// Sources: JupyterHub 5's single-user server (environment variables, the part of the hub's API
// that it asks), Jupyter Server's contents API.
//
// Out of scope: widgets, kernels on other machines, the hub itself.
package kerneltest
