package matchspec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// A MergeError reports specs that no record can satisfy together, or that no one spec can say.
type MergeError struct {
	Field string // "build"
	A, B  string
}

func (e *MergeError) Error() string {
	return fmt.Sprintf("two specs of one package ask for %s %s and %s", e.Field, e.A, e.B)
}

// Merge makes one spec that wants what all of specs want. They are of one name. The order does
// not matter. The error is a *MergeError.
func Merge(specs ...*Spec) (*Spec, error) {
	if len(specs) == 0 {
		return &Spec{}, nil
	}
	text := func(s *Spec) string { return strings.TrimPrefix(s.Version.String(), "==") } // conda's order
	specs = slices.SortedFunc(slices.Values(specs), func(a, b *Spec) int { return cmp.Compare(text(a), text(b)) })
	out := *specs[0]
	versions, numbers := []version.Spec{out.Version}, out.BuildNumber
	for _, s := range specs[1:] {
		versions = append(versions, s.Version)
		numbers = version.All(numbers, s.BuildNumber)
		if err := out.merge(s); err != nil {
			return nil, err
		}
	}
	out.Version = version.All(versions...)
	out.BuildNumber = numbers
	return &out, nil
}

func (s *Spec) merge(t *Spec) error {
	for _, f := range []struct {
		name string
		a    *Pattern
		b    Pattern
	}{
		{"name", &s.Name, t.Name}, {"build", &s.Build, t.Build}, {"channel", &s.Channel, t.Channel}, {"subdir", &s.Subdir, t.Subdir},
		{"fn", &s.FileName, t.FileName}, {"md5", &s.MD5, t.MD5}, {"sha256", &s.SHA256, t.SHA256},
		{"license", &s.License, t.License}, {"license_family", &s.LicenseFamily, t.LicenseFamily},
	} {
		p, ok := narrower(*f.a, f.b)
		if !ok {
			return &MergeError{Field: f.name, A: f.a.String(), B: f.b.String()}
		}
		*f.a = p
	}
	if a, b := exactNumber(s.BuildNumber), exactNumber(t.BuildNumber); a != "" && b != "" && a != b {
		return &MergeError{Field: "build_number", A: a, B: b}
	}
	for _, f := range []struct {
		name string
		a    *[]string
		b    []string
	}{{"track_features", &s.TrackFeatures, t.TrackFeatures}, {"features", &s.Features, t.Features}} {
		if *f.a != nil && f.b != nil && !slices.Equal(*f.a, f.b) {
			return &MergeError{Field: f.name, A: fmt.Sprint(*f.a), B: fmt.Sprint(f.b)}
		}
		if *f.a == nil {
			*f.a = f.b
		}
	}
	if s.URL != "" && t.URL != "" && s.URL != t.URL {
		return &MergeError{Field: "url", A: record.Redact(s.URL), B: record.Redact(t.URL)}
	}
	if a, b := s.When.String(), t.When.String(); a != b {
		return &MergeError{Field: "when", A: cmp.Or(a, "nothing"), B: cmp.Or(b, "nothing")}
	}
	s.URL = cmp.Or(s.URL, t.URL)
	s.Extras = union(s.Extras, t.Extras, cmp.Compare[string])
	s.Flags = union(s.Flags, t.Flags, func(a, b Pattern) int { return cmp.Compare(a.text, b.text) })
	s.Optional = s.Optional && t.Optional
	s.Warnings = slices.Concat(s.Warnings, t.Warnings)
	return nil
}

func exactNumber(s version.Spec) string {
	v, _ := s.Exact()
	return v.String()
}

func union[T any](a, b []T, compare func(a, b T) int) []T {
	all := slices.SortedFunc(slices.Values(slices.Concat(a, b)), compare)
	return slices.CompactFunc(all, func(a, b T) bool { return compare(a, b) == 0 })
}

// narrower returns the pattern that is like what both are like, if one of them is that.
func narrower(a, b Pattern) (Pattern, bool) {
	if _, exact := a.Exact(); exact && b.Match(a.text) {
		return a, true
	}
	if _, exact := b.Exact(); exact && a.Match(b.text) {
		return b, true
	}
	switch {
	case a.IsAny():
		return b, true
	case b.IsAny() || a.text == b.text:
		return a, true
	}
	return Pattern{}, false
}
