// Package matchspec is a stand-in.
package matchspec

import (
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

type Spec struct {
	Name    string
	Channel string
	v       version.Spec
	build   string
}

func Parse(s string) (Spec, error) {
	s = strings.TrimSpace(s)
	i := strings.IndexAny(s, " =<>!~[")
	if i < 0 {
		return Spec{Name: strings.ToLower(s)}, nil
	}
	sp := Spec{Name: strings.ToLower(s[:i])}
	rest := strings.TrimSpace(s[i:])
	if strings.HasPrefix(rest, "[") {
		return sp, nil
	}
	rest = strings.ReplaceAll(rest, ", ", ",")
	rest = strings.ReplaceAll(rest, "> ", ">")
	rest = strings.ReplaceAll(rest, "= ", "=")
	f := strings.Fields(rest)
	ver := f[0]
	if len(f) > 1 {
		sp.build = f[1]
	}
	if strings.HasPrefix(ver, "=") && !strings.HasPrefix(ver, "==") {
		ver = ver[1:]
		if a, b, ok := strings.Cut(ver, "="); ok {
			ver, sp.build = a, b
		} else if !strings.HasSuffix(ver, "*") {
			ver += ".*"
		}
	}
	if strings.HasPrefix(ver, "==") {
		if a, b, ok := strings.Cut(ver[2:], "="); ok {
			ver, sp.build = "=="+a, b
		}
	}
	var err error
	sp.v, err = version.ParseSpec(ver)
	return sp, err
}

func (s Spec) Match(r *record.Record, v version.Version) bool {
	return s.v.Match(v) && (s.build == "" || version.Glob(s.build, r.Build))
}

func (s Spec) MatchesChannel(r *record.Record) bool { return true }
