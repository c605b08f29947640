package matchspec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/conda/matchspec"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
)

type conformanceCase struct {
	Spec, Equivalent, Form, Mode, Dialect, Feature string
	Record                                         map[string]any
	Match, Valid, Invalid                          bool
	Parsed                                         map[string]any
	Exact                                          map[string]*string
	Merge, Result                                  []string
}

// decidedOtherwise are cases of one tool that contradict CEP 29 or another tool's case; the
// reasons are in docs/design/matchspec.md.
var decidedOtherwise = map[string]string{
	"package[a]":   "words without a value are ignored with a warning, as conda's classic parser does",
	"package[a,b]": "likewise",
	"numpy >1.8,<2|==1.7,!=1.9,~=1.7.1 py34_0":                                                   `mamba binds "|" tighter; CEP 29 says ","`,
	"defaults::numpy [ name=\"pytorch\",channel='anaconda',version=\">=1.8,<2|1.9\", build='3']": "likewise",
}

var (
	notHex = regexp.MustCompile(`(md5|sha256)=([a-z0-9]+)`)
	isHex  = regexp.MustCompile(`^[0-9a-f]+$`)
)

// hash turns what some cases have for a hash into one, in spec and record alike.
func hash(kind, text string) string {
	if text == "" || isHex.MatchString(text) && len(text) >= 32 {
		return text
	}
	if kind == "md5" {
		return digest.SumMD5([]byte(text)).String()
	}
	return digest.Sum([]byte(text)).String()
}

func recordOf(t *testing.T, fields map[string]any) *record.Record {
	t.Helper()
	for _, k := range []string{"md5", "sha256"} {
		if s, ok := fields[k].(string); ok {
			fields[k] = hash(k, s)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var r record.Record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return &r
}

func TestConformance(t *testing.T) {
	for _, c := range conformancetest.Cases[conformanceCase](t, "matchspec.jsonl", 150) {
		if decidedOtherwise[c.Spec] != "" || c.Invalid && c.Mode == "strict" {
			continue
		}
		if c.Merge != nil {
			checkMerge(t, c)
			continue
		}
		text := notHex.ReplaceAllStringFunc(c.Spec, func(s string) string {
			k, v, _ := strings.Cut(s, "=")
			return k + "=" + hash(k, v)
		})
		s, err := matchspec.Parse(text)
		if c.Invalid {
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", c.Spec, s)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", c.Spec, err)
			continue
		}
		if again, err := matchspec.Parse(s.String()); err != nil || again.String() != s.String() {
			t.Errorf("Parse(%q) prints %q, which parses to %q, %v", c.Spec, s, again, err)
		}
		switch {
		case c.Equivalent != "":
			if want, err := matchspec.Parse(c.Equivalent); err != nil || s.String() != want.String() {
				t.Errorf("Parse(%q) = %q, want what %q is: %v", c.Spec, s, c.Equivalent, want)
			}
		case c.Record != nil:
			if got := s.Match(recordOf(t, c.Record)); got != c.Match {
				t.Errorf("Parse(%q).Match(%v) = %v, want %v", c.Spec, c.Record, got, c.Match)
			}
		case c.Exact != nil:
			checkExact(t, c, s)
		case c.Parsed != nil:
			checkParsed(t, c, s)
		}
	}
}

func checkMerge(t *testing.T, c conformanceCase) {
	var specs []*matchspec.Spec
	for _, s := range c.Merge {
		specs = append(specs, matchspec.MustParse(s))
	}
	got, err := matchspec.Merge(specs...)
	if c.Invalid {
		if _, ok := errors.AsType[*matchspec.MergeError](err); !ok {
			t.Errorf("Merge(%q) = %v, %v, want a *MergeError", c.Merge, got, err)
		}
		return
	}
	if err != nil || len(c.Result) != 1 || got.String() != matchspec.MustParse(c.Result[0]).String() {
		t.Errorf("Merge(%q) = %v, %v, want %q", c.Merge, got, err, c.Result)
	}
}

func checkExact(t *testing.T, c conformanceCase, s *matchspec.Spec) {
	for field, want := range c.Exact {
		got := map[string]func() (string, bool){
			"name": s.Name.Exact, "build": s.Build.Exact,
			"version": func() (string, bool) { v, ok := s.Version.Exact(); return v.String(), ok },
		}[field]
		if text, ok := got(); ok != (want != nil) || ok && text != *want {
			t.Errorf("Parse(%q) has exact %s %q, %v, want %v", c.Spec, field, text, ok, want)
		}
	}
}

func checkParsed(t *testing.T, c conformanceCase, s *matchspec.Spec) {
	for field, v := range c.Parsed {
		var want string
		switch v := v.(type) {
		case string:
			want = v
		case []any:
			var words []string
			for _, w := range v {
				words = append(words, fmt.Sprint(w))
			}
			want = strings.Join(words, " ")
		}
		if want == "*" {
			want = ""
		}
		got := ""
		exact := func(p matchspec.Pattern) string {
			if p.IsAny() {
				return ""
			}
			return p.String()
		}
		switch field {
		case "name":
			got = exact(s.Name)
		case "build":
			got = exact(s.Build)
		case "version":
			if want != "" {
				if c.Dialect == "rattler" || c.Dialect == "mamba" {
					want = version.MustParseSpec(want).String()
				} else {
					want = matchspec.MustParse("x[version='" + want + "']").Version.String()
				}
			}
			if !s.Version.IsAny() {
				got = s.Version.String()
			}
		case "build_number":
			if want != "" {
				want = version.MustParseSpec(want).String()
			}
			if !s.BuildNumber.IsAny() {
				got = s.BuildNumber.String()
			}
		case "channel":
			ch, subdir, ok := strings.Cut(want, "[") // mamba's way of one
			if ok && s.Subdir.String() != strings.TrimSuffix(subdir, "]") {
				t.Errorf("Parse(%q) has subdir %q, want %q", c.Spec, s.Subdir, want)
			}
			got, want = exact(s.Channel), exact(matchspec.MustParse(ch+"::x").Channel)
			if s.URL != "" || c.Dialect == "rattler" {
				continue // rattler's name of a URL is its path, mamba's that of an archive the archive; channel_url says it
			}
		case "channel_url":
			got, want = exact(s.Channel), exact(matchspec.MustParse(want+"::x").Channel)
		case "subdir":
			got = exact(s.Subdir)
		case "fn":
			got = exact(s.FileName)
		case "url":
			got = s.URL
		case "md5":
			got, want = exact(s.MD5), hash("md5", want)
		case "extras":
			got = strings.Join(s.Extras, " ")
		case "flags":
			var words []string
			for _, f := range s.Flags {
				words = append(words, f.String())
			}
			got = strings.Join(words, " ")
		case "when":
			got, want = s.When.String(), strings.Trim(want, "()")
		default:
			t.Errorf("no field %q known", field)
		}
		if got != want {
			t.Errorf("Parse(%q) has %s %q, want %q", c.Spec, field, got, want)
		}
	}
}
