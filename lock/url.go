package lock

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/pypi/wheel"
)

// parseURL cuts p.URL's fragment off, takes a hash from it, and fills in FileName.
func (s *source) parseURL(p *Package, at *node) error {
	raw, fragment, hasFragment := strings.Cut(p.URL, "#")
	if hasFragment && p.Manager == Pip { // pip's fragments say more than a hash
		p.written = p.URL
	}
	p.URL = raw
	if scheme, ok := vcs(raw); ok {
		p.unsupported = s.cannot(p, at, "is fetched with "+scheme+": building from a repository is not part of this version",
			"publish a wheel of it, or ask for a released version, and lock again")
		return nil
	}
	if hasFragment {
		if err := s.fragment(p, at, fragment); err != nil {
			return err
		}
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if p.Manager == Pip && isBeside(raw) {
		scheme, rest, ok = "file", raw, true
	}
	switch {
	case !ok || scheme == "":
		p.unsupported = s.cannot(p, at, "is a path on the machine that wrote the lock ("+excerpt(raw)+")",
			"publish it to a channel or an index, and lock again")
		return nil
	case scheme != "http" && scheme != "https" && scheme != "file":
		p.unsupported = s.cannot(p, at, "has a "+scheme+": URL: want http, https or file",
			"lock it from a channel or index that is served over https")
		return nil
	}
	rest, _, _ = strings.Cut(rest, "?")
	last := rest[strings.LastIndexByte(rest, '/')+1:]
	name, err := url.PathUnescape(last)
	if err != nil || !strings.Contains(rest, "/") || !goodFileName(name) {
		return s.fail(at, "package %s: the url %s does not end in a file name", p.Name, Redact(raw))
	}
	p.FileName = name
	return nil
}

// isBeside tells whether a wheel lies in the project: its path is relative to the lock.
func isBeside(raw string) bool {
	return (strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../")) && strings.HasSuffix(raw, ".whl") && !strings.ContainsAny(raw, "\\?#")
}

// Beside returns the path of a wheel of the project, relative to the lock's folder; ok is false for
// everything that has a URL. It may lead out of the project: whoever opens it looks.
func (p Package) Beside() (rel string, ok bool) {
	if p.Manager != Pip || !isBeside(p.URL) {
		return "", false
	}
	return p.URL, true
}

// vcs recognises git+https://, git@, ssh and their like.
func vcs(raw string) (string, bool) {
	scheme, _, ok := strings.Cut(raw, ":")
	if !ok {
		return "", false
	}
	for _, tool := range []string{"git", "hg", "svn", "bzr"} {
		if scheme == tool || strings.HasPrefix(scheme, tool+"+") || strings.HasPrefix(scheme, tool+"@") {
			return tool, true
		}
	}
	return "", false
}

// fragment reads the hash after '#': md5 in 32 digits, sha256 in 64, with or without the
// algorithm's name before it; pip's fragments may hold further fields.
func (s *source) fragment(p *Package, at *node, fragment string) error {
	for _, field := range strings.Split(fragment, "&") {
		name, value, named := strings.Cut(strings.Replace(field, ":", "=", 1), "=")
		if !named {
			value, name = name, map[int]string{32: "md5", 64: "sha256"}[len(field)]
		}
		var err error
		switch name {
		case "md5":
			p.MD5, err = digest.ParseMD5(value)
		case "sha256":
			p.SHA256, err = digest.Parse(value)
		case "egg", "name", "subdirectory":
			if name == "subdirectory" {
				p.unsupported = s.cannot(p, at, "is built from a folder inside an archive", "publish a wheel of it, and lock again")
			}
		default:
			return s.fail(at, "package %s: %q after # is no md5 or sha256", p.Name, excerpt(field))
		}
		if err != nil {
			return s.fail(at, "package %s: %v", p.Name, err)
		}
	}
	return nil
}

func goodFileName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == 0xfffd })
}

