package pipeline

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/version"
	"github.com/nasa-openscapes/corn/lock"
)

// compareVersions orders two versions of packages; text that is no version comes first, and
// by its bytes.
func compareVersions(a, b string) int {
	v, errA := version.Parse(a)
	w, errB := version.Parse(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	}
	return version.Compare(v, w)
}

// A PackageChange is one difference between two locks of an environment.
type PackageChange struct {
	Change  string `json:"change"` // "added", "removed", "up", "down", "rebuilt"
	Name    string `json:"name"`
	Manager string `json:"manager"`
	From    string `json:"from,omitempty"` // version and build
	To      string `json:"to,omitempty"`
	Size    int64  `json:"size_bytes,omitempty"` // of the archive that comes, or goes
}

// changesBetween compares the packages of two locks, by name.
func changesBetween(before, after []lock.Package) []PackageChange {
	type key struct {
		manager lock.Manager
		name    string
	}
	was := map[key]lock.Package{}
	for _, p := range before {
		was[key{p.Manager, p.Name}] = p
	}
	var out []PackageChange
	for _, p := range after {
		k := key{p.Manager, p.Name}
		old, there := was[k]
		delete(was, k)
		c := PackageChange{Name: p.Name, Manager: string(p.Manager), To: versionBuild(p), Size: p.SizeBytes}
		switch n := compareVersions(old.Version, p.Version); {
		case !there:
			c.Change = "added"
		case sameArchive(old, p):
			continue
		case n < 0:
			c.Change = "up"
		case n > 0:
			c.Change = "down"
		default:
			c.Change = "rebuilt"
		}
		if there {
			c.From = versionBuild(old)
		}
		out = append(out, c)
	}
	for _, p := range was {
		out = append(out, PackageChange{Change: "removed", Name: p.Name, Manager: string(p.Manager), From: versionBuild(p), Size: p.SizeBytes})
	}
	slices.SortFunc(out, func(a, b PackageChange) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Manager, b.Manager))
	})
	return out
}

func versionBuild(p lock.Package) string { return strings.TrimSpace(p.Version + " " + p.Build) }

// sameArchive tells whether two entries are one archive, wherever it comes from.
func sameArchive(a, b lock.Package) bool {
	switch {
	case !a.SHA256.IsZero() && !b.SHA256.IsZero():
		return a.SHA256 == b.SHA256
	case !a.MD5.IsZero() && !b.MD5.IsZero():
		return a.MD5 == b.MD5
	}
	return a.FileName == b.FileName && a.Subdir == b.Subdir
}
