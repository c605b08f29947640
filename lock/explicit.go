package lock

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

const explicitMark = "@EXPLICIT"

// isExplicit finds @EXPLICIT on a line of its own (CEP 23).
func isExplicit(lines []string) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) == explicitMark {
			return true
		}
	}
	return false
}

var (
	// pipLine is conda-lock's and micromamba's "# pip name @ url", with extras or without,
	// the hash in the fragment or as --hash=sha256:.
	pipLine = regexp.MustCompile(`^# pip ([A-Za-z0-9._-]+)(?:\[[^\]]*\])? @ (\S+?)(?: +--hash=(sha256:[0-9A-Fa-f]+))?$`)
	// pipPinned is what older tools wrote: a version and a hash, no place to fetch it from.
	pipPinned = regexp.MustCompile(`^# pip ([A-Za-z0-9._-]+)`)
)

// readExplicit reads an @EXPLICIT list (CEP 23). Its platform is, in this order, that of
// the "# platform:" comment, of the file's name, of its packages.
func readExplicit(s *source) (*Lock, error) {
	l := &Lock{Path: s.path, Kind: Explicit, ContentHash: map[string]string{}}
	platform, inputHash := "", ""
	started := false
	dup := newDuplicates(s)
	for i, line := range s.lines {
		line = strings.TrimSpace(line)
		at := &node{line: i + 1}
		switch {
		case line == "":
		case line == explicitMark:
			started = true
		case strings.HasPrefix(line, "# pip "):
			p, err := s.pipEntry(line, at)
			if err != nil {
				return nil, err
			}
			l.Packages = append(l.Packages, p)
		case line[0] == '#':
			comment := strings.TrimSpace(line[1:])
			if v, ok := strings.CutPrefix(comment, "platform:"); ok && platform == "" {
				platform = strings.TrimSpace(v)
			}
			if v, ok := strings.CutPrefix(comment, "input_hash:"); ok {
				inputHash = strings.TrimSpace(v)
			}
		case !started:
			return nil, s.failAt(i+1, 0, "want "+explicitMark+" before the first package")
		default:
			p := Package{Manager: Conda, URL: line, Category: MainCategory, Line: i + 1}
			if err := s.finish(&p, at); err != nil {
				return nil, err
			}
			if p.unsupported != nil {
				p.Name = excerpt(line)
				p.unsupported.Name = p.Name
			}
			l.Packages = append(l.Packages, p)
		}
	}
	platform, err := s.explicitPlatform(l, platform)
	if err != nil {
		return nil, err
	}
	if platform != "" {
		l.Platforms = []string{platform}
		if inputHash != "" {
			l.ContentHash[platform] = inputHash
		}
	}
	for i := range l.Packages {
		l.Packages[i].Platform = platform
		if err := dup.add(&l.Packages[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// pipEntry reads a "# pip" comment.
func (s *source) pipEntry(line string, at *node) (Package, error) {
	p := Package{Manager: Pip, Category: MainCategory, Line: at.line}
	m := pipLine.FindStringSubmatch(line)
	if m == nil {
		if m := pipPinned.FindStringSubmatch(line); m != nil {
			p.Name = m[1]
			return p, s.fail(at, "package %s has no url: want # pip name @ url#sha256=...", p.Name)
		}
		return p, s.fail(at, "a pip package cannot be read: want # pip name @ url#sha256=...")
	}
	p.Name, p.URL = m[1], m[2]
	if m[3] != "" {
		p.URL += "#" + m[3]
	}
	return p, s.finish(&p, at)
}

// explicitPlatform settles on one platform and checks every package against it.
func (s *source) explicitPlatform(l *Lock, declared string) (string, error) {
	platform := declared
	if platform == "" {
		platform = platformOfName(l.Path)
	}
	for _, p := range l.Packages {
		if p.Manager != Conda || p.Subdir == "" || p.Subdir == string(record.Noarch) {
			continue
		}
		if platform == "" {
			platform = p.Subdir
		}
		if p.Subdir != platform {
			return "", s.failAt(p.Line, 0, "package "+p.Name+" is for "+p.Subdir+" in a lock for "+platform)
		}
	}
	if platform != "" && !record.Subdir(platform).Known() {
		return "", s.failAt(0, 0, fmt.Sprintf("no platform is called %q: want one such as linux-64", platform))
	}
	return platform, nil
}
