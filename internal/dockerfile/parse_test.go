package dockerfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestParseAsBuildKit compares with what record wrote down.
func TestParseAsBuildKit(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/parse.txtar")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/buildkit.golden")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range ar.Files {
		fmt.Fprintf(&got, "-- %s --\n", f.Name)
		parsed, err := Parse(f.Name, f.Data)
		if err != nil {
			if _, ok := errors.AsType[*ParseError](err); !ok {
				t.Errorf("%s: error of type %T: %v", f.Name, err, err)
			}
			got.WriteString("refused\n")
			continue
		}
		for i := range parsed.Instructions {
			show(t, &got, &parsed.Instructions[i])
		}
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
		t.Errorf("(-BuildKit +corn)\n%s", d)
	}
}

func show(t *testing.T, w *strings.Builder, in *Instruction) {
	t.Helper()
	values := []string{in.Args}
	switch in.Keyword {
	case "ENV", "LABEL":
		pairs, err := in.pairs()
		if err != nil {
			t.Fatal(err)
		}
		values = nil
		for _, p := range pairs {
			name := p.Name
			if strings.Contains(name, " ") {
				name = `"` + name + `"` // BuildKit keeps the quotes here, and takes them off later
			}
			values = append(values, name+"="+p.Value)
		}
	case "ARG":
		values = splitWords(in.Args, in.escape)
	case "ADD", "COPY", "EXPOSE", "FROM", "VOLUME":
		values = strings.Fields(in.Args)
	case "HEALTHCHECK":
		values = strings.SplitN(in.Args, " ", 2)
	}
	if in.List != nil {
		values = in.List
	}
	flags := []string{}
	for _, f := range in.Flags {
		flag := "--" + f.Name
		if f.Value != "" {
			flag += "=" + f.Value
		}
		flags = append(flags, flag)
	}
	onbuild := ""
	if in.OnBuild {
		onbuild = "ONBUILD "
	}
	fmt.Fprintf(w, "%d-%d %s%s flags=%s json=%t values=%s\n", in.Line, in.EndLine, onbuild, in.Keyword, text(flags), in.List != nil, text(values))
	for _, h := range in.Heredocs {
		fmt.Fprintf(w, "  <<%s quoted=%t chomp=%t %s\n", h.Name, h.Quoted, h.Chomp, text([]string{h.Text}))
	}
}

func text(v []string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // texts can be encoded
	return strings.TrimSpace(b.String())
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"empty", "", "Dockerfile:1: has no instruction"},
		{"comments alone", "# a\n\n", "Dockerfile:2: has no instruction"},
		{"an unknown instruction", "FROM a\nRUM echo\n", `Dockerfile:2: "RUM" is no instruction`},
		{"no arguments", "FROM a\n\nRUN \\\n\n", "Dockerfile:3: RUN has no arguments"},
		{"ONBUILD of ONBUILD", "FROM a\nONBUILD ONBUILD RUN a\n", "Dockerfile:2: ONBUILD ONBUILD"},
		{"ONBUILD alone", "FROM a\nONBUILD\n", "Dockerfile:2: ONBUILD names no instruction"},
		{"a heredoc without end", "FROM a\nRUN <<E\nx\n", "Dockerfile:2: the text of <<E does not end"},
		{"another escape", "# escape=/\nFROM a\n", `Dockerfile:1: the escape character is "/"`},
		{"too long", strings.Repeat("#", MaxBytes+1), "Dockerfile:1: has more than 1048576 bytes"},
	} {
		_, err := Parse("Dockerfile", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.why, err, c.want)
		}
	}
}

func TestLineAt(t *testing.T) {
	f, err := Parse("Dockerfile", []byte("FROM a\nRUN --network=none one \\\n  # comment\n  && two \\\n\n  && three\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := &f.Instructions[1]
	for word, line := range map[string]int{"one": 2, "two": 4, "three": 6} {
		if got := in.LineAt(strings.Index(in.Args, word)); got != line {
			t.Errorf("%q of %q is of line %d, want %d", word, in.Args, got, line)
		}
	}
}

func TestUnquote(t *testing.T) {
	vars := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "E": ""}[name]
		return v, ok
	}
	for in, want := range map[string]string{
		`a`: "a", `"a b"`: "a b", `'$A'`: "$A", `"$A"`: "1", `a\ b`: "a b", `\$A`: "$A", `"\a\""`: `\a"`, `'\'`: `\`,
		`${A}x`: "1x", `$A$B`: "1$B", `${B}`: "${B}", `${B:-x}`: "${B:-x}", `${E:-x}`: "x", `${A:-x}`: "1", `${A:+x}`: "x", `${E:+x}`: "", `${A%x}`: "${A%x}",
		`$`: "$", `${`: "${", `${A`: "${A", `$1`: "$1", `a\`: `a\`,
	} {
		if got := unquote(in, '\\', vars); got != want {
			t.Errorf("unquote(%s) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	ar, err := txtar.ParseFile("testdata/parse.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range ar.Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := Parse("Dockerfile", data)
		if err != nil {
			if _, ok := errors.AsType[*ParseError](err); !ok {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		last := 0
		for i := range parsed.Instructions {
			in := &parsed.Instructions[i]
			if in.Line <= last || in.EndLine < in.Line {
				t.Fatalf("instruction %d of lines %d to %d follows one that ends in %d", i, in.Line, in.EndLine, last)
			}
			last = in.EndLine
			for at := range len(in.Args) {
				if line := in.LineAt(at); line < in.Line || line > in.EndLine {
					t.Fatalf("offset %d of lines %d to %d is of line %d", at, in.Line, in.EndLine, line)
				}
			}
		}
		for _, p := range Explain(parsed, Project{}) {
			if p.Line < 1 || len(p.Parts) == 0 {
				t.Fatalf("line %d: %q is not explained", p.Line, p.Text)
			}
		}
	})
}
