package tags

import (
	"fmt"
	"slices"
)

// Release is the number of a release: 2.17 is {2, 17}.
type Release struct{ Major, Minor int }

func (r Release) String() string { return fmt.Sprintf("%d.%d", r.Major, r.Minor) }

func (r Release) less(o Release) bool {
	return r.Major < o.Major || r.Major == o.Major && r.Minor < o.Minor
}

// Platform is where Python runs. Glibc and Musl are of Linux, where one of them is set, MacOS is of macOS.
type Platform struct {
	Arch  string  // as in tags: "x86_64", "aarch64", "arm64"
	Glibc Release // of the target
	Musl  Release
	MacOS Release
}

// Tags returns the platform tags that p can use, the best one first.
func (p Platform) Tags() []string {
	if p.MacOS != (Release{}) {
		return macTags(p.MacOS, p.Arch)
	}
	tags := []string{"linux_" + p.Arch}
	tags = append(tags, manylinux(p.Glibc, p.Arch)...)
	for minor := p.Musl.Minor; p.Musl.Major > 0 && minor >= 0; minor-- {
		tags = append(tags, fmt.Sprintf("musllinux_%d_%d_%s", p.Musl.Major, minor, p.Arch))
	}
	return tags
}

// older are the names that PEP 600 replaced, with the glibc that they stand for.
var older = map[Release]string{{2, 17}: "manylinux2014", {2, 12}: "manylinux2010", {2, 5}: "manylinux1"}

// manylinux returns the tags of a glibc and those before it. Before PEP 599 there was x86 only, and the
// oldest glibc in use was 2.5.
func manylinux(glibc Release, arch string) []string {
	oldest := 17
	if arch == "x86_64" || arch == "i686" {
		oldest = 5
	}
	var tags []string
	for minor := glibc.Minor; glibc.Major == 2 && minor >= oldest; minor-- {
		tags = append(tags, fmt.Sprintf("manylinux_2_%d_%s", minor, arch))
		if name := older[Release{2, minor}]; name != "" {
			tags = append(tags, name+"_"+arch)
		}
	}
	return tags
}

// lastOfTen is the last macOS whose release began with 10, as macOS 11 itself counts for old programs.
const lastOfTen = 16

func macTags(v Release, arch string) []string {
	var tags []string
	add := func(r Release, formats []string) {
		for _, f := range formats {
			tags = append(tags, fmt.Sprintf("macosx_%d_%d_%s", r.Major, r.Minor, f))
		}
	}
	if v.Major == 10 {
		for minor := v.Minor; minor >= 0; minor-- {
			add(Release{10, minor}, macFormats(Release{10, minor}, arch))
		}
		return tags
	}
	for major := v.Major; major > 10; major-- { // minor releases change nothing since 11
		add(Release{major, 0}, macFormats(Release{major, 0}, arch))
	}
	for minor := lastOfTen; minor > 3; minor-- {
		formats := []string{"universal2"} // its x86 half may be older than arm64
		if arch == "x86_64" {
			formats = macFormats(Release{10, minor}, arch)
		}
		add(Release{10, minor}, formats)
	}
	return tags
}

// macFormats are the binary formats that hold code for arch, the narrowest first.
func macFormats(v Release, arch string) []string {
	between := func(lo, hi Release) bool { return !v.less(lo) && !hi.less(v) }
	forever := Release{1 << 30, 0}
	for _, row := range []struct {
		arch     string
		from, to Release
		more     []string
	}{
		{"x86_64", Release{10, 4}, forever, []string{"intel", "fat64", "fat3", "universal2", "universal"}},
		{"i386", Release{10, 4}, forever, []string{"intel", "fat3", "fat", "universal"}},
		{"ppc64", Release{10, 4}, Release{10, 5}, []string{"fat64", "universal"}},
		{"ppc", Release{}, Release{10, 6}, []string{"fat3", "fat", "universal"}},
		{"intel", Release{}, forever, []string{"universal"}},
		{"arm64", Release{}, forever, []string{"universal2"}},
	} {
		if row.arch == arch {
			if !between(row.from, row.to) {
				return nil
			}
			return slices.Concat([]string{arch}, row.more)
		}
	}
	return []string{arch}
}
