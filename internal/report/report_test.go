package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestResultIsOneJSONDocument(t *testing.T) {
	var out, talk bytes.Buffer
	p := New(&out, &talk, Options{JSON: true})
	p.Say("a note")
	p.Stage("fetch", 3, Bytes).Done("3 packages")
	if err := p.Result(map[string]string{"digest": "sha256:<x>"}, nil); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["digest"] != "sha256:<x>" {
		t.Errorf("stdout = %q (%v), want one JSON document", out.String(), err)
	}
	if strings.Contains(out.String(), `\u003c`) {
		t.Errorf("stdout escapes HTML: %s", out.String())
	}
	if !strings.Contains(talk.String(), "a note\n") || !strings.Contains(talk.String(), "fetch      3 packages in ") {
		t.Errorf("stderr = %q, want the note and the stage", talk.String())
	}
}

func TestQuietKeepsWarnings(t *testing.T) {
	var out, talk bytes.Buffer
	p := New(&out, &talk, Options{Quiet: true})
	p.Say("a note")
	p.Warn("disk nearly full")
	if got, want := talk.String(), "warning: disk nearly full\n"; got != want {
		t.Errorf("stderr = %q, want %q", got, want)
	}
	if err := p.Result(nil, func(w io.Writer) error { _, err := fmt.Fprintln(w, "x"); return err }); err != nil || out.String() != "x\n" {
		t.Errorf("stdout = %q, %v", out.String(), err)
	}
}

func TestColorOnlyWhenAsked(t *testing.T) {
	for _, color := range []bool{false, true} {
		var talk bytes.Buffer
		p := New(io.Discard, &talk, Options{Color: color})
		p.Warn("w")
		p.Error(errors.New("e"))
		if got := strings.Contains(talk.String(), "\x1b["); got != color {
			t.Errorf("Color: %v printed escapes: %v\n%q", color, got, talk.String())
		}
	}
}

// TestCloseEndsOpenStages: an error leaves stages open, and the program has to end all the same.
func TestCloseEndsOpenStages(t *testing.T) {
	var talk bytes.Buffer
	p := New(io.Discard, &talk, Options{Bars: true})
	p.Stage("fetch", 10, Bytes).Add(3)
	p.Stage("link", 10, Bytes).Abort()
	s := p.Stage("facts", 10, Things)
	code := make(chan int, 1)
	go func() { code <- p.Error(errors.New("e")) }()
	select {
	case got := <-code:
		if got != int(Unexpected) || !strings.Contains(talk.String(), "corn: error: e\n") {
			t.Errorf("Error = %d, printed %q", got, talk.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Error waits for a stage that nobody ends")
	}
	s.Add(1) // a goroutine that is late
	s.Done("of 10")
	p.Close()
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Seconds(420 * time.Millisecond), "0.42 s"},
		{Seconds(12300 * time.Millisecond), "12.3 s"},
		{Seconds(125 * time.Second), "2 min 5 s"},
		{Size(54_000_000), "54 MB"},
		{Size(-1), "0 B"},
		{Count(1, "package"), "1 package"},
		{Count(1200, "package"), "1,200 packages"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
