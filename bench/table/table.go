// Package table prints tables for a terminal and for Markdown.
package table

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// A Table is a title, notes, and rows of cells.
type Table struct {
	Title string
	Notes []string // below the rows
	Head  []string
	Rows  [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Text writes the table with columns aligned: the first to the left, all others to the right.
func (t *Table) Text(w io.Writer) error {
	width := t.widths()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", t.Title)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 {
				b.WriteString("  " + c + pad)
			} else {
				b.WriteString("  " + pad + c)
			}
		}
		b.WriteString("\n")
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "  (%s)\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the table below a heading of the second level.
func (t *Table) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.Title)
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.Head)
	row(append([]string{"---"}, repeat("---:", len(t.Head)-1)...))
	for _, r := range t.Rows {
		row(r)
	}
	b.WriteString("\n")
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "%s\n\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func repeat(s string, n int) []string {
	out := make([]string, max(0, n))
	for i := range out {
		out[i] = s
	}
	return out
}

func (t *Table) widths() []int {
	width := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	return width
}

// Seconds prints a duration with the digits that mean something.
func Seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case d == 0:
		return "-"
	case s < 1:
		return fmt.Sprintf("%.2f", s)
	default:
		return fmt.Sprintf("%.1f", s)
	}
}

// Millis prints a duration in whole milliseconds.
func Millis(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprint(d.Milliseconds())
}

// MB prints bytes in millions.
func MB(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 10_000_000:
		return fmt.Sprintf("%.1f", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f", float64(n)/1e6)
}

// Ratio prints a / b.
func Ratio[N time.Duration | int64 | int](a, b N) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
