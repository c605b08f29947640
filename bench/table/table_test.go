package table

import (
	"strings"
	"testing"
	"time"
)

func TestPrint(t *testing.T) {
	tab := Table{Title: "Builds", Head: []string{"what", "s", "MB"}, Notes: []string{"one core"}}
	tab.Add("corn", Seconds(1234*time.Millisecond), MB(93_834_601))
	tab.Add("nothing", Seconds(0), MB(0))
	for _, c := range []struct {
		name  string
		print func(*strings.Builder) error
		want  string
	}{
		{"text", func(b *strings.Builder) error { return tab.Text(b) },
			"\nBuilds\n  what       s  MB\n  corn     1.2  94\n  nothing    -   -\n  (one core)\n"},
		{"markdown", func(b *strings.Builder) error { return tab.Markdown(b) },
			"## Builds\n\n| what | s | MB |\n| --- | ---: | ---: |\n| corn | 1.2 | 94 |\n| nothing | - | - |\n\none core\n\n"},
	} {
		var b strings.Builder
		if err := c.print(&b); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%s = %q, want %q", c.name, &b, c.want)
		}
	}
	if got := Ratio(int64(30), int64(20)); got != "1.50" {
		t.Errorf("Ratio(30, 20) = %s, want 1.50", got)
	}
}
