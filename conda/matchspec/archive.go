package matchspec

import (
	"net/url"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/version"
)

func endsInArchive(s string) bool {
	_, ok := record.FormatOf(s)
	return ok
}

// isArchive tells whether a spec is the URL or path of one archive, which may have a hash behind
// "#" (CEP 23).
func isArchive(s string) bool {
	path, _, _ := strings.Cut(s, "#")
	if !endsInArchive(path) || strings.Contains(path, "::") {
		return false
	}
	if strings.Contains(path, "://") || strings.ContainsAny(path, `/\`) && !strings.ContainsAny(path, "=<>[") {
		return true
	}
	_, err := record.ParseFileName(path)
	return err == nil
}

// archive reads a URL or path. The name of the file tells name, version and build.
func (p *parser) archive(t part) {
	path, fragment, _ := strings.Cut(t.text, "#")
	sha, md5, err := record.ParseFragment(fragment)
	if err != nil {
		p.fail(t.at+len(path)+1, "%q is no hash of an archive: want 32 or 64 hexadecimal digits", fragment)
		return
	}
	if !sha.IsZero() {
		p.spec.SHA256 = Literally(sha.String())
	}
	if !md5.IsZero() {
		p.spec.MD5 = Literally(md5.String())
	}
	p.url(part{fileURL(path), t.at})
}

// fileURL makes a URL of an absolute path; anything else stays.
func fileURL(path string) string {
	windows := len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
	switch {
	case strings.Contains(path, "://"):
		return path
	case windows:
		return (&url.URL{Scheme: "file", Path: "/" + strings.ReplaceAll(path, `\`, "/")}).String()
	case strings.HasPrefix(path, "/"):
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	return path
}

// url takes apart where an archive stands. What is known of it by its name is asked for as
// well, unless the spec says otherwise.
func (p *parser) url(t part) {
	s := p.spec
	s.URL = t.text
	if !endsInArchive(t.text) {
		return // a URL that no record has, but no error in conda
	}
	name := t.text[strings.LastIndexAny(t.text, `/\`)+1:]
	if strings.Contains(t.text, "://") {
		if decoded, err := url.PathUnescape(name); err == nil {
			name = decoded
		}
	}
	dist, err := record.ParseFileName(name)
	if err != nil {
		p.fail(t.at+len(t.text)-len(name), "%s", reasonOfName(err))
		return
	}
	v, err := version.Parse(dist.Version)
	if err != nil {
		p.fail(t.at, "the archive's version %q: %s", dist.Version, err)
		return
	}
	if s.Name.IsAny() {
		p.name(part{dist.Name, t.at + len(t.text) - len(name)})
	}
	if s.Version.IsAny() {
		s.Version = version.Exactly(v)
	}
	if s.Build.IsAny() {
		s.Build = Literally(dist.Build)
	}
	if s.FileName.IsAny() {
		s.FileName = Literally(name)
	}
	if l, err := record.ParseURL(t.text); err == nil && s.Channel.IsAny() {
		if s.Channel, _, err = parseChannel(l.Channel); err != nil {
			p.fail(t.at, "the channel is no regular expression (RE2): %s", reason(err))
		}
		if s.Subdir.IsAny() {
			s.Subdir = Literally(string(l.Subdir))
		}
	}
}

func reasonOfName(err error) string { return "the archive's name: " + err.Error() }
