package matchspec

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
)

const knownKeys = "version, build, build_number, channel, subdir, fn, url, md5, sha256, license, license_family, track_features, features, flags, extras, when"

// set stores the value of the key that stands at a place.
func (p *parser) set(key string, at int, v value) {
	if p.err != nil {
		return
	}
	s := p.spec
	if v.isList && key != "extras" && key != "flags" {
		p.fail(v.at, "%s takes one value, not a list", key)
		return
	}
	switch key {
	case "name":
		p.warn("name= in brackets is ignored: the name stands before them")
	case "version":
		s.Version = p.version(v.part)
	case "build", "build_string":
		s.Build = p.pattern("build", v.part)
	case "build_number":
		s.BuildNumber = p.buildNumber(v.part)
	case "channel":
		p.channel(v.part)
	case "subdir":
		s.Subdir = p.pattern("subdir", v.part)
	case "fn":
		s.FileName = p.pattern("file name", v.part)
	case "url":
		p.url(part{fileURL(v.text), v.at})
	case "md5":
		s.MD5 = p.pattern("md5", v.part)
	case "sha256":
		s.SHA256 = p.pattern("sha256", v.part)
	case "license":
		s.License = p.pattern("license", v.part)
	case "license_family":
		s.LicenseFamily = p.pattern("license family", v.part)
	case "track_features":
		s.TrackFeatures = p.features(v.part)
	case "features":
		s.Features = p.features(v.part)
	case "flags":
		s.Flags = p.flags(v.items())
	case "extras":
		s.Extras = p.extras(v.items())
	case "when":
		p.when(v.part)
	case "optional", "target":
		s.Optional = s.Optional || key == "optional" && strings.EqualFold(v.text, "true")
	default:
		p.fail(at, "%q is no key of a spec: want one of %s", key, knownKeys)
	}
}

func (v value) items() []part {
	if v.isList {
		return v.list
	}
	return []part{v.part}
}

func (p *parser) buildNumber(t part) version.Spec {
	spec := p.version(t)
	if strings.Trim(t.text, "0123456789<>=!~,|()*^$. \"'") != "" {
		p.fail(t.at, "a build number is compared with numbers, got %q", t.text)
	}
	return spec
}

// features are the words of track_features as a sorted set.
func (p *parser) features(t part) []string {
	words := strings.FieldsFunc(t.text, func(r rune) bool { return r == ',' || strings.ContainsRune(spaces, r) })
	if len(words) == 0 {
		p.fail(t.at, "there is no feature in %q", t.text)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

var (
	extraName = regexp.MustCompile(`^[a-z0-9_.+-]{1,64}$`)         // CEP 44
	flagName  = regexp.MustCompile(`^[a-z0-9_*]+(:[a-z0-9_*]+)?$`) // CEP 45
)

func (p *parser) extras(items []part) (out []string) {
	for _, t := range items {
		if !extraName.MatchString(t.text) {
			p.fail(t.at, "%q is no name of an extra: want 1 to 64 of a-z, 0-9 and _.+-", t.text)
			return nil
		}
		out = append(out, t.text)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *parser) flags(items []part) (out []Pattern) {
	for _, t := range items {
		if !flagName.MatchString(t.text) {
			p.fail(t.at, "%q is no flag: want a-z, 0-9, _ and *, with one ':' at most", t.text)
			return nil
		}
		pattern := p.pattern("flag", t)
		if pattern.IsAny() {
			pattern = Pattern{text: "*", kind: globText} // "*" wants some flag
		}
		out = append(out, pattern)
	}
	slices.SortFunc(out, func(a, b Pattern) int { return strings.Compare(a.text, b.text) })
	return slices.CompactFunc(out, func(a, b Pattern) bool { return a.text == b.text })
}