// finishConda takes the URL apart and checks that it is the package that the entry names,
// of the platform that it is listed for.
func (s *source) finishConda(p *Package, at *node) error {
	// A variable in the user info ("https://me:${KEY}@...") would not be valid in a URL.
	loc, err := record.ParseURL(variable.ReplaceAllString(p.URL, "x"))
	if err != nil {
		return s.fail(at, "package %s: %v", p.Name, err)
	}
	if strings.Contains(p.URL, "$") {
		loc.Channel = "" // it would hold the x
	}
	dist, err := record.ParseFileName(p.FileName)
	if err != nil {
		return s.fail(at, "package %s: %v", p.Name, err)
	}
	if p.Name == "" {
		p.Name, p.Version = dist.Name, dist.Version
	}
	if p.Name != dist.Name || p.Version != dist.Version {
		return s.fail(at, "package %s %s has the file %q", p.Name, p.Version, p.FileName)
	}
	if p.Build != "" && p.Build != dist.Build {
		return s.fail(at, "package %s has build %s and the file %q", p.Name, p.Build, p.FileName)
	}
	if p.Subdir != "" && p.Subdir != string(loc.Subdir) {
		return s.fail(at, "package %s has subdir %s and its url is in %s", p.Name, p.Subdir, loc.Subdir)
	}
	p.Build, p.Subdir, p.Channel = dist.Build, string(loc.Subdir), loc.Channel
	if p.Platform != "" && loc.Subdir != record.Noarch && p.Subdir != p.Platform {
		return s.fail(at, "package %s is listed for %s and its url is in %s", p.Name, p.Platform, p.Subdir)
	}
	return nil
}

// finishWheel checks a wheel's file name against the entry's name.
func (s *source) finishWheel(p *Package, at *node) error {
	if !strings.HasSuffix(p.FileName, ".whl") {
		p.unsupported = s.cannot(p, at, "is a source distribution ("+p.FileName+"): building them is not part of this version",
			"ask for a version that has a wheel for this platform, or take it from a conda channel, and lock again")
		return nil
	}
	n, err := wheel.ParseFileName(p.FileName)
	if err != nil {
		return s.fail(at, "package %s: %v", p.Name, err)
	}
	if p.Name == "" {
		p.Name = n.Name
	}
	if p.Version == "" {
		p.Version = n.Version
	}
	if wheel.NormalizeName(p.Name) != n.Normalized() {
		return s.fail(at, "package %s has the file %q", p.Name, p.FileName)
	}
	return nil
}

func (s *source) cannot(p *Package, at *node, reason, remedy string) *UnsupportedError {
	return &UnsupportedError{Path: s.path, Line: at.line, Name: p.Name, Reason: reason, Remedy: remedy}
}

var variable = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// Expand returns the package's URL with $NAME and ${NAME} replaced, as conda-lock writes
// them for channels that need a password. A name that lookup does not know is a
// *VariableError. The result holds secrets: pass it through Redact before showing it.
func (p Package) Expand(lookup func(name string) (string, bool)) (string, error) {
	var missing string
	out := variable.ReplaceAllStringFunc(p.URL, func(m string) string {
		name := strings.Trim(m, "${}")
		v, ok := lookup(name)
		if !ok && missing == "" {
			missing = name
		}
		return v
	})
	if missing != "" {
		return "", &VariableError{URL: Redact(p.URL), Variable: missing}
	}
	return out, nil
}

var (
	userInfo  = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/\s]*@`)
	pathToken = regexp.MustCompile(`/t/[^/\s]+`)
	query     = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://[^?#\s"']*)\?[^#\s"']*`)
)

// Redact hides what may be secret in the URLs of a text: user info, conda's /t/<token>/
// and the query.
func Redact(text string) string {
	text = userInfo.ReplaceAllString(text, "${1}***@")
	text = pathToken.ReplaceAllString(text, "/t/***")
	return query.ReplaceAllString(text, "${1}?***")
}

// excerpt shortens a line for a message and hides its secrets.
func excerpt(line string) string {
	line = Redact(strings.TrimSpace(line))
	const most = 160
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + "..."
}
