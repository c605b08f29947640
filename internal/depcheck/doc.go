// Package depcheck holds the test that enforces who may import whom.
//
// The table is docs/ARCHITECTURE.md's: data flows one way, and so do imports.
package depcheck
