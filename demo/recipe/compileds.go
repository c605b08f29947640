package recipe

import "strings"

// compiledTable is one line a package of compiled modules: conda name, debs, what it
// depends on besides its metadata in bookworm (for Python 3.11), and in trixie (3.13).
const compiledTable = `
aiohttp            | =                                | -                             | +llhttp
debugpy            | =                                | -                             | +libgcc
frozenlist         | =                                | -                             |
greenlet           | =                                | +libgcc                       | +libgcc
markupsafe         | =                                |                               |
msgpack-python     | python3-msgpack                  |                               |
multidict          | =                                | -                             |
numpy              | =                                | +libopenblas                  | +libopenblas; +libgcc
pandas             | python3-pandas python3-pandas-lib | numpy >=1.21,<2; python-dateutil >=2.8.1; pytz >=2020.1; +libgcc | +libgcc
propcache          | =                                | -                             |
pyrsistent         | =                                |                               | -
psutil             | =                                |                               |
pydantic-core      | =                                | -                             | +libgcc
pyyaml             | python3-yaml                     | +yaml                         | +yaml
pyzmq              | python3-zmq                      | +zeromq                       | +zeromq
rpds-py            | =                                | -                             | +libgcc
tornado            | =                                |                               |
yarl               | =                                | -                             |
charset-normalizer | =                                | -                             |
`

// compiledExtra holds what single recipes of the table need besides, by ID.
var compiledExtra = map[string]func(*Recipe){
	"trixie/numpy": func(r *Recipe) { r.LinkDebs = []string{"python3-numpy-dev"} },
}

// pythonOf is the Python that a suite compiles modules for.
var pythonOf = map[string]string{bookworm: "3.11", trixie: "3.13"}

// compileds are the packages of modules for one version of Python.
func compileds() []Recipe {
	var out []Recipe
	for line := range strings.Lines(compiledTable) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		name, debs := strings.TrimSpace(cells[0]), strings.Fields(cells[1])
		if debs[0] == "=" {
			debs = []string{"python3-" + name}
		}
		for i, suite := range []string{bookworm, trixie} {
			if strings.TrimSpace(cells[2+i]) == "-" {
				continue
			}
			r := Recipe{
				ID: suite + "/" + name, Name: name, Suite: suite, Kind: compiled, Python: pythonOf[suite],
				Debs: debs, Depends: specList(cells[2+i]),
			}
			if extra := compiledExtra[r.ID]; extra != nil {
				extra(&r)
			}
			out = append(out, r)
		}
	}
	return append(out, debugger(), argon2(bookworm), argon2(trixie, "cffi"))
}

// debugger is bookworm's debugpy with the pydevd that Debian took out of it.
func debugger() Recipe {
	return Recipe{
		ID: "bookworm/debugpy", Name: "debugpy", Suite: bookworm, Kind: compiled, Python: "3.11",
		Debs: []string{"python3-debugpy", "python3-pydevd"}, Depends: []string{"bytecode", "+libgcc"},
	}
}

// argon2 is one package where conda-forge has two, for Debian has one.
func argon2(suite string, forget ...string) Recipe {
	return Recipe{
		ID: suite + "/argon2-cffi", Name: "argon2-cffi", Suite: suite, Kind: compiled, Python: pythonOf[suite],
		Debs: []string{"python3-argon2", "python3-cffi-backend"}, Depends: []string{"+argon2", "+libffi"},
		Forget: forget,
	}
}
