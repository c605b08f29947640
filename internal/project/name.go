package project

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameRunes is what a display name may have: launchers cut longer ones off, and the
// slug made of it stands in every path of the environment.
const maxNameRunes = 80

// reserved are names with a meaning in the images that hubs use.
var reserved = []string{"base", NotebookSlug, "python3"}

// checkName tells whether a name can be shown and made a slug of.
func checkName(name, file string) error {
	bad := func(reason string) error {
		const most = 60
		shown := []rune(strings.ToValidUTF8(name, "\ufffd"))
		if len(shown) > most {
			shown = append(shown[:most], []rune("...")...)
		}
		return &NameError{File: file, Name: string(shown), Reason: reason}
	}
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return bad("is empty")
	case !utf8.ValidString(name):
		return bad("is no UTF-8")
	case n > maxNameRunes:
		return bad(fmt.Sprintf("has %d characters: want at most %d", n, maxNameRunes))
	case strings.ContainsAny(name, "\r\n\u2028\u2029\u0085"):
		return bad("has a line break inside")
	case strings.ContainsAny(name, `/\`):
		return bad("has the parts of a path")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' }):
		return bad("has a character that cannot be printed")
	case strings.Trim(name, ".") == "":
		return bad("is only dots")
	}
	return nil
}

// Slug makes the name of the kernel, and of its prefix, out of a display name: lower case,
// every run of characters other than a-z, 0-9, dot and underscore one dash, no dash, dot
// or underscore at either end. A name with letters or digits beyond ASCII has no slug of its own;
// the folder's name gives it then, and "" means that neither does.
func Slug(name, folder string) string {
	if s, ok := slug(name); ok {
		return s
	}
	if s, ok := slug(folder); ok {
		return s
	}
	return ""
}

func slug(name string) (string, bool) {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
		case r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return "", false
		default:
			if !strings.HasSuffix(b.String(), "-") {
				b.WriteByte('-')
			}
		}
	}
	s := strings.Trim(b.String(), "-._")
	return s, s != ""
}

// nameEnvironment settles display name and slug.
func (l *loader) nameEnvironment(e *Environment, folder, specName string) error {
	data, file, err := l.read(e.Dir, "name.txt")
	if err != nil {
		return err
	}
	switch {
	case file != "":
		e.NameFile, e.DisplayName = file, trimName(string(data))
	case specName != "":
		e.NameFile, e.DisplayName = e.SpecFile, strings.TrimSpace(specName)
	default:
		e.NameFile, e.DisplayName = l.show(e.Dir), folder
	}
	if err := checkName(e.DisplayName, e.NameFile); err != nil {
		return err
	}
	if e.Slug = Slug(e.DisplayName, folder); e.Slug == "" {
		return &NameError{File: e.NameFile, Name: e.DisplayName, Reason: "has no letter a-z and no digit, and neither has its folder's name"}
	}
	return checkTaken(e, nil)
}

// trimName takes white space and a byte order mark off both ends, nothing inside.
func trimName(s string) string { return strings.TrimSpace(strings.TrimPrefix(s, "\ufeff")) }

// checkTaken refuses reserved names and those in use.
func checkTaken(e *Environment, taken []string) error {
	if slices.Contains(reserved, e.Slug) {
		return &NameError{File: e.NameFile, Name: e.DisplayName, Reason: fmt.Sprintf("is reserved: %q has a meaning of its own in the image", e.Slug)}
	}
	for _, t := range taken {
		if strings.EqualFold(t, e.Slug) {
			return &NameError{File: e.NameFile, Name: e.DisplayName, Reason: fmt.Sprintf("is in use: the base image has an environment %q", t)}
		}
	}
	return nil
}

// NewKernel checks the display name of a kernel that the project does not have yet and
// returns its slug. Errors are *NameError and *SlugError.
func (p *Project) NewKernel(name string) (slug string, err error) {
	e := &Environment{DisplayName: name, NameFile: "the new kernel"}
	if err := checkName(name, e.NameFile); err != nil {
		return "", err
	}
	if e.Slug = Slug(name, ""); e.Slug == "" {
		return "", &NameError{File: e.NameFile, Name: name, Reason: "has no letter a-z and no digit"}
	}
	if err := checkTaken(e, nil); err != nil {
		return "", err
	}
	for _, k := range p.Kernels {
		if k.Slug == e.Slug {
			return "", &SlugError{Slug: e.Slug, First: k.NameFile, Second: e.NameFile}
		}
	}
	return e.Slug, nil
}
