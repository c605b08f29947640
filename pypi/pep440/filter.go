package pep440

// Prereleases says what becomes of pre-releases.
type Prereleases uint8

const (
	// PrereleasesLast takes pre-releases where a clause names one, or where nothing else matches.
	PrereleasesLast Prereleases = iota
	AllowPrereleases
	RefusePrereleases
)

// Filter returns those of versions that satisfy s, in their order.
func (s Specifiers) Filter(versions []Version, pre Prereleases) []Version {
	return filter(versions, pre, s, func(v Version) (Version, bool) { return v, s.Match(v) })
}

// FilterTexts is Filter for texts of which some may be no versions. Those are never taken for
// pre-releases.
func (s Specifiers) FilterTexts(texts []string, pre Prereleases) []string {
	return filter(texts, pre, s, func(text string) (Version, bool) {
		v, _ := Parse(text)
		return v, s.IsAny() || s.MatchText(text)
	})
}

func filter[T any](items []T, pre Prereleases, s Specifiers, match func(T) (Version, bool)) []T {
	if pre == PrereleasesLast && s.AdmitPrereleases() {
		pre = AllowPrereleases
	}
	var all, others []T // what matches, and what of it is no pre-release
	final := false
	for _, it := range items {
		v, ok := match(it)
		if !ok {
			continue
		}
		if all = append(all, it); !v.IsPrerelease() {
			others = append(others, it)
			final = final || !v.IsZero()
		}
	}
	if pre == AllowPrereleases || pre == PrereleasesLast && !final {
		return all
	}
	return others
}
