package recipe

import (
	"strings"
)

// pureTable is one line a distribution of pure Python: its conda name, its deb where that
// is not python3-NAME (bookworm's/trixie's where these differ), what it depends on in bookworm besides what its metadata says
// (Debian empties the requirements of eggs), the same in trixie, and requirements that
// are left out. "-" means that the suite gives no package: it has none, or the same
// version as trixie.
const pureTable = `
aiohappyeyeballs          |           | -                          |                      |
aiosignal                 |           | -                          |                      |
alembic                   |           | mako; sqlalchemy >=1.3.0 |                      |
annotated-types           |           | -                          |                      |
anyio                     |           | idna; sniffio              |                      |
asttokens                 |           | six                        |                      |
async-lru                 |           |                            |                      |
attrs                     | attr      |                            |                      |
babel                     |           | pytz                       |                      |
backcall                  |           |                            | -                    |
beautifulsoup4            | bs4       | soupsieve                  |                      |
bleach                    |           | html5lib; six; webencodings | html5lib; webencodings; tinycss2 |
bytecode                  |           |                            |                      |
certifi                   |           | ca-certificates            | ca-certificates      |
click                     |           |                            |                      |
cloudpickle               |           |                            |                      |
comm                      |           |                            |                      |
dask                      |           | click >=7.0; cloudpickle >=1.1.1; fsspec >=0.6.0; packaging >=20.0; partd >=0.3.10; pyyaml >=5.3.1; toolz >=0.8.2 | |
decorator                 |           |                            |                      |
defusedxml                |           | -                          |                      |
distributed               |           | click >=6.6; cloudpickle >=1.5.0; dask ==2022.12.1; jinja2; locket >=1.0.0; msgpack-python >=0.6.0; packaging >=20.0; psutil >=5.0; pyyaml; sortedcontainers !=2.0.0,!=2.0.1; tblib >=1.6.0; toolz >=0.8.2; tornado >=6.0.3; urllib3; zict >=0.1.3,<3 | |
entrypoints               |           |                            | -                    |
executing                 |           |                            |                      |
fsspec                    |           |                            |                      |
heapdict                  |           |                            | -                    |
html5lib                  |           | six >=1.9; webencodings    | webencodings         |
idna                      |           |                            |                      |
importlib-metadata        |           | zipp >=0.5                 |                      |
ipykernel                 |           |                            |                      |
ipython                   |           |                            |                      |
jedi                      |           | parso >=0.8.0              | parso >=0.8.3        |
jinja2                    |           | markupsafe >=2.0           |                      |
json5                     |           |                            |                      |
jsonschema                |           | attrs >=17.4.0             |                      |
jsonschema-specifications |           | -                          |                      |
jupyter_client            | jupyter-client |                       |                      |
jupyter_core              | jupyter-core |                         |                      |
jupyter_events            | jupyter-events | -                     |                      |
jupyter_kernel_test       | jupyter-kernel-test |  |                      |
jupyter_server            | jupyter-server | anyio >=3.1.0,<4; argon2-cffi; jinja2; jupyter_client >=6.1.12; jupyter_core >=4.7.0; nbconvert >=6.4.4; nbformat >=5.2.0; packaging; prometheus_client; pyzmq >=17; send2trash; terminado >=0.8.3; tornado >=6.1.0; traitlets >=5.1; websocket-client |                      |
jupyter_server_terminals  | jupyter-server-terminals | -           |                      |
jupyterlab_pygments       | jupyterlab-pygments | -                | pygments >=2.4.1     |
jupyterlab_server         | jupyterlab-server |  |                      |
locket                    |           | -                          |                      |
mako                      |           | markupsafe >=0.9.2         |                      |
matplotlib-inline         |           | traitlets                  |                      |
mistune                   |           |  |                      |
nbclient                  |           |  |                      |
nbconvert                 |           | beautifulsoup4; bleach; defusedxml; jinja2 >=3.0; jupyter_core >=4.7; jupyterlab_pygments; markupsafe >=2.0; mistune >=2.0.3,<3; nbclient >=0.5.0; nbformat >=5.1; packaging; pandocfilters >=1.4.1; pygments >=2.4.1; tinycss2; traitlets >=5.0 |                      |
nbformat                  |           |  |                      |
nest-asyncio              |           | -                          |                      |
notebook-shim             |           | -                          |                      |
oauthlib                  |           | -                          |                      |
overrides                 |           | -                          |                      |
packaging                 |           |                            |                      |
pandocfilters             |           |                            |                      |
parso                     |           |                            |                      |
partd                     |           | locket; toolz              |                      |
pexpect                   |           | ptyprocess >=0.5           |                      |
pickleshare               |           |                            | -                    |
platformdirs              |           |                            |                      |
prometheus_client         | prometheus-client |                    |                      |
prompt-toolkit            |           | wcwidth                    |                      |
ptyprocess                |           | -                          |                      |
pure_eval                 | pure-eval |                            |                      |
pydantic                  |           | typing_extensions >=4.2.0 |                      |
pygments                  |           |                            |                      |
python-dateutil           | dateutil  | six >=1.5                  | six >=1.5            |
python-fastjsonschema     | fastjsonschema |                       |                      |
python-json-logger        | pythonjsonlogger |                     |                      |
pytz                      | tz/pytz   | tzdata                     | tzdata               |
referencing               |           | -                          |                      |
requests                  |           | certifi >=2017.4.17; charset-normalizer >=2,<4; idna >=2.5,<4; urllib3 >=1.21.1,<1.27 |                      |
rfc3339-validator         |           | -                          | six                  |
rfc3986-validator         |           | -                          |                      |
send2trash                |           |                            |                      |
setuptools                | setuptools pkg-resources |             |                      |
six                       |           |                            |                      |
sniffio                   |           |                            |                      |
sortedcontainers          |           | -                          |                      |
soupsieve                 |           |                            |                      |
sqlalchemy                |           |  |                      |
stack_data                | stack-data |                           |                      |
starlette                 |           | -                          |                      |
tblib                     |           |                            |                      |
terminado                 |           |  |                      |
tinycss2                  |           |                            |                      |
toolz                     |           |                            |                      |
traitlets                 |           |                            |                      |
typing_extensions         | typing-extensions |                    |                      |
urllib3                   |           | six                        |                      |
wcwidth                   |           |                            |                      |
webencodings              |           | -                          |                      |
websocket-client          | websocket |  |                      |
wheel                     |           |                            |                      |
xarray                    |           | numpy >=1.20,<2; packaging >=21.3; pandas >=1.3,<2 |  |
zict                      |           | heapdict                   |                      |
zipp                      |           | more-itertools             |                      |
more-itertools            |           |                            |                      |
`

