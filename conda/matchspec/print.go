package matchspec

import (
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// String returns the spec in conda's normal form (CEP 29, appendix A): an exact version or a
// prefix stands behind the name, all else in brackets. Parsing it gives the same spec, except
// that credentials in URLs are hidden, and that an archive's relative path has to be known from
// where it was written.
func (s *Spec) String() string {
	var b, in strings.Builder
	channel, channelExact := s.Channel.Exact()
	subdir, subdirExact := s.Subdir.Exact()
	inside := subdirExact && channelExact && record.Subdir(subdir).Known()
	if channelExact {
		b.WriteString(channel)
		if inside {
			b.WriteString("/" + subdir)
		}
		b.WriteString("::")
	} else {
		s.Channel.printKey(&in, "channel")
	}
	b.WriteString(s.Name.String())
	exact := s.printVersion(&b, &in)
	if build, ok := s.Build.Exact(); ok && exact && plainBuild(build) {
		b.WriteString("=" + build)
	} else {
		s.Build.printKey(&in, "build")
	}
	if !inside {
		s.Subdir.printKey(&in, "subdir")
	}
	if !s.BuildNumber.IsAny() {
		text := s.BuildNumber.String()
		if v, ok := s.BuildNumber.Exact(); ok {
			text = v.String()
		}
		printKey(&in, "build_number", text)
	}
	s.printRest(&in)
	if in.Len() > 0 {
		b.WriteString("[" + in.String() + "]")
	}
	return b.String()
}

// printVersion writes the version where it belongs, and tells whether it is exact.
func (s *Spec) printVersion(b, in *strings.Builder) (exact bool) {
	if s.Version.IsAny() {
		return false
	}
	if v, ok := s.Version.Exact(); ok {
		b.WriteString("==" + v.String())
		return true
	}
	if v, ok := s.Version.Prefix(); ok {
		b.WriteString("=" + v.String())
		return false
	}
	text := s.Version.String()
	if s.Build.IsAny() && (strings.HasPrefix(text, "!=") || strings.HasPrefix(text, "~=")) && !strings.ContainsAny(text, ",|*") {
		b.WriteString(text)
		return false
	}
	printKey(in, "version", text)
	return false
}

// plainBuild tells whether a build is read again behind "=".
func plainBuild(build string) bool {
	return !strings.ContainsAny(build, "-,|<>~()[]#:@=!\"'"+spaces) && !strings.Contains(build, "^")
}

func (s *Spec) printRest(in *strings.Builder) {
	if s.TrackFeatures != nil {
		printKey(in, "track_features", strings.Join(s.TrackFeatures, " "))
	}
	if s.Features != nil {
		printKey(in, "features", strings.Join(s.Features, " "))
	}
	if s.URL != "" {
		printKey(in, "url", record.Redact(s.URL))
	}
	s.MD5.printKey(in, "md5")
	s.SHA256.printKey(in, "sha256")
	s.License.printKey(in, "license")
	s.LicenseFamily.printKey(in, "license_family")
	if s.URL == "" || !endsInArchive(s.URL) {
		s.FileName.printKey(in, "fn")
	}
	if s.When != nil {
		printKey(in, "when", s.When.String())
	}
	printList(in, "extras", s.Extras)
	var flags []string
	for _, f := range s.Flags {
		flags = append(flags, f.text)
	}
	printList(in, "flags", flags)
	if s.Optional {
		printKey(in, "optional", "true")
	}
}

func (p Pattern) printKey(in *strings.Builder, key string) {
	if !p.IsAny() {
		printKey(in, key, p.text)
	}
}

// printKey writes key=value, with quotes where the value needs them.
func printKey(in *strings.Builder, key, value string) {
	if in.Len() > 0 {
		in.WriteByte(',')
	}
	in.WriteString(key + "=")
	if value != "" && !strings.ContainsAny(value, "=<>!~|,[]()^$#\"'\\"+spaces) {
		in.WriteString(value)
		return
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)
	in.WriteString("'" + quoted + "'")
}

func printList(in *strings.Builder, key string, items []string) {
	if len(items) == 0 {
		return
	}
	if in.Len() > 0 {
		in.WriteByte(',')
	}
	items = slices.Clone(items)
	in.WriteString(key + "=[" + strings.Join(items, ",") + "]")
}

// mark writes text, and below it a caret under the byte at offset.
func mark(text string, offset int) string {
	at := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text[:min(offset, len(text))])
	return text + "\n" + at + "^"
}
