package recipe

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/demo/deb"
)

// A dist is one Python distribution in a package.
type dist struct {
	dir      string // "site-packages/numpy-2.2.4.dist-info"
	name     string // as its authors write it
	version  string
	metadata string
}

// distributions makes every .egg-info and .dist-info of the package a .dist-info such as
// pip leaves: right version, METADATA with all requirements, RECORD, INSTALLER. The
// first of them is the package's own.
func (d *draft) distributions() ([]dist, error) {
	site := d.recipe.sitePackages()
	roots := map[string]bool{}
	for p := range d.files {
		rest, ok := strings.CutPrefix(p, site+"/")
		if !ok {
			continue
		}
		if first, _, _ := strings.Cut(rest, "/"); path.Ext(first) == ".egg-info" || path.Ext(first) == ".dist-info" {
			roots[first] = true
		}
	}
	var dists []dist
	for _, root := range sortedKeys(roots) {
		it, err := d.distribution(site, root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", root, err)
		}
		dists = append(dists, it)
	}
	own := func(it dist) bool { return condaName(it.name) == d.recipe.Name }
	slices.SortStableFunc(dists, func(a, b dist) int {
		switch {
		case own(a) && !own(b):
			return -1
		case own(b) && !own(a):
			return 1
		}
		return 0
	})
	if len(dists) == 0 {
		return nil, fmt.Errorf("no .egg-info and no .dist-info below %s", site)
	}
	if own(dists[0]) {
		if err := d.settle(&dists[0]); err != nil {
			return nil, err
		}
	}
	for i := range dists {
		if err := d.writeDist(&dists[i]); err != nil {
			return nil, err
		}
	}
	return dists, nil
}

// distribution reads one, and clears away what pip would not have left.
func (d *draft) distribution(site, root string) (dist, error) {
	it := dist{dir: site + "/" + root}
	get := func(name string) (string, bool, error) {
		f, ok := d.files[name]
		if !ok {
			return "", false, nil
		}
		data, err := content(f)
		return strings.ReplaceAll(string(data), "\r\n", "\n"), true, err
	}
	for _, name := range []string{"/METADATA", "/PKG-INFO", ""} {
		text, ok, err := get(it.dir + name)
		if err != nil {
			return it, err
		}
		if ok {
			it.metadata = text
			break
		}
	}
	it.name, it.version = field(it.metadata, "Name"), field(it.metadata, "Version")
	if it.name == "" || it.version == "" {
		return it, fmt.Errorf("no name or version in its metadata")
	}
	if !strings.Contains(it.metadata, "\nRequires-Dist:") {
		text, ok, err := get(it.dir + "/requires.txt")
		if err != nil {
			return it, err
		}
		if ok {
			head, body, _ := strings.Cut(it.metadata, "\n\n")
			it.metadata = strings.TrimRight(head, "\n") + "\n" + fromRequiresTxt(text) + "\n" + body
		}
	}
	for _, name := range []string{"", "/METADATA", "/PKG-INFO", "/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json",
		"/requires.txt", "/dependency_links.txt", "/not-zip-safe", "/zip-safe", "/SOURCES.txt", "/pbr.json"} {
		delete(d.files, it.dir+name)
	}
	return it, nil
}

// settle gives the package's own distribution the version that it really has, and the
// package the same: Debian's builds know it badly (xarray calls itself 999, mako
// 1.3.9.dev0).
func (d *draft) settle(it *dist) error {
	want := d.recipe.Version
	if want == "" {
		want = deb.Upstream(d.pins[d.recipe.Debs[0]].Version)
	}
	plain, _, _ := strings.Cut(it.version, "+")
	if !sameVersion(plain, want) {
		plain = want
	}
	was := it.version
	it.version, d.pkg.Version = plain, plain
	// modules that tell their version themselves tell Debian's
	for _, p := range sortedKeys(d.files) {
		if !strings.Contains(was, "+") || path.Base(p) != "_version.py" {
			continue
		}
		if err := d.edit(p, func(s string) string { return strings.ReplaceAll(s, was, plain) }); err != nil {
			return err
		}
	}
	return nil
}

// sameVersion compares numbers part by part: 2025.03.1 is 2025.3.1, 4.9 is 4.9.0.
func sameVersion(a, b string) bool {
	parts := func(s string) []string {
		list := strings.Split(s, ".")
		for i, p := range list {
			if p = strings.TrimLeft(p, "0"); p == "" {
				p = "0"
			}
			list[i] = p
		}
		for len(list) > 1 && list[len(list)-1] == "0" {
			list = list[:len(list)-1]
		}
		return list
	}
	return slices.Equal(parts(a), parts(b))
}