// pureExtra holds what single recipes of the table need besides, by ID.
var pureExtra = map[string]func(*Recipe){
	"bookworm/ipykernel":       pythonKernel,
	"trixie/ipykernel":         pythonKernel,
	"bookworm/pytz":            zoneFiles,
	"trixie/pytz":              zoneFiles,
	"bookworm/certifi":         certificateFile,
	"trixie/certifi":           certificateFile,
	"bookworm/python-dateutil": zonePaths,
	"trixie/python-dateutil":   zonePaths,
	"trixie/babel":             func(r *Recipe) { r.LinkDebs = []string{"python-babel-localedata"} },
	"bookworm/babel":           func(r *Recipe) { r.LinkDebs = []string{"python-babel-localedata"} },
	"trixie/tinycss2":          func(r *Recipe) { r.Drop = []string{"usr/lib/python3/dist-packages/tinycss2/css-parsing-tests"} },
	"bookworm/tinycss2":        func(r *Recipe) { r.Drop = []string{"usr/lib/python3/dist-packages/tinycss2/css-parsing-tests"} },
}

// pythonKernel makes the kernelspec start the Python of the prefix.
func pythonKernel(r *Recipe) {
	r.Finish = func(d *draft) error {
		return d.replace("share/jupyter/kernels/python3/kernel.json", "/usr/bin/python3", Placeholder+"/bin/python")
	}
}

// zoneFiles has pytz read the zone files of the prefix; Debian's reads the system's.
func zoneFiles(r *Recipe) {
	r.Finish = func(d *draft) error {
		return d.replace("site-packages/pytz/__init__.py", `"/usr/share/zoneinfo/`, `"`+Placeholder+`/share/zoneinfo/`)
	}
}

// zonePaths has dateutil look below the prefix first.
func zonePaths(r *Recipe) {
	r.Finish = func(d *draft) error {
		return d.replace("site-packages/dateutil/tz/tz.py", `TZPATHS = ["/usr/share/zoneinfo",`,
			`TZPATHS = ["`+Placeholder+`/share/zoneinfo", "/usr/share/zoneinfo",`)
	}
}

// certificateFile points certifi at the file of the ca-certificates package, also from
// within a virtual environment; Debian's points at the system's.
func certificateFile(r *Recipe) {
	r.Finish = func(d *draft) error {
		return d.replace("site-packages/certifi/core.py", `DEBIAN_CA_CERTS_PATH = '/etc/ssl/certs/ca-certificates.crt'`,
			"import os\nimport sys\n\nDEBIAN_CA_CERTS_PATH = os.path.join(sys.base_prefix, 'ssl', 'cacert.pem')")
	}
}

// pures are the noarch packages of Python modules.
func pures() []Recipe {
	var out []Recipe
	for line := range strings.Lines(pureTable) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for i, suite := range []string{bookworm, trixie} {
			if cells[2+i] == "-" {
				continue
			}
			debs := strings.Fields(cells[1])
			if len(debs) == 0 {
				debs = []string{cells[0]}
			}
			for j := range debs {
				if both := strings.Split(debs[j], "/"); len(both) == 2 {
					debs[j] = both[i]
				}
				debs[j] = "python3-" + debs[j]
			}
			r := Recipe{
				ID: suite + "/" + cells[0], Name: cells[0], Suite: suite, Kind: pure, Debs: debs,
				Depends: specList(cells[2+i]), Forget: strings.Fields(cells[4]),
			}
			if extra := pureExtra[r.ID]; extra != nil {
				extra(&r)
			}
			out = append(out, r)
		}
	}
	return append(out, jupyters()...)
}

// specList cuts a cell of MatchSpecs at its semicolons.
func specList(cell string) []string {
	var out []string
	for _, s := range strings.Split(cell, ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
