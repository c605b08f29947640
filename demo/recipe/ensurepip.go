package recipe

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// pipFor is the standalone build whose pip an interpreter carries for its virtual
// environments, by the interpreter's X.Y.
var pipFor = map[string]string{"3.10": "3.11.11", "3.11": "3.11.11", "3.13": "3.11.11", "3.14": "3.14.6"}

// ensurePip gives an interpreter the module that venv starts to have a pip: standalone
// builds have none, and Debian's looks for wheels below /usr.
func (d *draft) ensurePip() error {
	version, wheel, err := d.pipWheel()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("pip-%s-py3-none-any.whl", version)
	dir := "lib/python" + d.recipe.Python + "/ensurepip/"
	for p, text := range map[string]string{
		"_bundled/" + name: string(wheel),
		"__init__.py":      strings.NewReplacer("PIP_VERSION", version, "PIP_WHEEL", name).Replace(ensurePipModule),
		"__main__.py":      "import sys\n\nimport ensurepip\n\nif __name__ == \"__main__\":\n    sys.exit(ensurepip._main())\n",
	} {
		if err := d.set(dir+p, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

const ensurePipModule = `"""Installs the pip that lies beside this module, as venv asks for it."""

import argparse
import os
import subprocess
import sys

__all__ = ["version", "bootstrap"]

_WHEEL = os.path.join(os.path.dirname(__file__), "_bundled", "PIP_WHEEL")


def version():
    """The version of the pip that bootstrap installs."""
    return "PIP_VERSION"


def bootstrap(*, root=None, upgrade=False, user=False, altinstall=False, default_pip=False, verbosity=0):
    """Install pip into the environment of this interpreter, from no index."""
    if altinstall and default_pip:
        raise ValueError("cannot use altinstall and default_pip together")
    code = _bootstrap(root, upgrade, user, verbosity)
    if code:
        raise subprocess.CalledProcessError(code, "pip")


def _bootstrap(root, upgrade, user, verbosity):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c",
               "import sys; sys.path.insert(0, sys.argv.pop(1)); from pip._internal.cli.main import main; sys.exit(main())",
               _WHEEL, "install", "--no-cache-dir", "--no-index", "--no-deps", "--disable-pip-version-check"]
    if root:
        command += ["--root", root]
    if upgrade:
        command += ["--upgrade"]
    if user:
        command += ["--user"]
    if verbosity:
        command += ["-" + "v" * verbosity]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environ["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run(command + [_WHEEL], env=environ).returncode


def _main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m ensurepip")
    parser.add_argument("--version", action="version", version="pip " + version())
    parser.add_argument("-v", "--verbose", action="count", default=0, dest="verbosity")
    parser.add_argument("-U", "--upgrade", action="store_true")
    parser.add_argument("--user", action="store_true")
    parser.add_argument("--root", default=None)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--altinstall", action="store_true")
    group.add_argument("--default-pip", action="store_true")
    args = parser.parse_args(argv)
    return _bootstrap(args.root, args.upgrade, args.user, args.verbosity)
`

// pipWheel packs the pip at hand as the wheel it once was, and says its version.
func (d *draft) pipWheel() (version string, wheel []byte, err error) {
	for _, f := range d.pip {
		if dir, ok := strings.CutSuffix(f.Path, ".dist-info/METADATA"); ok {
			version = strings.TrimPrefix(dir, "pip-")
		}
	}
	if version == "" {
		return "", nil, errors.New("the pip has no METADATA")
	}
	var out, record bytes.Buffer
	w := zip.NewWriter(&out)
	// the module's own deflate: a compiler's would change bytes with the compiler
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	add := func(name string, data []byte, when int64) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Unix(when, 0).UTC()}
		h.SetMode(0o644)
		f, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return err
	}
	info := "pip-" + version + ".dist-info/"
	var when int64
	for _, f := range d.pip {
		name := strings.TrimPrefix(f.Path, info)
		if strings.HasPrefix(f.Path, "bin/") || name == "RECORD" || name == "INSTALLER" || name == "REQUESTED" || name == "direct_url.json" {
			continue // what installing it left
		}
		data, err := content(f)
		if err != nil {
			return "", nil, err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", quoteCSV(f.Path), base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
		when = f.ModTime
		if err := add(f.Path, data, when); err != nil {
			return "", nil, fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	if err := add(info+"RECORD", record.Bytes(), when); err != nil {
		return "", nil, err
	}
	if err := w.Close(); err != nil {
		return "", nil, err
	}
	return version, out.Bytes(), nil
}