// writeDist puts the distribution's folder under its right name, with METADATA, WHEEL
// and INSTALLER.
func (d *draft) writeDist(it *dist) error {
	lines := strings.Split(it.metadata, "\n")
	for i, line := range lines {
		if line == "" {
			break
		}
		if strings.HasPrefix(line, "Version:") {
			lines[i] = "Version: " + it.version
		}
	}
	dir := path.Dir(it.dir) + "/" + strings.ReplaceAll(it.name, "-", "_") + "-" + it.version + ".dist-info"
	for _, p := range sortedKeys(d.files) {
		if rest, ok := strings.CutPrefix(p, it.dir+"/"); ok && it.dir != dir {
			f := d.files[p]
			delete(d.files, p)
			f.Path = dir + "/" + rest
			d.files[f.Path] = f
		}
	}
	it.dir = dir
	if err := d.set(dir+"/METADATA", []byte(strings.Join(lines, "\n"))); err != nil {
		return err
	}
	if _, ok := d.files[dir+"/WHEEL"]; !ok {
		tag, purelib := "py3-none-any", "true"
		if d.recipe.Kind == compiled {
			cp := "cp" + strings.ReplaceAll(d.recipe.Python, ".", "")
			tag, purelib = cp+"-"+cp+"-linux_x86_64", "false"
		}
		wheel := "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: " + purelib + "\nTag: " + tag + "\n"
		if err := d.set(dir+"/WHEEL", []byte(wheel)); err != nil {
			return err
		}
	}
	return d.set(dir+"/INSTALLER", []byte("conda\n"))
}

// record writes the RECORDs: all files that are no other distribution's metadata belong
// to the first. Those outside of site-packages stand without a hash, for their bytes may
// depend on the prefix.
func (d *draft) record() error {
	dists, site := d.dists, d.recipe.sitePackages()
	if len(dists) == 0 {
		return nil
	}
	lists := make([]bytes.Buffer, len(dists))
	for _, p := range sortedKeys(d.files) {
		f, owner := d.files[p], 0
		for i := range dists {
			if strings.HasPrefix(p, dists[i].dir+"/") {
				owner = i
			}
		}
		rest, inside := strings.CutPrefix(p, site+"/")
		if !inside {
			place := p
			if after, ok := strings.CutPrefix(p, "python-scripts/"); ok {
				place = "bin/" + after
			}
			fmt.Fprintf(&lists[owner], "%s,,\n", quoteCSV("../../../"+place))
			continue
		}
		if f.Link != "" || path.Ext(p) == ".pyc" { // no hash for bytecode, as pip has it
			fmt.Fprintf(&lists[owner], "%s,,\n", quoteCSV(rest))
			continue
		}
		data, err := content(f)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&lists[owner], "%s,sha256=%s,%d\n", quoteCSV(rest), base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
	}
	for i := range dists {
		at := dists[i].dir + "/RECORD"
		fmt.Fprintf(&lists[i], "%s,,\n", strings.TrimPrefix(at, site+"/"))
		if err := d.set(at, lists[i].Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func quoteCSV(s string) string {
	if strings.ContainsAny(s, "\",\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// field is the first value of a header in metadata, "" without one.
func field(metadata, name string) string {
	for _, v := range fields(metadata, name) {
		return v
	}
	return ""
}

func fields(metadata, name string) []string {
	var out []string
	for line := range strings.Lines(metadata) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			break
		}
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			out = append(out, strings.TrimSpace(value))
		}
	}
	return out
}

// consoleScripts are the "name = module:function" lines of the distributions.
func (d *draft) consoleScripts(dists []dist) ([]string, error) {
	var out []string
	for _, it := range dists {
		f, ok := d.files[it.dir+"/entry_points.txt"]
		if !ok {
			continue
		}
		data, err := content(f)
		if err != nil {
			return nil, err
		}
		section := ""
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
			if strings.HasPrefix(line, "[") {
				section = strings.Trim(line, "[] ")
				continue
			}
			name, target, ok := strings.Cut(line, "=")
			if !ok || section != "console_scripts" {
				continue
			}
			target, _, _ = strings.Cut(target, "[") // extras have no say in a script
			out = append(out, strings.TrimSpace(name)+" = "+strings.TrimSpace(target))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
