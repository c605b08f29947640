package pep508

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nasa-openscapes/corn/internal/testkit/conformancetest"
	"github.com/nasa-openscapes/corn/pypi/pep440"
)

// A row is one case of pypa/packaging's tests. Pointers and raw values tell what is absent from what is empty.
type row struct {
	Requirement, Marker, Name              *string
	Extras                                 []string
	URL, Specifier, Str, Equal, Equivalent *string
	Differs, Normalized                    *string
	Env                                    map[string]json.RawMessage
	Result                                 *bool
	Valid, Invalid, Undefined              bool
}

func cases(t *testing.T, name string) []row {
	t.Helper()
	return conformancetest.Cases[row](t, name, 10)
}

func TestConformanceNames(t *testing.T) {
	for _, c := range cases(t, "names.jsonl") {
		switch {
		case c.Normalized != nil:
			if got, err := ParseName(*c.Name); err != nil || got != *c.Normalized || NormalizeName(*c.Name) != got {
				t.Errorf("ParseName(%q) = %q, %v, want %q", *c.Name, got, err, *c.Normalized)
			}
		case c.Invalid:
			if got, err := ParseName(*c.Name); err == nil {
				t.Errorf("ParseName(%q) = %q, want an error", *c.Name, got)
			}
		}
	}
}

func TestConformanceMarkers(t *testing.T) {
	for _, c := range cases(t, "markers.jsonl") {
		m, err := ParseMarker(*c.Marker)
		if c.Invalid {
			if err == nil {
				t.Errorf("ParseMarker(%q) = %q, want an error", *c.Marker, m)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		switch {
		case c.Str != nil:
			if m.String() != *c.Str {
				t.Errorf("%q prints as %q, want %q", *c.Marker, m, *c.Str)
			}
		case c.Differs != nil:
			if o := MustParseMarker(*c.Differs); m.String() == o.String() {
				t.Errorf("%q and %q print as one", *c.Marker, *c.Differs)
			}
		case c.Undefined:
			if got, err := m.Eval(CPython("3.12.1", "Linux", "x86_64")); err == nil {
				t.Errorf("%q = %v, want an error", *c.Marker, got)
			}
		case c.Result != nil:
			if got, err := m.Eval(envOf(t, c.Env)); err != nil || got != *c.Result {
				t.Errorf("%q in %s = %v, %v, want %v", *c.Marker, c.Env, got, err, *c.Result)
			}
		}
	}
}

// envOf is an environment in which the values of a case replace others.
func envOf(t *testing.T, values map[string]json.RawMessage) Environment {
	env := CPython("3.12.1", "Linux", "x86_64")
	fields := map[string]any{
		"python_version": &env.PythonVersion, "python_full_version": &env.PythonFullVersion, "os_name": &env.OSName,
		"sys_platform": &env.SysPlatform, "platform_machine": &env.PlatformMachine, "platform_system": &env.PlatformSystem,
		"platform_python_implementation": &env.PlatformPythonImplementation, "extra": &env.Extra,
		"extras": &env.Extras, "dependency_groups": &env.DependencyGroups,
		"implementation_name": &env.ImplementationName, "implementation_version": &env.ImplementationVersion,
		"platform_release": &env.PlatformRelease, "platform_version": &env.PlatformVersion,
	}
	for k, v := range values {
		if fields[k] == nil {
			t.Fatalf("no field for %s", k)
		}
		if err := json.Unmarshal(v, fields[k]); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

func TestConformanceRequirements(t *testing.T) {
	for _, c := range cases(t, "requirements.jsonl") {
		r, err := Parse(*c.Requirement)
		if c.Invalid {
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", *c.Requirement, r)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if c.Name != nil && r.Name != *c.Name {
			t.Errorf("%q has the name %q, want %q", *c.Requirement, r.Name, *c.Name)
		}
		if c.Extras != nil && !slices.Equal(r.Extras, c.Extras) && len(c.Extras)+len(r.Extras) > 0 {
			t.Errorf("%q has the extras %q, want %q", *c.Requirement, r.Extras, c.Extras)
		}
		if c.URL != nil && r.URL != *c.URL {
			t.Errorf("%q has the URL %q, want %q", *c.Requirement, r.URL, *c.URL)
		}
		if c.Specifier != nil && r.Specifiers.String() != pep440.MustParseSpecifiers(*c.Specifier).String() {
			t.Errorf("%q has the versions %q, want %q", *c.Requirement, r.Specifiers, *c.Specifier)
		}
		if c.Marker != nil && r.Marker.String() != MustParseMarker(*c.Marker).String() {
			t.Errorf("%q has the marker %q, want %q", *c.Requirement, r.Marker, *c.Marker)
		}
		if c.Str != nil && r.String() != *c.Str {
			t.Errorf("%q prints as %q, want %q", *c.Requirement, r, *c.Str)
		}
		for _, other := range []*string{c.Equal, c.Equivalent} {
			if other != nil && !r.Equal(MustParse(*other)) {
				t.Errorf("%q does not equal %q", *c.Requirement, *other)
			}
		}
		if c.Differs != nil && r.Equal(MustParse(*c.Differs)) {
			t.Errorf("%q equals %q", *c.Requirement, *c.Differs)
		}
	}
}
