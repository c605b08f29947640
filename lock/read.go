package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// maxBytes bounds a lock file. The largest seen, 47,000 lines, has 1.4 MB.
const maxBytes = 64 << 20

// Read reads a lock file of any of the three formats. The format is found in data, not
// guessed from the name; path is for messages and, for an explicit lock that does not name
// its platform, for the platform in its name (conda-linux-64.lock).
//
// It checks the whole file, for all platforms. Errors are *ParseError, *ConflictError,
// *VersionError, *DuplicateError; packages that corn cannot install are reported by For,
// because they may be of a platform nobody builds.
func Read(path string, data []byte) (*Lock, error) {
	s := &source{path: path}
	if len(data) > maxBytes {
		return nil, s.failAt(0, 0, fmt.Sprintf("the file has %d bytes: want at most %d", len(data), maxBytes))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // git's autocrlf
	s.lines = strings.Split(string(data), "\n")
	if line := conflictLine(s.lines); line > 0 {
		return nil, &ConflictError{Path: path, Line: line}
	}
	if isExplicit(s.lines) {
		return readExplicit(s)
	}
	if first, ok := firstWord(s.lines); ok {
		if strings.HasPrefix(first.text, "http://") || strings.HasPrefix(first.text, "https://") {
			return nil, s.failAt(first.num, 0, "a list of URLs without @EXPLICIT above it is no lock")
		}
	}
	root := parseFast(data)
	if root == nil {
		var err error
		if root, err = s.parseYAML(data); err != nil {
			return nil, err
		}
	}
	if root.kind != mapNode {
		return nil, s.fail(root, "the file is %s: want a conda-lock.yml, a pixi.lock or an @EXPLICIT list", root.kind)
	}
	switch {
	case root.get("environments") != nil:
		return readPixi(s, root)
	case root.get("package") != nil || root.get("metadata") != nil:
		return readCondaLock(s, root)
	}
	return nil, s.failAt(1, 0, "neither a conda-lock.yml (package, metadata), nor a pixi.lock (environments, packages), nor an @EXPLICIT list")
}

// conflictLine finds git's markers: seven signs at the start of a line. A line of seven
// equal signs alone proves nothing, so it needs one of the others.
func conflictLine(lines []string) int {
	for i, l := range lines {
		for _, mark := range []string{"<<<<<<<", ">>>>>>>", "|||||||"} {
			if rest, ok := strings.CutPrefix(l, mark); ok && (rest == "" || rest[0] == ' ') {
				return i + 1
			}
		}
	}
	return 0
}

// firstWord returns the first line that is no comment.
func firstWord(lines []string) (fastLine, bool) {
	for i, l := range lines {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			return fastLine{num: i + 1, text: l}, true
		}
	}
	return fastLine{}, false
}

// finish fills in what URL and file name say, and checks them against what the lock says.
func (s *source) finish(p *Package, at *node) error {
	if err := s.parseURL(p, at); err != nil {
		return err
	}
	if p.unsupported != nil {
		return nil
	}
	if p.MD5.IsZero() && p.SHA256.IsZero() {
		return s.fail(at, "package %s has no hash: want sha256 or md5", cmp.Or(p.Name, p.FileName))
	}
	if p.Manager == Pip {
		return s.finishWheel(p, at)
	}
	return s.finishConda(p, at)
}

// hashes reads the two digests of a mapping.
func (s *source) hashes(p *Package, n *node) error {
	md5, err := s.str(n, "md5", false)
	if err != nil {
		return err
	}
	if md5 != "" {
		if p.MD5, err = digest.ParseMD5(md5); err != nil {
			return s.fail(n.get("md5"), "package %s: %v", p.Name, err)
		}
	}
	sha, err := s.str(n, "sha256", false)
	if err != nil || sha == "" {
		return err
	}
	if p.SHA256, err = digest.Parse(sha); err != nil {
		return s.fail(n.get("sha256"), "package %s: %v", p.Name, err)
	}
	return nil
}

// platformOfName finds the platform in conda-linux-64.lock.
func platformOfName(file string) string {
	name, ok := strings.CutSuffix(path.Base(file), ".lock")
	if !ok {
		return ""
	}
	for _, p := range record.KnownSubdirs() {
		if p != record.Noarch && (name == string(p) || strings.HasSuffix(name, "-"+string(p))) {
			return string(p)
		}
	}
	return ""
}
