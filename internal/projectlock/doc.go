// Package projectlock reads and writes corn.lock, what a project remembers besides the
// locks of its environments: docs/formats/corn-lock.md.
//
// The file is text, one fact a line, sorted, and made for `git merge`: what a kernel
// brings stands together, in a place that follows from the kernel's name, with lines that
// never change between the places. Two branches that each add a kernel then change
// different parts of the file.
//
// Out of scope: what the facts mean (oci/plan for the layout, internal/image for the
// base), and when they are written (internal/pipeline).
package projectlock
