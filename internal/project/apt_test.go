package project

import (
	"slices"
	"strings"
	"testing"
)

func TestParseApt(t *testing.T) {
	for _, c := range []struct{ why, text, want, wantError string }{
		{"names, comments and blank lines", "# graphics\nlibgl1\n\n  xvfb # for tests\r\nffmpeg libsm6\n", "libgl1 xvfb ffmpeg libsm6", ""},
		{"versions, architectures, releases", "g++=4:14.2.0-1\nlibc6:arm64\nvim/trixie-backports\n0ad\n", "g++=4:14.2.0-1 libc6:arm64 vim/trixie-backports 0ad", ""},
		{"a byte order mark", "\ufefflibgl1", "libgl1", ""},
		{"nothing", "# nothing\n", "", ""},
		{"a second command", "a1\nlibgl1;rm\n", "", `apt.txt:2: "libgl1;rm" is no package name`},
		{"a substitution", "$(id)\n", "", `apt.txt:1: "$(id)"`},
		{"backticks", "`id`\n", "", "apt.txt:1"},
		{"a pipe", "vim | sh\n", "", `"|"`},
		{"a redirection", "vim > /etc/passwd\n", "", `">"`},
		{"quotes", "'vim'\n", "", "apt.txt:1"},
		{"an option", "vim\n-oAPT::Update::Pre-Invoke::=id\n", "", "apt.txt:2"},
		{"a file", "./evil.deb\n", "", "apt.txt:1"},
		{"a path", "/tmp/evil.deb\n", "", "apt.txt:1"},
		{"a pattern", "linux-*\n", "", "apt.txt:1"},
		{"a removal", "dpkg-\n", "", "apt.txt:1"},
		{"a NUL", "vim\x00\n", "", "apt.txt:1"},
		{"no UTF-8", "vim\xff\n", "", `"vim?"`},
		{"too many", strings.Repeat("vim\n", 2001), "", "apt.txt:2001: has more than 2000 packages"},
	} {
		got, err := ParseApt("apt.txt", []byte(c.text))
		if c.wantError != "" {
			if err == nil || !is[*ParseError](err) || !strings.Contains(err.Error(), c.wantError) {
				t.Errorf("%s: error %v, want one of %s", c.why, err, c.wantError)
			}
			continue
		}
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		if err != nil || !slices.Equal(names, strings.Fields(c.want)) {
			t.Errorf("%s: ParseApt = %q, %v, want %q", c.why, names, err, c.want)
		}
	}
}

func FuzzParseApt(f *testing.F) {
	f.Add("libgl1 # x\nxvfb=2:1.0~1\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseApt("apt.txt", []byte(text))
		if err != nil {
			return
		}
		var names []string
		for _, p := range got {
			if strings.ContainsAny(p.Name, " \t\n;|&$`'\"\\<>*?()[]{}!#\x00") || strings.HasPrefix(p.Name, "-") {
				t.Fatalf("%q is taken for a package", p.Name)
			}
			names = append(names, p.Name)
		}
		again, err := ParseApt("apt.txt", []byte(strings.Join(names, "\n")))
		if err != nil || len(again) != len(got) {
			t.Fatalf("%q is read as %v, %v", names, again, err)
		}
	})
}
