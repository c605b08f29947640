// Package synthetic makes the small packages of the demo channel that exist to
// be difficult: placeholders inside programs, link scripts, activation that
// only bash understands, clobbers, bytecode in every state of validity, links of every kind.
//
// Nothing is read from the machine: [All] is the same on every computer. The
// programs are x86-64 Linux; the bytecode was compiled by CPython 3.11 and 3.13
// (bytecode/generate.py).
package synthetic
