package recipe

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/demo/pbs"
)

// pythons are the interpreters, their ABI packages and pips.
func pythons() []Recipe {
	out := []Recipe{
		standalone("3.10.16"), standalone("3.11.11"), standalone("3.14.6"), debianPython(),
		standalonePip("3.11.11", "24.3.1", "24"), standalonePip("3.14.6", "26.1.2", "26"),
	}
	for _, r := range out {
		if r.Name == "python" {
			out = append(out, pythonABI(r.Python))
		}
	}
	return out
}

// abiBuild is conda-forge's build number of python_abi.
const abiBuild = "8"

// pythonABI is the package that ties modules to the Python they were compiled for. It has
// no files.
func pythonABI(python string) Recipe {
	abi := abiBuild + "_cp" + strings.ReplaceAll(python, ".", "")
	return Recipe{
		ID: "pbs/python_abi-" + python, Name: "python_abi", Kind: generic, Python: python, Version: python,
		Constrains: []string{fmt.Sprintf("python %s.* *_cpython", python)},
		Finish: func(d *draft) error {
			d.pkg.Build, d.pkg.BuildNumber = abi, 8
			d.pkg.Summary = "Metapackage to select python implementation"
			d.pkg.TimestampMillis = 1734566400000 // no file has a time; the day of the first standalone build
			return nil
		},
	}
}

// standalone is a CPython of python-build-standalone; it needs glibc 2.17 and nothing else.
func standalone(version string) Recipe {
	python := version[:strings.LastIndexByte(version, '.')]
	return Recipe{
		ID: "pbs/python-" + python, Name: "python", Kind: library, Python: python, Version: version,
		Standalone: version, Pip: pipFor[python],
		Depends: []string{"__glibc >=2.17", "tzdata"}, Constrains: []string{fmt.Sprintf("python_abi %s.* *_cp%s", python, strings.ReplaceAll(python, ".", ""))},
		Extra: func(d *draft) error {
			for _, f := range d.python {
				if strings.HasPrefix(f.Path, "bin/pip") || strings.HasSuffix(f.Path, "/.empty") {
					continue
				}
				d.files[f.Path] = f
			}
			return nil
		},
		Finish: func(d *draft) error {
			if err := d.installPrefix(); err != nil {
				return err
			}
			for p := range d.files {
				if !match("lib/python3*/_sysconfigdata*.py", p) {
					continue
				}
				// where zoneinfo looks: the tzdata package before the system
				if err := d.replace(p, `"TZPATH": "`, `"TZPATH": "`+Placeholder+`/share/zoneinfo:`); err != nil {
					return err
				}
			}
			return d.finishPython()
		},
	}
}

// finishPython does what every interpreter needs.
func (d *draft) finishPython() error {
	d.pkg.License, d.pkg.Home = "Python-2.0", "https://www.python.org/"
	d.pkg.Summary = "General purpose programming language"
	if err := d.ensurePip(); err != nil {
		return err
	}
	return d.siteReadme()
}

// siteReadme makes the folder of packages exist, as an installed CPython has it.
func (d *draft) siteReadme() error {
	return d.set("lib/python"+d.recipe.Python+"/site-packages/README.txt",
		[]byte("This directory exists so that 3rd party packages can be installed\nhere.  Read the source for site.py for more details.\n"))
}

// baked is the prefix of python-build-standalone where a path starts with it.
var baked = regexp.MustCompile(`(^|[^A-Za-z0-9_.-])` + pbs.Prefix + `\b`)

// relocatable is the head of its scripts, which find the interpreter beside themselves.
var relocatable = regexp.MustCompile(`^#!/bin/sh\n'''exec' "\$\(dirname -- "\$\(realpath -- "\$0"\)"\)/(python[0-9.]+)" "\$0" "\$@"\n' '''\n`)

