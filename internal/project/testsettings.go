package project

import (
	"regexp"
	"time"

	"github.com/nasa-openscapes/corn/yamltree"
)

// TestSettings are what corn.yaml says of corn test, and of the test before a push.
type TestSettings struct {
	SkipImports []string            // packages that are not imported
	Imports     map[string][]string // importable names of packages, in place of what their archives say
	NoInterrupt []string            // kernels, by Jupyter's names

	// Limits; zero: the default.
	StartTimeout, ImportTimeout, NotebookTimeout time.Duration
}

var testKeys = []string{"import_timeout", "imports", "no_interrupt", "notebook_timeout", "skip_imports", "start_timeout"}

// moduleName is an importable name: of Python with dots, of R.
var moduleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$`)

func decodeTest(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind != yamltree.Mapping {
		return f.Fail(v, "test is %s: want %s of settings", v.Kind, yamltree.Mapping)
	}
	t := &s.Test
	for i, key := range v.Keys {
		value, err := v.Values[i], error(nil)
		switch key {
		case "skip_imports":
			t.SkipImports, err = filledTexts(f, value, key)
		case "no_interrupt":
			t.NoInterrupt, err = filledTexts(f, value, key)
		case "imports":
			t.Imports, err = decodeImports(f, value)
		case "start_timeout":
			t.StartTimeout, err = timeoutOf(f, value, key)
		case "import_timeout":
			t.ImportTimeout, err = timeoutOf(f, value, key)
		case "notebook_timeout":
			t.NotebookTimeout, err = timeoutOf(f, value, key)
		default:
			err = f.FailAt(v.KeyPlaces[i].WholeLine(), unknownKey(key, testKeys))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func timeoutOf(f *yamltree.File, v *yamltree.Value, what string) (time.Duration, error) {
	text, err := f.Text(v, what)
	if err != nil {
		return 0, err
	}
	return timeout(f, v, text)
}

// decodeImports reads a mapping of packages to lists of importable names.
func decodeImports(f *yamltree.File, v *yamltree.Value) (map[string][]string, error) {
	if v.Kind != yamltree.Mapping {
		return nil, f.Fail(v, "imports is %s: want %s of packages to lists of importable names", v.Kind, yamltree.Mapping)
	}
	out := map[string][]string{}
	for i, name := range v.Keys {
		modules, err := filledTexts(f, v.Values[i], name)
		if err != nil {
			return nil, err
		}
		if len(modules) == 0 {
			return nil, f.FailAt(v.KeyPlaces[i].WholeLine(), "imports: no name for "+name+": to import nothing, list it in skip_imports")
		}
		for j, m := range modules {
			if !moduleName.MatchString(m) {
				return nil, f.Fail(v.Values[i].Values[j], "imports: %q is no importable name", m)
			}
		}
		out[name] = modules
	}
	return out, nil
}
