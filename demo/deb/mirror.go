package deb

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultMirror is used where neither the environment nor apt names another.
const DefaultMirror = "http://deb.debian.org/debian"

// Mirror is the URL below which dists/ and pool/ lie: the value of DEBIAN_MIRROR, else
// the first Debian archive that apt is told of in the files below etc (normally
// /etc/apt), else [DefaultMirror]. It has no slash at its end.
func Mirror(etc string) string {
	if m := os.Getenv("DEBIAN_MIRROR"); m != "" {
		return strings.TrimRight(m, "/")
	}
	files, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*")) // the pattern is fixed
	slices.Sort(files)
	for _, name := range append(files, filepath.Join(etc, "sources.list")) {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a file apt may read and we may not is no reason to stop
		}
		var found string
		if strings.HasSuffix(name, ".sources") {
			found = fromSources(string(text))
		} else {
			found = fromList(string(text))
		}
		if found != "" {
			return found
		}
	}
	return DefaultMirror
}

// fromSources reads the deb822 form: "URIs: ..." lines.
func fromSources(text string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || !strings.EqualFold(key, "URIs") {
			continue
		}
		for _, u := range strings.Fields(value) {
			if isArchive(u) {
				return strings.TrimRight(u, "/")
			}
		}
	}
	return ""
}

// fromList reads the one-line form: "deb [options] uri suite component...".
func fromList(text string) string {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "deb" {
			continue
		}
		for _, f := range fields[1:] {
			if isArchive(f) {
				return strings.TrimRight(f, "/")
			}
		}
	}
	return ""
}

// isArchive tells the main archive from security, third parties and cdrom: lines.
func isArchive(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/debian")
}