// installPrefix puts the placeholder where the build's own prefix stands, and plain
// shebangs where scripts search for the interpreter: from a store of links they would
// find the store's.
func (d *draft) installPrefix() error {
	for _, p := range sortedKeys(d.files) {
		f := d.files[p]
		script := strings.HasPrefix(p, "bin/") && f.Link == ""
		config := match("lib/python3*/_sysconfigdata*.py", p) || match("lib/python3*/config-3*/Makefile", p)
		if !script && !config {
			continue
		}
		data, err := content(f)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(data), "\x7fELF") {
			continue
		}
		text := baked.ReplaceAllString(string(data), "${1}"+Placeholder)
		text = relocatable.ReplaceAllString(text, "#!"+Placeholder+"/bin/$1\n")
		if text != string(data) {
			if err := d.set(p, []byte(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// standalonePip is the pip that comes with an interpreter.
func standalonePip(python, version, short string) Recipe {
	return Recipe{
		ID: "pbs/pip-" + short, Name: "pip", Kind: pure, Version: version, Pip: python, Depends: []string{"setuptools"},
		Extra: func(d *draft) error {
			for _, f := range d.pip {
				if !strings.HasPrefix(f.Path, "bin/") {
					f.Path = "site-packages/" + f.Path
					d.files[f.Path] = f
				}
			}
			return nil
		},
	}
}

// usr is Debian's prefix in what sysconfig knows, at the places that follow the prefix.
var usr = regexp.MustCompile(`/usr(/lib/` + multiarch + `|/lib|/include|/share|/local|/bin')|(--prefix=|')/usr(['\s])`)

// debianPython is trixie's, with the libraries that its interpreter is linked to.
func debianPython() Recipe {
	return Recipe{
		ID: "trixie/python-3.13", Name: "python", Suite: trixie, Kind: library, Python: "3.13",
		Debs: []string{"python3.13", "python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib",
			"libpython3.13"},
		Pip:        pipFor["3.13"],
		Bundle:     []string{"zlib1g", "libexpat1", "libffi8"},
		Depends:    []string{"+bzip2", "+liblzma", "+libsqlite", "+libuuid", "+ncurses", "+openssl", "+readline", "tzdata"},
		Constrains: []string{"python_abi 3.13.* *_cp313"},
		Drop: []string{"usr/lib/python3.13/EXTERNALLY-MANAGED", "usr/lib/python3.13/sitecustomize.py", "etc/python3.13/**",
			"usr/lib/python3.13/test/**", "usr/lib/python3.13/lib-dynload/_test*", "usr/lib/python3.13/lib-dynload/xx*",
			"usr/lib/python3.13/lib-dynload/_xxtest*", "usr/lib/python3.13/lib-dynload/_ctypes_test*",
			"usr/lib/python3.13/lib-dynload/_dbm*", "usr/lib/" + multiarch + "/libpython3.13.a",
			"usr/lib/python3.13/config-3.13-*/*.a"},
		Finish: finishDebianPython,
	}
}

func finishDebianPython(d *draft) error {
	d.symlink("bin/python3", "python3.13")
	d.symlink("bin/python", "python3.13")
	// site is frozen: its one string in the marshalled code, of the same length.
	const debian, plain = "z\x0ddist-packages", "z\x0dsite-packages"
	for _, p := range []string{"bin/python3.13", "lib/libpython3.13.so.1.0"} {
		if err := d.replace(p, debian, plain); err != nil {
			return err
		}
	}
	if err := d.replace("lib/python3.13/site.py", `"dist-packages"`, `"site-packages"`); err != nil {
		return err
	}
	if err := d.replace("lib/python3.13/sysconfig/__init__.py",
		"prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'"); err != nil {
		return err
	}
	n := 0
	for _, p := range sortedKeys(d.files) {
		if !match("lib/python3.13/_sysconfigdata*.py", p) && !match("lib/python3.13/config-3.13-*/Makefile", p) && p != "bin/python3.13-config" && !match("bin/*-python3.13-config", p) {
			continue
		}
		if d.files[p].Link != "" {
			continue
		}
		n++
		if err := d.edit(p, debianPrefix); err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("no _sysconfigdata in the package")
	}
	return d.finishPython()
}

// debianPrefix puts the placeholder for /usr, and lib for the multiarch folder.
func debianPrefix(s string) string {
	s = usr.ReplaceAllString(s, "${2}"+Placeholder+"${1}${3}")
	return strings.ReplaceAll(s, Placeholder+"/lib/"+multiarch, Placeholder+"/lib")
}
