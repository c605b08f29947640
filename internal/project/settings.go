package project

import (
	_ "embed"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/target"
	"github.com/nasa-openscapes/corn/store"
	"github.com/nasa-openscapes/corn/yamltree"
)

// SettingsFile is the name of the project's optional settings.
const SettingsFile = "corn.yaml"

// Schema is the JSON Schema of corn.yaml, for editors. TestSchema keeps it equal to the
// decoder here.
//
//go:embed corn.schema.json
var Schema []byte

// Settings are corn.yaml. The zero value is the default for every key.
type Settings struct {
	Base         string            // reference of the base image
	Image        string            // name of the image, without a tag
	Platforms    []target.Platform // the first is built where none is asked for
	Compression  string            // "zstd" (the default), "gzip" or empty
	ChannelAlias string            // stands in for https://conda.anaconda.org
	Strip        []string          // globs of paths that are left out of every environment
	PycShipped   bool              // take the bytecode that packages bring and compile none
	Copy         []string          // globs of paths that every environment has copies of
	Layout       Layout            // of environments that do not say
	Environments []EnvironmentSettings
	Env          []EnvVar // of the image, in the order of the file
	Labels       []EnvVar // of the image
	Test         TestSettings
	Solve        SolveSettings
	Steps        StepSettings
}

// EnvironmentSettings are corn.yaml's words on one environment.
type EnvironmentSettings struct {
	Slug   string
	Layout Layout   // empty: the general one
	Copy   []string // besides the general ones
	Line   int
}

// Layout says how an environment's files are put into the image.
type Layout string

// The layouts.
const (
	Links  Layout = "links" // links into the shared store
	Copies Layout = "copies"
)

// settings reads corn.yaml, at the top of the project.
func (l *loader) settings() error {
	data, file, err := l.read(".", SettingsFile)
	if err != nil || file == "" {
		return err
	}
	s, err := ParseSettings(file, data)
	if err != nil {
		return err
	}
	l.p.Settings = *s
	return nil
}

// applySettings hands the settings to the environments.
func (l *loader) applySettings() error {
	s := l.p.Settings
	for _, e := range l.environments() {
		e.Layout = s.Layout
		if e.Layout == "" {
			e.Layout = Links
		}
		e.Copy = slices.Clone(s.Copy)
	}
	for _, es := range s.Environments {
		i := slices.IndexFunc(l.environments(), func(e *Environment) bool { return e.Slug == es.Slug })
		if i < 0 {
			var have []string
			for _, e := range l.environments() {
				have = append(have, e.Slug)
			}
			return &ParseError{File: l.show(SettingsFile), Line: es.Line, Reason: "no environment is called " + es.Slug + ": the project has " + strings.Join(have, ", ")}
		}
		e := l.environments()[i]
		if es.Layout != "" {
			e.Layout = es.Layout
		}
		e.Copy = append(e.Copy, es.Copy...)
	}
	return nil
}

// imageName is a repository as registries take it, without tag and digest.
var imageName = regexp.MustCompile(`^(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$`)

