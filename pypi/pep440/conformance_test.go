package pep440

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
)

// cases are those of pypa/packaging, as raw fields that tell what is absent from what is empty.
func cases(t *testing.T, name string) []map[string]json.RawMessage {
	t.Helper()
	return conformancetest.Cases[map[string]json.RawMessage](t, name, 10)
}

func str(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func TestConformanceVersions(t *testing.T) {
	for _, c := range cases(t, "pep440.jsonl") {
		switch {
		case c["valid"] != nil:
			if _, err := Parse(str(c["valid"])); err != nil {
				t.Error(err)
			}
		case c["invalid"] != nil:
			if v, err := Parse(str(c["invalid"])); err == nil {
				t.Errorf("Parse(%s) = %q, want an error", c["invalid"], v)
			}
		case c["op"] != nil:
			got := Compare(MustParse(str(c["a"])), MustParse(str(c["b"])))
			op := str(c["op"])
			ok := map[string]bool{"<": got < 0, ">": got > 0, "==": got == 0, "!=": got != 0, "<=": got <= 0, ">=": got >= 0}[op]
			if !ok {
				t.Errorf("Compare(%s, %s) = %d, want %s", c["a"], c["b"], got, op)
			}
		default:
			v, err := Parse(str(c["version"]))
			if err != nil {
				t.Error(err)
				continue
			}
			for field, want := range c {
				if got, ok := fieldOf(v, field); ok && !sameJSON(got, want) {
					t.Errorf("%s of %s = %v, want %s", field, c["version"], got, want)
				}
			}
		}
	}
}

// fieldOf returns a field as packaging calls it; numbers without quotes.
func fieldOf(v Version, field string) (any, bool) {
	p := v.Parts()
	number := func(s string) any {
		if s == "" {
			return nil
		}
		return json.Number(s)
	}
	switch field {
	case "normalized":
		return v.String(), true
	case "public":
		return v.Public().String(), true
	case "base_version":
		return v.Base().String(), true
	case "epoch":
		return number(p.Epoch), true
	case "release":
		var all []any
		for _, n := range p.Release {
			all = append(all, number(n))
		}
		return all, true
	case "local":
		if p.Local == "" {
			return nil, true
		}
		return p.Local, true
	case "pre":
		if p.Pre == "" {
			return nil, true
		}
		return []any{p.Pre, number(p.PreNum)}, true
	case "post":
		return number(p.Post), true
	case "dev":
		return number(p.Dev), true
	case "is_prerelease":
		return v.IsPrerelease(), true
	case "is_postrelease":
		return p.Post != "", true
	case "is_devrelease":
		return p.Dev != "", true
	}
	return nil, false
}

func sameJSON(got any, want json.RawMessage) bool {
	b, err := json.Marshal(got)
	var x, y any
	return err == nil && json.Unmarshal(b, &x) == nil && json.Unmarshal(want, &y) == nil && slices.Equal(flat(x), flat(y))
}

func flat(x any) []any {
	if list, ok := x.([]any); ok {
		return list
	}
	return []any{x}
}

func TestConformanceCanonical(t *testing.T) {
	for _, c := range cases(t, "names.jsonl") {
		if c["canonical"] == nil {
			continue
		}
		got := str(c["version"])
		if v, err := Parse(got); err == nil {
			got = v.Canonical()
		}
		if got != str(c["canonical"]) {
			t.Errorf("Canonical of %s = %q, want %s", c["version"], got, c["canonical"])
		}
	}
}

func TestConformanceSpecifiers(t *testing.T) {
	for _, c := range cases(t, "specifiers.jsonl") {
		policy := PrereleasesLast
		switch string(c["prereleases"]) {
		case "true":
			policy = AllowPrereleases
		case "false":
			policy = RefusePrereleases
		}
		if string(c["installed"]) == "true" {
			if v, err := Parse(str(c["version"])); err == nil && v.IsPrerelease() {
				policy = AllowPrereleases
			}
		}
		if c["relation"] != nil {
			left, right := MustParseSpecifiers(str(c["left"])).Ranges(), MustParseSpecifiers(str(c["right"])).Ranges()
			got := map[string]bool{"subset": left.SubsetOf(right), "superset": right.SubsetOf(left), "disjoint": left.Disjoint(right)}[str(c["relation"])]
			if got != (string(c["match"]) == "true") {
				t.Errorf("%s %s of %s = %v", c["left"], str(c["relation"]), c["right"], got)
			}
			continue
		}
		s, err := ParseSpecifiers(str(c["spec"]))
		if string(c["invalid"]) == "true" {
			if err == nil {
				t.Errorf("ParseSpecifiers(%s) = %q, want an error", c["spec"], s)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		switch {
		case c["match"] != nil:
			got := len(s.FilterTexts([]string{str(c["version"])}, policy)) == 1
			if got != (string(c["match"]) == "true") {
				t.Errorf("%s matches %s (pre-releases: %s) = %v", c["spec"], c["version"], c["prereleases"], got)
			}
		case c["filter"] != nil:
			var in, want []string
			if json.Unmarshal(c["filter"], &in) != nil || json.Unmarshal(c["result"], &want) != nil {
				t.Fatal("lists are no lists")
			}
			if got := s.FilterTexts(in, policy); !slices.Equal(got, want) {
				t.Errorf("%s filters %s (pre-releases: %s) to %q, want %s", c["spec"], c["filter"], c["prereleases"], got, c["result"])
			}
		case c["str"] != nil:
			if got := s.String(); got != str(c["str"]) {
				t.Errorf("%s prints as %q, want %s", c["spec"], got, c["str"])
			}
		case c["equivalent"] != nil:
			if o := MustParseSpecifiers(str(c["equivalent"])); s.Canonical() != o.Canonical() {
				t.Errorf("%s is %q, and %s is %q", c["spec"], s.Canonical(), c["equivalent"], o.Canonical())
			}
		case c["prereleases_implied"] != nil:
			if got := s.AdmitPrereleases(); got != (string(c["prereleases_implied"]) == "true") {
				t.Errorf("AdmitPrereleases of %s = %v", c["spec"], got)
			}
		case c["unsatisfiable"] != nil:
			if got := s.IsUnsatisfiable(policy); got != (string(c["unsatisfiable"]) == "true") {
				t.Errorf("IsUnsatisfiable of %s = %v", c["spec"], got)
			}
		case c["valid"] == nil:
			t.Errorf("a case of an unknown shape: %s %s", c["spec"], strings.Join(keysOf(c), " "))
		}
	}
}

func keysOf(c map[string]json.RawMessage) []string {
	var out []string
	for k := range c {
		out = append(out, k)
	}
	return out
}
