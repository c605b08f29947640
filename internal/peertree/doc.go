// Package peertree compares an environment in an image with what micromamba makes of the
// same lock.
//
// What is compared: every path, followed through corn's links into /opt/corn/store: type,
// mode, size, bytes, link target; every conda-meta record field by field, with the order
// of its files and of its keys; conda-meta/history. What may differ is in one table, [Rules]:
// each rule names a row of docs/design/link.md. Everything else is a failure.
//
// micromamba's answers are recorded as data in testdata/, so that the comparison runs where no
// micromamba is. Two sets:
//
//   - Worlds: small packages that are difficult on purpose, some of demo/synthetic, some of
//     worlds/*.txtar. Compared in every "go test", offline. Their Python is a script that
//     compiles nothing, so these images are built with "pyc: shipped".
//   - Demo: the environments of examples/hackweek and of testdata/kernels (xeus-python; shipped
//     bytecode in every state), from the demo channel. Compared with CORN_E2E=1. A recording belongs to one lock, by its digest; a lock
//     that has none is skipped with a message.
//
// "go run ./internal/peertree/record" makes the recordings anew.
//
// A Python that does not run on the machine that records compiles nothing, and micromamba says
// nothing of it: its recordings list bytecode that is not there.
//
// Not compared: times (micromamba's copies have the time of the installation), owners, and
// the bytes of compiled bytecode, of which header and existence are.
package peertree
