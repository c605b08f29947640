package exec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/filetree"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		path string
		keep bool
	}{
		{"usr/bin/less", true}, {"etc/ld.so.cache", true}, {"var/lib/dpkg/status", true}, {"var/lib/apt/extended_states", true},
		{"var/cache/debconf/templates.dat", true}, {"home/jovyan/.jupyter/config.py", true}, {"srv/tmp/x", true}, {"var/tmpfiles", true},
		{"home/jovyan/.conda/rc", true}, {"root/.bashrc", true}, {"usr/bin/.wh.less", true},
		{"var/log/dpkg.log", false}, {"var/lib/dpkg/status-old", false}, {"var/lib/dpkg/lock-frontend", false}, {"var/lib/dpkg/triggers/Lock", false},
		{"var/cache/apt/pkgcache.bin", false}, {"var/cache/debconf/templates.dat-old", false}, {"var/lib/apt/lists/deb.example_Packages", false},
		{"tmp/x", false}, {"run/x", false}, {"dev/null", false}, {"etc/passwd-", false}, {"root/.cache/pip/x", false},
		{"home/jovyan/.cache/pip/x", false}, {"home/jovyan/.npm", false}, {"home/jovyan/.conda/environments.txt", false}, {"var/log/.wh.dpkg.log", false},
	} {
		e := filetree.Entry{Path: c.path, Type: filetree.File, ModTime: 1}
		if got := Clean(&e, "home/jovyan"); got != c.keep {
			t.Errorf("Clean(%s) = %t, want %t", c.path, got, c.keep)
		}
		if e.ModTime != filetree.Epoch1980 {
			t.Errorf("%s has time %d, want 1980", c.path, e.ModTime)
		}
	}
	for p, keep := range map[string]bool{"var/log": true, "var/log/apt": true, "var/lib/apt/lists": true, "var/lib/apt/lists/partial": false, "tmp": true, "tmp/x": false} {
		if got := Clean(&filetree.Entry{Path: p, Type: filetree.Dir}, ""); got != keep {
			t.Errorf("Clean(folder %s) = %t, want %t", p, got, keep)
		}
	}
}

func TestLines(t *testing.T) {
	var said []string
	l := &Lines{Say: func(s string) { said = append(said, s) }}
	for _, s := range []string{"one\ntw", "o\r\n", "  5%\r 50%\r100%\n", "\x1b[31mred\x07\tx\n", strings.Repeat("y", maxLineBytes+1), "\n", "\xff\n", "rest"} {
		if n, err := fmt.Fprint(l, s); n != len(s) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	want := []string{"one", "two", "100%", "[31mred\tx", strings.Repeat("y", maxLineBytes), "y", "?", "rest"}
	if last := l.Last(); !slices.Equal(last, want) {
		t.Errorf("Last (-want +got):\n%s", cmp.Diff(want, last))
	}
	if !slices.Equal(said, want) {
		t.Errorf("said (-want +got):\n%s", cmp.Diff(want, said))
	}
	for i := range 2 * lastLines {
		fmt.Fprintln(l, i)
	}
	if last := l.Last(); len(last) != lastLines || last[0] != fmt.Sprint(lastLines) {
		t.Errorf("Last of many = %q", last)
	}
}

func TestAptCommands(t *testing.T) {
	for _, c := range AptCommands([]string{"less", "-y"}) {
		if i := slices.Index(c, "-y"); c[0] != "apt-get" || slices.Contains(c, "install") && (slices.Index(c, "--") < i || c[len(c)-1] != "-y") {
			t.Errorf("%q: want names behind --", c)
		}
	}
}

func TestProxies(t *testing.T) {
	got := Proxies([]string{"PATH=/bin", "https_proxy=http://p:1", "HTTP_PROXY=", "NO_PROXY=localhost", "MY_HTTP_PROXY=x", "HOME=/root"})
	if want := []string{"https_proxy=http://p:1", "NO_PROXY=localhost"}; !slices.Equal(got, want) {
		t.Errorf("Proxies = %q, want %q", got, want)
	}
}

func TestEnv(t *testing.T) {
	env := Env([]string{"PATH=/srv/bin", "A=1", "PYTHONHASHSEED=7"}, "/home/jovyan", "A=2", "B=x=y")
	for name, want := range map[string]string{"PATH": "/srv/bin", "HOME": "/home/jovyan", "A": "2", "B": "x=y", "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "315619200", "C": ""} {
		if got := Getenv(env, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
