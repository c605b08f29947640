// Package report is the only package that prints.
//
// stdout carries the result: text for people, or one JSON document with --json. stderr
// carries the talk: notes, warnings, progress, errors. On a terminal progress is a bar;
// elsewhere each stage is one line when it ends, so that a CI log stays short and is the
// same from run to run but for its times.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Options say how to print. The zero value is plain text without colour or bars.
type Options struct {
	JSON  bool // the result is JSON
	Bars  bool // progress bars on stderr
	Color bool // colour on stderr
	Quiet bool // no notes and no progress; warnings and errors stay
}

// Detect returns the options that fit the stderr of this process: bars and colour on a
// terminal, no colour with NO_COLOR (https://no-color.org), neither in CI.
func Detect(stderr *os.File, getenv func(string) string) Options {
	tty := term.IsTerminal(int(stderr.Fd())) && getenv("TERM") != "dumb" && getenv("CI") == ""
	return Options{Bars: tty, Color: tty && getenv("NO_COLOR") == ""}
}

// A Printer prints. It is safe for concurrent use.
type Printer struct {
	opts     Options
	out, err io.Writer

	mu   sync.Mutex
	bars *mpb.Progress
	open map[*mpb.Bar]bool // of stages that have not ended
}

// New returns a Printer. It owns neither writer.
func New(stdout, stderr io.Writer, opts Options) *Printer {
	p := &Printer{opts: opts, out: stdout, err: stderr}
	if opts.Bars && !opts.Quiet {
		p.bars = mpb.New(mpb.WithOutput(stderr), mpb.WithWidth(48), mpb.WithRefreshRate(100*time.Millisecond))
	}
	return p
}

// Close ends the bars, those of stages that have not ended too; what is said afterwards
// stands below them.
func (p *Printer) Close() {
	p.mu.Lock()
	bars, open := p.bars, p.open
	p.bars, p.open = nil, nil
	p.mu.Unlock()
	if bars == nil {
		return
	}
	for bar := range open { // Wait waits for each
		bar.Abort(true)
	}
	bars.Wait()
}

func (p *Printer) line(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.err
	if p.bars != nil {
		w = p.bars // prints above the bars
	}
	fmt.Fprintln(w, s)
}

// Say prints a note for people.
func (p *Printer) Say(format string, args ...any) {
	if !p.opts.Quiet {
		p.line(fmt.Sprintf(format, args...))
	}
}

// Warn prints a warning. A warning never changes the exit code.
func (p *Printer) Warn(format string, args ...any) {
	p.line(p.paint(yellow, "warning: ") + fmt.Sprintf(format, args...))
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

func (p *Printer) paint(color, s string) string {
	if !p.opts.Color {
		return s
	}
	return color + s + reset
}

// Result prints the result on stdout: v as one indented JSON document, or what text writes.
func (p *Printer) Result(v any, text func(w io.Writer) error) error {
	p.Close()
	if !p.opts.JSON {
		return text(p.out)
	}
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// A Stage is one part of a longer work.
type Stage struct {
	p     *Printer
	name  string
	began time.Time
	bar   *mpb.Bar
}

// Unit says what a stage counts.
type Unit bool

// The units.
const (
	Things Unit = false
	Bytes  Unit = true
)

// Stage begins a part of the work; total is how much there is to do. A stage that fails is
// never done: its bar goes when the printer closes.
func (p *Printer) Stage(name string, total int64, unit Unit) *Stage {
	s := &Stage{p: p, name: name, began: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars != nil && total > 0 {
		counts := decor.CountersNoUnit("%d / %d")
		if unit == Bytes {
			counts = decor.CountersKiloByte("% .1f / % .1f")
		}
		s.bar = p.bars.AddBar(total, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name, decor.WC{W: 10, C: decor.DindentRight})),
			mpb.AppendDecorators(counts))
		if p.open == nil {
			p.open = map[*mpb.Bar]bool{}
		}
		p.open[s.bar] = true
	}
	return s
}

// Add tells of progress.
func (s *Stage) Add(n int64) {
	if s.bar != nil {
		s.bar.IncrInt64(n)
	}
}

// Done ends the stage with a line that sums it up.
func (s *Stage) Done(format string, args ...any) time.Duration {
	took := time.Since(s.began)
	if s.bar != nil {
		s.bar.SetTotal(-1, true)
		s.ended()
	}
	s.p.Say("%-10s %s in %s", s.name, fmt.Sprintf(format, args...), Seconds(took))
	return took
}

// Abort ends the stage without a word.
func (s *Stage) Abort() {
	if s.bar != nil {
		s.bar.Abort(true)
		s.ended()
	}
}

func (s *Stage) ended() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	delete(s.p.open, s.bar)
}

// Seconds writes a duration as people read it: "0.42 s", "12.3 s", "2 min 5 s".
func Seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// Size writes a number of bytes in decimal units, as registries do: "54 MB".
func Size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// Count writes a number and its noun, in the plural where it is not one.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return humanize.Comma(int64(n)) + " " + stem + "ies"
	}
	return humanize.Comma(int64(n)) + " " + noun + "s"
}

// ParseSize reads what people write for a number of bytes: "20GB", "500MiB", "1.5G". An empty
// text is zero.
func ParseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q: want a size such as 20GB or 500MiB", s)
	}
	return int64(n), nil
}
