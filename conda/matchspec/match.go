package matchspec

import (
	"slices"
	"strconv"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

// Match tells whether s wants r. A record whose version is none is wanted only by a spec
// of any version.
func (s *Spec) Match(r *record.Record) bool {
	if !s.Name.Match(r.Name) || !s.Build.Match(r.Build) {
		return false
	}
	if !s.Version.IsAny() {
		v, err := version.Parse(r.Version)
		if err != nil || !s.Version.Match(v) {
			return false
		}
	}
	return s.OnlyNameVersionBuild() || s.MatchRest(r)
}

// MatchVersionBuild compares a version that is parsed already, and a build. For a spec of which
// OnlyNameVersionBuild is true that is the whole of Match once the name is right; for
// another, MatchRest does the rest.
func (s *Spec) MatchVersionBuild(v version.Version, build string) bool {
	return s.Version.Match(v) && s.Build.Match(build)
}

// MatchRest compares everything but name, version and build.
func (s *Spec) MatchRest(r *record.Record) bool {
	return s.Subdir.matchAny(string(r.Subdir)) &&
		matchChannel(s.Channel, r.Channel) &&
		(s.BuildNumber.IsAny() || s.BuildNumber.Match(numberVersion(r.BuildNumber))) &&
		s.FileName.Match(r.FileName) &&
		(s.URL == "" || matchURL(s.URL, r)) &&
		(s.MD5.IsAny() || s.MD5.Match(r.MD5.String())) &&
		(s.SHA256.IsAny() || s.SHA256.Match(r.SHA256.String())) &&
		s.License.Match(r.License) &&
		s.LicenseFamily.Match(r.LicenseFamily) &&
		(s.TrackFeatures == nil || sameFeatures(s.TrackFeatures, r.TrackFeatures)) &&
		(s.Features == nil || sameFeatures(s.Features, r.Features)) &&
		matchFlags(s.Flags, r.Flags)
}

func numberVersion(n int64) version.Version {
	v, err := version.Parse(strconv.FormatInt(n, 10))
	if err != nil {
		return version.Version{} // a build number below zero is like none
	}
	return v
}

// sameFeatures compares sets, as conda does: a record with one feature more is another.
func sameFeatures(sorted []string, have record.Features) bool {
	have = slices.Clone(have)
	slices.Sort(have)
	return slices.Equal(sorted, slices.Compact(have))
}

func matchFlags(want []Pattern, have []string) bool {
	for _, p := range want {
		if !slices.ContainsFunc(have, p.Match) {
			return false
		}
	}
	return true
}

// matchURL compares where two URLs lead, credentials and query aside.
func matchURL(want string, r *record.Record) bool {
	have := r.URL
	if have == "" {
		have = r.Location().URL()
	}
	if want == have {
		return true
	}
	w, err := record.ParseURL(want)
	if err != nil {
		return false
	}
	h, err := record.ParseURL(have)
	return err == nil && w == h
}
