package recipe

import "strings"

// kernels are the packages of languages other than Python, and xeus-python.
func kernels() []Recipe {
	return append(rPackages(), rBase(), xeusPython())
}

// xeusPython is a kernel that holds a Python of its own process: libpython of the python
// package.
func xeusPython() Recipe {
	return Recipe{
		ID: "trixie/xeus-python", Name: "xeus-python", Suite: trixie, Kind: compiled, Python: "3.13",
		Debs:    []string{"xpython", "libxeus-zmq6", "libxeus11", "python3-xeus-python-shell"},
		Depends: []string{"+libgcc", "+libuuid", "+zeromq", "ipython"},
		Finish: func(d *draft) error {
			for _, p := range []string{"xpython", "xpython-raw"} {
				if err := d.replace("share/jupyter/kernels/"+p+"/kernel.json",
					"/usr/bin/xpython", Placeholder+"/bin/xpython", "Python 3.11", "Python 3.13",
					// Debian's finds its Python below /usr; this one is told
					`"language": "python",`, `"env": {"PYTHONHOME": "`+Placeholder+"\"},\n  \"language\": \"python\","); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// rVersion is the X.Y of bookworm's R; its packages hold to it.
const rVersion = "4.2"

// rBase is R without tcltk, whose toolkit nothing here shows.
func rBase() Recipe {
	return Recipe{
		ID: "bookworm/r-base", Name: "r-base", Suite: bookworm, Kind: library, Debs: []string{"r-base-core"}, Version: "4.2.2",
		Depends: []string{"+bzip2", "+cairo", "+icu", "+libcurl", "+libgcc", "+libglib", "+liblzma", "+libopenblas", "+libpng", "+libtiff",
			"+libtirpc", "+libzlib", "+pango", "+pcre2", "+readline", "+xorg-libx11", "tzdata"},
		RPath: []string{"lib/R/lib"},
		Drop:  []string{"usr/lib/R/library/tcltk/**", "usr/lib/R/COPYING", "usr/share/R/doc/COPYING", "usr/share/texmf/**", "usr/share/R/doc/NEWS.pdf"},
		Extra: func(d *draft) error {
			// ucf, a maintainer script, would have made this one
			f, ok := d.tree["usr/lib/R/etc/Renviron.ucf"]
			if ok {
				f.Path = "etc/R/Renviron"
				d.tree["etc/R/Renviron"], d.own["etc/R/Renviron"] = f, true
			}
			return nil
		},
		Finish: finishR,
	}
}

// finishR puts the placeholder where R's own scripts and settings name its folders.
func finishR(d *draft) error {
	change := strings.NewReplacer(
		"/usr/lib/"+multiarch, Placeholder+"/lib", "/usr/lib/R", Placeholder+"/lib/R",
		"/usr/share/R", Placeholder+"/share/R", "/usr/local/lib/R/site-library:", "").Replace
	for _, p := range []string{"bin/R", "lib/R/bin/R", "etc/R/Makeconf", "etc/R/ldpaths", "etc/R/Renviron"} {
		if err := d.edit(p, change); err != nil {
			return err
		}
	}
	// Zone files of the tzdata package, for a base image has none.
	if err := d.edit("etc/R/Renviron", func(s string) string {
		return s + "TZDIR=${TZDIR-'" + Placeholder + "/share/zoneinfo'}\n"
	}); err != nil {
		return err
	}
	// The compiled front end has /usr/lib/R inside and takes another place from RHOME.
	front := d.files["bin/Rscript"]
	front.Path = "lib/R/bin/exec/Rscript"
	d.files[front.Path] = front
	for _, p := range []string{"bin/Rscript", "lib/R/bin/Rscript"} {
		text := "#!/bin/sh\nRHOME='" + Placeholder + "/lib/R' exec '" + Placeholder + "/lib/R/bin/exec/Rscript' \"$@\"\n"
		if err := d.set(p, []byte(text)); err != nil {
			return err
		}
	}
	d.pkg.License, d.pkg.Home = "GPL-2.0-or-later", "https://www.r-project.org/"
	d.pkg.Summary = "R is a free software environment for statistical computing and graphics."
	return nil
}

// rTable is one line a package of R: its name on CRAN, generic where it is not compiled,
// and the packages that it depends on.
const rTable = `
base64enc  |         |
cli        |         | glue utf8
crayon     | generic |
digest     |         |
ellipsis   |         | rlang
evaluate   | generic |
fansi      |         |
fastmap    |         |
glue       |         |
htmltools  |         | base64enc digest ellipsis fastmap rlang
irdisplay  | generic | repr
irkernel   | generic | crayon digest evaluate irdisplay jsonlite pbdzmq repr uuid
jsonlite   |         |
lifecycle  | generic | cli glue rlang
pbdzmq     |         |
pillar     | generic | cli fansi glue lifecycle rlang utf8 vctrs
repr       | generic | base64enc htmltools jsonlite pillar
rlang      |         |
utf8       |         |
uuid       |         |
vctrs      |         | cli glue lifecycle rlang
`

func rPackages() []Recipe {
	var out []Recipe
	for line := range strings.Lines(rTable) {
		cells := strings.Split(line, "|")
		if len(cells) != 3 {
			continue
		}
		name := strings.TrimSpace(cells[0])
		r := Recipe{
			ID: "bookworm/r-" + name, Name: "r-" + name, Suite: bookworm, Kind: library, Debs: []string{"r-cran-" + name},
			Depends: []string{"r-base >=4.2,<4.3.0a0"}, RPath: []string{"lib/R/lib"},
		}
		if strings.TrimSpace(cells[1]) == "generic" {
			r.Kind = generic
		}
		for _, n := range strings.Fields(cells[2]) {
			r.Depends = append(r.Depends, "r-"+n)
		}
		switch name {
		case "pbdzmq":
			r.Depends = append(r.Depends, "+zeromq")
		case "irkernel":
			r.Finish = func(d *draft) error {
				return d.replace("share/jupyter/kernels/ir/kernel.json", `["R",`, `["`+Placeholder+`/bin/R",`)
			}
		}
		out = append(out, r)
	}
	return out
}
