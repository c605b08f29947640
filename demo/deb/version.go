package deb

import "strings"

// Upstream is the version its authors gave to a package, out of Debian's: without
// epoch, revision and the marks of repacking ("1:2.2.4+ds-1" is 2.2.4,
// "8.2.0+0.really.8.1.8-1" is 8.1.8, "1.3.dfsg+really1.3.1-1+b1" is 1.3.1).
func Upstream(version string) string {
	v := version
	if _, after, ok := strings.Cut(v, ":"); ok {
		v = after
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		v = v[:i]
	}
	if i := strings.LastIndex(v, "really"); i >= 0 {
		v = strings.TrimPrefix(v[i+len("really"):], ".")
	}
	if i := strings.IndexAny(v, "+~"); i >= 0 {
		v = v[:i]
	}
	return strings.TrimSuffix(v, ".dfsg")
}
