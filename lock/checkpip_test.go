package lock

import (
	"errors"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/digest"
)

// What a lock is held against, for each thing that can be said of PyPI.
func TestCheckRequirements(t *testing.T) {
	sum := digest.Sum([]byte("xq"))
	l := &Lock{Path: "l", Kind: CondaLock, Platforms: []string{"linux-64"}, Packages: []Package{
		{Manager: Conda, Name: "python", Version: "3.12.4", Platform: "linux-64", Category: MainCategory, URL: "u1"},
		{Manager: Conda, Name: "pytorch", Version: "2.4.0", Platform: "linux-64", Category: MainCategory, URL: "u2"},
		{Manager: Conda, Name: "seaborn-base", Version: "0.13", Platform: "linux-64", Category: MainCategory, URL: "u3"},
		{Manager: Conda, Name: "odd", Version: "1.0", Platform: "linux-64", Category: MainCategory, URL: "u4"},
		{Manager: Pip, Name: "xq", Version: "0.0.4", Platform: "linux-64", Category: MainCategory, URL: "https://h/xq.whl", SHA256: sum,
			Depends: []Dependency{{"torch", ">=2"}, {"url-dep", "@ https://h/x.whl"}}},
		{Manager: Pip, Name: "url-dep", Version: "1.0rc1", Platform: "linux-64", Category: MainCategory, URL: "https://h/u-1.0rc1-py3-none-any.whl", FileName: "url_dep-1.0rc1-py3-none-any.whl"},
	}}
	for _, c := range []struct {
		name   string
		req    Request
		reason string // empty: the lock is an answer
	}{
		{"there", Request{Pip: []Ask{{Text: "xq"}, {Text: "Xq >=0.0.4, <1"}}}, ""},
		{"too old", Request{Pip: []Ask{{Text: "xq>=1", File: "r.txt", Line: 3}}}, "r.txt:3 asks xq>=1: the lock has xq 0.0.4"},
		{"not there", Request{Pip: []Ask{{Text: "nobody"}}}, "the lock has no wheel of nobody"},
		{"a marker leaves it out", Request{Pip: []Ask{{Text: `nobody; python_version < "3.12"`}}}, ""},
		{"a marker does not", Request{Pip: []Ask{{Text: `nobody; python_version >= "3.12"`}}}, "no wheel of nobody"},
		{"another platform", Request{Pip: []Ask{{Text: `nobody; sys_platform == "darwin"`}}}, ""},
		{"conda has it under another name", Request{Pip: []Ask{{Text: "torch>=2.4"}, {Text: "seaborn"}}}, ""},
		{"and too old", Request{Pip: []Ask{{Text: "torch>=3"}}}, "the lock has pytorch 2.4.0"},
		{"somebody knows who brings it", Request{Pip: []Ask{{Text: "even"}}, Brings: map[string]string{"even": "odd"}}, ""},
		{"a release candidate that is there", Request{Pip: []Ask{{Text: "url-dep<=1.0"}}}, ""},
		{"from there", Request{Pip: []Ask{{Text: "url-dep @ https://u:p@h/u-1.0rc1-py3-none-any.whl#sha256=0"}}}, ""},
		{"from elsewhere", Request{Pip: []Ask{{Text: "url-dep @ https://other/u-1.0rc1-py3-none-any.whl"}}}, "the lock has it from https://h/u"},
		{"a constraint that holds", Request{Limits: []Ask{{Text: "xq<1"}, {Text: "nobody<1"}, {Text: "pytorch<2"}}}, ""},
		{"a constraint that does not", Request{Limits: []Ask{{Text: "xq<0.0.4"}}}, "the lock has xq 0.0.4"},
		{"a hash that is allowed", Request{Hashes: map[string][]string{"xq": {"sha256:00", "sha256:" + sum.String()}}}, ""},
		{"a hash that is not", Request{Hashes: map[string][]string{"xq": {"sha256:00"}}}, "a sha256 that its requirement does not allow"},
		{"a wheel by its path", Request{Pip: []Ask{{Text: "./w/url_dep-1.0rc1-py3-none-any.whl[x] ; os_name == 'posix'", Name: "url_dep"}}}, ""},
		{"another wheel", Request{Pip: []Ask{{Text: "./w/url_dep-2.0-py3-none-any.whl", Name: "url_dep"}}}, "the lock has url_dep-1.0rc1-py3-none-any.whl"},
		{"a wheel that is not there", Request{Pip: []Ask{{Text: "https://h/gone-2.0-py3-none-any.whl#sha256=0", Name: "gone"}}}, "no wheel of gone"},
		{"a path", Request{Pip: []Ask{{Text: "./x.whl"}, {Text: "git+https://h/x"}}}, ""},
	} {
		c.req.Platform = "linux-64"
		for what, err := range map[string]error{"Check": l.Check(c.req), "CheckPip": l.CheckPip(c.req)} {
			var stale *StaleError
			switch {
			case c.reason == "" && err != nil:
				t.Errorf("%s: %s: %v", what, c.name, err)
			case c.reason != "" && (!errors.As(err, &stale) || !strings.Contains(err.Error(), c.reason)):
				t.Errorf("%s: %s: %v, want %q", what, c.name, err, c.reason)
			}
		}
	}
	l.Packages[4].Depends = append(l.Packages[4].Depends, Dependency{"gone", "*"})
	if err := l.CheckPip(Request{Platform: "linux-64"}); err == nil || !strings.Contains(err.Error(), "xq 0.0.4 depends on gone") {
		t.Errorf("a dependency that is not there: %v", err)
	}
	if err := l.Check(Request{Platform: "linux-64"}); err != nil {
		t.Errorf("other tools list what markers leave out: %v", err)
	}
	l.Packages[4].Depends = []Dependency{{"torch", ">=9"}}
	if err := l.CheckPip(Request{Platform: "linux-64"}); err == nil || !strings.Contains(err.Error(), "the lock has pytorch 2.4.0") {
		t.Errorf("a dependency of another version: %v", err)
	}
}