// slugForm is what Slug makes.
var slugForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$`)

// ParseSettings reads corn.yaml. A key that it does not know is a *ParseError.
func ParseSettings(file string, data []byte) (*Settings, error) {
	f, root, err := yamltree.Parse(file, data)
	if err != nil {
		return nil, err
	}
	s := &Settings{}
	if root.Kind == yamltree.Nothing {
		return s, nil
	}
	if root.Kind != yamltree.Mapping {
		return nil, f.Fail(root, "the file is %s: want %s", root.Kind, yamltree.Mapping)
	}
	for i, key := range root.Keys {
		v := root.Values[i]
		decode, ok := settingKeys[key]
		if !ok {
			return nil, f.FailAt(root.KeyPlaces[i].WholeLine(), unknownKey(key, keysOf(settingKeys)))
		}
		if err := decode(f, v, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func unknownKey(key string, known []string) string {
	return "unknown key " + key + ": want one of " + strings.Join(known, ", ")
}

func keysOf[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type decoder func(f *yamltree.File, v *yamltree.Value, s *Settings) error

// settingKeys are all keys of corn.yaml. The schema lists the same.
var settingKeys = map[string]decoder{
	"base": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		s.Base, err = filled(f, v, "base")
		return err
	},
	"image": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		if s.Image, err = filled(f, v, "image"); err == nil && !imageName.MatchString(s.Image) {
			return f.Fail(v, "image %q is no repository name: want lower case, no tag (ghcr.io/team/hub)", s.Image)
		}
		return err
	},
	"platforms":   decodePlatforms,
	"compression": choice("compression", func(s *Settings) *string { return &s.Compression }, "zstd", "gzip"),
	"channel_alias": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		if s.ChannelAlias, err = filled(f, v, "channel_alias"); err != nil {
			return err
		}
		u, err := url.Parse(s.ChannelAlias)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file" || u.Host+u.Path == "" {
			return f.Fail(v, "channel_alias is no URL: want http, https or file")
		}
		return nil
	},
	"strip": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		s.Strip, err = globs(f, v, "strip")
		return err
	},
	"copy": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		s.Copy, err = globs(f, v, "copy")
		return err
	},
	"layout": decodeLayout,
	"pyc": func(f *yamltree.File, v *yamltree.Value, s *Settings) error {
		text := ""
		if err := choice("pyc", func(*Settings) *string { return &text }, "compiled", "shipped")(f, v, s); err != nil {
			return err
		}
		s.PycShipped = text == "shipped"
		return nil
	},
	"environments": decodeEnvironments,
	"env":          decodeEnv,
	"labels":       decodeLabels,
	"test":         decodeTest,

	"run":          decodeRun,
	"steps":        decodeSteps,
	"copy_project": decodeCopyProject,

	"channels": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		s.Solve.Channels, err = filledTexts(f, v, "channels")
		return err
	},
	"channel_priority": choice("channel_priority", func(s *Settings) *string { return &s.Solve.Priority }, "strict", "flexible", "disabled"),
	"sharing":          choice("sharing", func(s *Settings) *string { return &s.Solve.Sharing }, "builds", "prefer", "off"),
	"index_url": func(f *yamltree.File, v *yamltree.Value, s *Settings) (err error) {
		if s.Solve.IndexURL, err = filled(f, v, "index_url"); err != nil {
			return err
		}
		u, err := url.Parse(s.Solve.IndexURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file" || u.Host+u.Path == "" {
			return f.Fail(v, "index_url is no URL: want http, https or file")
		}
		return nil
	},
	"index_until":      decodeUntil,
	"virtual_packages": decodeVirtual,
	"forbid":           decodeForbid,
}

var decodeLayout = choice("layout", func(s *Settings) *string { return (*string)(&s.Layout) }, string(Links), string(Copies))

// filled returns a single value that is not empty.
func filled(f *yamltree.File, v *yamltree.Value, what string) (string, error) {
	text, err := f.Text(v, what)
	if err == nil && text == "" {
		return "", f.Fail(v, "%s is empty", what)
	}
	return text, err
}

func choice(what string, to func(*Settings) *string, words ...string) decoder {
	return func(f *yamltree.File, v *yamltree.Value, s *Settings) error {
		text, err := f.Text(v, what)
		if err != nil {
			return err
		}
		if !slices.Contains(words, text) {
			return f.Fail(v, "%s is %q: want %s", what, text, strings.Join(words, " or "))
		}
		*to(s) = text
		return nil
	}
}

func decodePlatforms(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	names, err := f.Texts(v, "platforms")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return f.Fail(v, "platforms is empty: want at least one")
	}
	for i, name := range names {
		p, err := target.Parse(name)
		if err != nil {
			return f.Fail(v.Values[i], "%v", err)
		}
		if slices.Contains(s.Platforms, p) {
			return f.Fail(v.Values[i], "platform %s is listed twice", p)
		}
		s.Platforms = append(s.Platforms, p)
	}
	return nil
}

func globs(f *yamltree.File, v *yamltree.Value, what string) ([]string, error) {
	patterns, err := f.Texts(v, what)
	if err != nil {
		return nil, err
	}
	for i, p := range patterns {
		if _, err := store.ParseGlobs([]string{p}); err != nil {
			return nil, f.Fail(v.Values[i], "%s: %v", what, err)
		}
	}
	return patterns, nil
}

func decodeEnvironments(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind != yamltree.Mapping {
		return f.Fail(v, "environments is %s: want %s of names to settings", v.Kind, yamltree.Mapping)
	}
	for i, slug := range v.Keys {
		if !slugForm.MatchString(slug) {
			return f.FailAt(v.KeyPlaces[i].WholeLine(), "environment "+slug+": want the kernel's name in lower case, as corn check prints it")
		}
		es := EnvironmentSettings{Slug: slug, Line: v.KeyPlaces[i].Line}
		sub := v.Values[i]
		if sub.Kind != yamltree.Mapping {
			return f.Fail(sub, "settings of %s are %s: want %s", slug, sub.Kind, yamltree.Mapping)
		}
		for j, key := range sub.Keys {
			var err error
			switch key {
			case "layout":
				var own Settings
				err = decodeLayout(f, sub.Values[j], &own)
				es.Layout = own.Layout
			case "copy":
				es.Copy, err = globs(f, sub.Values[j], "copy")
			default:
				err = f.FailAt(sub.KeyPlaces[j].WholeLine(), unknownKey(key, []string{"copy", "layout"}))
			}
			if err != nil {
				return err
			}
		}
		s.Environments = append(s.Environments, es)
	}
	return nil
}
