package recipe

import (
	"context"
	"flag"
	"os"
	"testing"
)

var repin = flag.Bool("pin", false, "write debs.tsv for what the suites have today")

func TestPin(t *testing.T) {
	if !*repin {
		t.Skip("changes debs.tsv; ask with -pin")
	}
	text, err := Pin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("debs.tsv", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
