package link

import (
	"errors"
	"strings"
	"testing"
)

func TestParseEntryPoint(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want EntryPoint
	}{
		{"jupyter-lab = jupyterlab.labapp:main", EntryPoint{"jupyter-lab", "jupyterlab.labapp", "main"}},
		{"a=b:c", EntryPoint{"a", "b", "c"}},
		{" a.b  =  _m.x1 : App.launch ", EntryPoint{"a.b", "_m.x1", "App.launch"}},
		{"x=y = m:f", EntryPoint{"x=y", "m", "f"}}, // the last equals sign counts
	} {
		got, err := ParseEntryPoint(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseEntryPoint(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, bad := range []string{
		"", "a", "a = b", "a b:c", "= b:c", ". = b:c", ".. = b:c", "..x = b:c", "a/b = m:f", `a\b = m:f`, "/a = m:f", "C:a = m:f",
		"a b = m:f", "a\tb = m:f", "a\x7f = m:f", "a\nb = m:f", "a = :f", "a = m:", "a = m.:f", "a = 1m:f", "a = m:f()", "a = m:f [extra]",
		"a = m:f\nimport os", "a = m\nimport os:f", "a = m:f;x",
	} {
		e, err := ParseEntryPoint(bad)
		var ee *EntryPointError
		if !errors.As(err, &ee) {
			t.Errorf("ParseEntryPoint(%q) = %+v, %v, want an *EntryPointError", bad, e, err)
		}
	}
}

func TestScript(t *testing.T) {
	e := EntryPoint{"x", "pkg.cli", "App.main"}
	const body = `# -*- coding: utf-8 -*-
import re
import sys

from pkg.cli import App

if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\.pyw?|\.exe)?$', '', sys.argv[0])
    sys.exit(App.main())
`
	fits := "/" + strings.Repeat("x", 124)
	for _, tt := range []struct{ why, python, shebang string }{
		{"usual", "/srv/conda/envs/a/bin/python3.13", "#!/srv/conda/envs/a/bin/python3.13\n"},
		{"125 bytes fit", fits, "#!" + fits + "\n"},
		{"126 bytes do not", fits + "y", "#!/bin/sh\n'''exec' \"" + fits + "y\" \"$0\" \"$@\" #'''\n"},
		{"a blank", "/my env/bin/python3", "#!/bin/sh\n'''exec' \"/my env/bin/python3\" \"$0\" \"$@\" #'''\n"},
	} {
		if got, want := string(e.Script(tt.python)), tt.shebang+body; got != want {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, want)
		}
	}
}

func FuzzParseEntryPoint(f *testing.F) {
	f.Add("jupyter-lab = jupyterlab.labapp:main")
	f.Add("../x = a:b")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEntryPoint(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(e.Command, "/\x00\n") || strings.ContainsAny(e.Module+e.Func, " \n;()") {
			t.Errorf("ParseEntryPoint(%q) = %+v", s, e)
		}
		if again, err := ParseEntryPoint(e.Command + " = " + e.Module + ":" + e.Func); err != nil || again != e {
			t.Errorf("%+v printed and parsed is %+v, %v", e, again, err)
		}
	})
}
