package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/bench/run"
)

func TestRatiosAddTheParts(t *testing.T) {
	seconds := func(wall, cpu int) run.Usage {
		return run.Usage{Wall: time.Duration(wall) * time.Second, CPU: time.Duration(cpu) * time.Second}
	}
	r := results{
		Projects: []projectFigures{{Kernels: 3}},
		Builds: []buildFigures{
			{3, cornArchives, oneCore, seconds(10, 8)},
			{3, oldArchives, oneCore, seconds(24, 20)},
			{3, oldPack, oneCore, seconds(6, 4)},
		},
	}
	rows := r.ratioTable().Rows
	if len(rows) != 1 {
		t.Fatalf("%d rows %v, want the one that all parts of are known", len(rows), rows)
	}
	if got, want := strings.Join(rows[0], " "), "archives at hand archives at hand one core 3 3.00 3.00"; got != want {
		t.Errorf("row = %q, want %q", got, want)
	}
}

func TestMarkdownKeepsWhatIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.md")
	page := "# Figures\n\nby hand\n\n" + beginMarker + "\nold\n" + endMarker + "\n\nmore by hand\n"
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	r := results{Date: "2026-01-02", Machine: "a machine", Runs: 3, Memory: []memoryFigures{{Compression: "zstd", PackageBytes: 1.5e9}}}
	for range 2 { // again over its own
		if err := writeMarkdown(file, &r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"by hand\n", "more by hand\n", "Measured on 2026-01-02 on a machine", "| zstd | 1500 |"} {
		if strings.Count(string(got), want) < 1 {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old\n") || strings.Count(string(got), "| zstd |") != 1 {
		t.Errorf("old figures stay:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("no markers"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeMarkdown(file, &r); err == nil {
		t.Error("a page without markers: no error")
	}
}

// The table of sizes fills its rows by place: each row has a cell for every image.
func TestTablesAreFull(t *testing.T) {
	r := results{
		Sizes:  []sizeFigures{{Kernels: 1}, {Kernels: 3}},
		Loads:  []loadFigures{{Kernels: 1}, {Kernels: 3}},
		Starts: []startFigures{{Name: "plain", Modules: []string{"numpy"}}},
		Memory: []memoryFigures{{}},
		Builds: []buildFigures{{}},
	}
	tables := r.tables()
	if len(tables) != 5 {
		t.Errorf("%d tables, want 5: without ratios", len(tables))
	}
	for _, tab := range tables {
		for _, row := range tab.Rows {
			if len(row) != len(tab.Head) {
				t.Errorf("%s: row %q has %d cells, want %d", tab.Title, row[0], len(row), len(tab.Head))
			}
		}
	}
}
