// Package conformancetest reads what the tests of conda, mamba, rattler, pypa/packaging and packse expect, as
// data: files beside the project, in shared/data/conformance, that are no part of it.
package conformancetest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Cases reads a file of cases, one JSON object a line, without those that are one tool's habit ("quirk").
// Where the file is not there, the test is skipped. A file with fewer cases than atLeast, quirks aside, fails it.
func Cases[T any](t *testing.T, name string, atLeast int) []T {
	t.Helper()
	return read[T](t, name, atLeast, func(quirk any) bool { return quirk == nil || quirk == false })
}

// All is Cases with one tool's habits as well.
func All[T any](t *testing.T, name string, atLeast int) []T {
	t.Helper()
	return read[T](t, name, atLeast, func(any) bool { return true })
}

func read[T any](t *testing.T, name string, atLeast int, wanted func(quirk any) bool) []T {
	t.Helper()
	file := filepath.Join(besideModule(t), "shared", "data", "conformance", name)
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no %s beside the module", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var q struct{ Quirk any }
		if err := json.Unmarshal(sc.Bytes(), &q); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !wanted(q.Quirk) {
			continue
		}
		var c T
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, c)
	}
	if err := sc.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(out) < atLeast {
		t.Fatalf("%s has %d cases, want %d at least", name, len(out), atLeast)
	}
	return out
}

// besideModule returns the folder that the module's folder stands in.
func besideModule(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Dir(dir)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test runs outside of a module")
		}
		dir = filepath.Dir(dir)
	}
}
