package wheel

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

// An Env is the environment that a wheel goes into.
type Env struct {
	Prefix string // "srv/conda/envs/a", with or without a slash in front
	Python Python
}

// Python is the interpreter of an Env.
type Python struct {
	Short        string // "3.13"
	SitePackages string // relative to the prefix: "lib/python3.13/site-packages"
	CacheTag     string // "cpython-313"; empty: no bytecode
	Magic        uint16 // of its bytecode; not needed here, since shipped bytecode is never kept
}

// Options say what a user asked for. The zero value is a package that came along as a
// dependency, from an index.
type Options struct {
	// Installer is what INSTALLER says; empty means "pip".
	Installer string
	// Requested adds the empty file REQUESTED: the user asked for this project by name.
	Requested bool
	// DirectURL adds direct_url.json (PEP 610): the user asked for this very URL. User
	// info in it is left out.
	DirectURL string
}

// Items lists what a wheel brings into env: its files, scripts for its entry points, its
// INSTALLER and RECORD, and bytecode to be compiled for every .py file.
//
// Files come in the order of the archive, then what is generated, then bytecode. Modes
// are those that pip leaves under umask 022. facts are not changed, and Member items share
// nothing with them.
func Items(facts *artifact.Facts, env Env, opts Options) ([]store.Item, error) {
	if facts.Kind != artifact.Wheel || facts.Wheel == nil {
		return nil, &FormatError{Wheel: facts.FileName, Reason: "is no wheel"}
	}
	if err := filetree.CheckPath(env.Python.SitePackages); err != nil {
		return nil, fmt.Errorf("site-packages of %s: %w", env.Prefix, err)
	}
	p := &placer{
		facts: facts, env: env, owner: map[string]string{},
		python: "/" + strings.Trim(env.Prefix, "/") + "/bin/python",
	}
	if err := p.entryPoints(); err != nil {
		return nil, err
	}
	for _, m := range facts.Members {
		if err := p.member(m); err != nil {
			return nil, err
		}
	}
	if err := p.scripts(); err != nil {
		return nil, err
	}
	if err := p.bytecode(); err != nil {
		return nil, err
	}
	if err := p.distInfo(opts); err != nil {
		return nil, err
	}
	return append(p.items, p.pycs...), nil
}

// placer gathers the items of one wheel.
type placer struct {
	facts  *artifact.Facts
	env    Env
	python string // for shebangs: what sys.executable is when <prefix>/bin/python runs pip

	console, gui []entryPoint
	wrapped      map[string]bool // names of all entry points

	items []store.Item
	pycs  []store.Item
	rows  []row
	owner map[string]string // who claimed a path
}

func (p *placer) entryPoints() error {
	p.wrapped = map[string]bool{}
	for _, group := range []struct {
		lines []string
		to    *[]entryPoint
	}{{p.facts.Wheel.ConsoleScripts, &p.console}, {p.facts.Wheel.GUIScripts, &p.gui}} {
		for _, line := range group.lines {
			e, err := parseEntryPoint(line)
			if err != nil {
				return &EntryPointError{Wheel: p.facts.FileName, Line: line, Reason: err.Error()}
			}
			p.wrapped[e.name] = true
			*group.to = append(*group.to, e)
		}
	}
	p.console = consoleScripts(p.console, p.env.Python.Short)
	return nil
}

// claim gives a path to one member.
func (p *placer) claim(path, who string) error {
	if first, ok := p.owner[path]; ok {
		return &ClashError{Wheel: p.facts.FileName, Path: path, First: first, Second: who}
	}
	p.owner[path] = who
	return nil
}

// target says where a member goes.
func (p *placer) target(member string) (string, error) {
	scheme, rest := schemeOf(member, p.facts.Wheel.DataDir)
	site := p.env.Python.SitePackages
	if scheme == "" && rest == member {
		return site + "/" + member, nil
	}
	if rest == "" {
		return "", &FormatError{Wheel: p.facts.FileName, Member: member, Reason: "lies in .data and in no folder of it"}
	}
	switch scheme {
	case "purelib", "platlib":
		return site + "/" + rest, nil
	case "scripts":
		return "bin/" + rest, nil
	case "headers":
		// sysconfig's include, "include/python3.13", and the project's name below it.
		return "include/" + path.Base(path.Dir(site)) + "/" + p.facts.Name + "/" + rest, nil
	case "data":
		if top, _, _ := strings.Cut(rest, "/"); top == "conda-meta" {
			return "", &FormatError{Wheel: p.facts.FileName, Member: member, Reason: "wants to be in conda-meta, which is conda's"}
		}
		return rest, nil
	}
	return "", &FormatError{Wheel: p.facts.FileName, Member: member, Reason: fmt.Sprintf("has the scheme %q: want purelib, platlib, scripts, headers or data", scheme)}
}

func (p *placer) member(m artifact.Member) error {
	info := p.facts.Wheel.DistInfo
	switch m.Path {
	case info + "/RECORD", info + "/INSTALLER", info + "/REQUESTED", info + "/direct_url.json":
		return nil // the installer writes its own
	}
	scheme, rest := schemeOf(m.Path, p.facts.Wheel.DataDir)
	if scheme == "scripts" && wraps(path.Base(rest), p.wrapped) {
		// pip leaves the wheel's row in RECORD; the file is not there.
		p.rows = append(p.rows, hashed(m.Path, m.SHA256, m.SizeBytes))
		return nil
	}
	to, err := p.target(m.Path)
	if err != nil {
		return err
	}
	if err := p.claim(to, m.Path); err != nil {
		return err
	}
	if p.recompiled(m.Path) {
		delete(p.owner, to) // bytecode takes the path
		return nil
	}
	item := store.Item{
		Path: to, Type: filetree.File, Member: m.Path, SizeBytes: m.SizeBytes,
		Mode: 0o644, ModTime: max(m.ModTime, filetree.Epoch1980), Traits: m.Traits,
	}
	if m.Mode&0o111 != 0 {
		item.Mode = 0o755
	}
	if text, ok := p.facts.Kept[m.Path]; ok && scheme == "scripts" {
		p.generate(to, fixScript(text, p.python), item.Mode)
		return nil
	}
	p.items = append(p.items, item)
	if name := strings.TrimPrefix(m.Path, info+"/"); name == "RECORD.jws" || name == "RECORD.p7s" {
		p.rows = append(p.rows, row{path: p.rel(to)})
	} else {
		p.rows = append(p.rows, hashed(p.rel(to), m.SHA256, m.SizeBytes))
	}
	return nil
}

// recompiled tells whether a shipped .pyc is replaced by the bytecode of a .py beside it.
func (p *placer) recompiled(member string) bool {
	dir, file := path.Split(member)
	stem, ok := strings.CutSuffix(file, "."+p.env.Python.CacheTag+".pyc")
	if !ok || p.env.Python.CacheTag == "" || path.Base(dir) != "__pycache__" {
		return false
	}
	source := path.Join(path.Dir(strings.TrimSuffix(dir, "/")), stem+".py")
	for _, m := range p.facts.Members {
		if m.Path == source {
			return true
		}
	}
	return false
}

// rel is a path as RECORD has it: relative to site-packages.
func (p *placer) rel(to string) string {
	return filetree.Relative(p.env.Python.SitePackages+"/RECORD", to)
}

// generate adds a file written here, and its row.
func (p *placer) generate(to string, data []byte, mode uint32) {
	p.items = append(p.items, store.Item{
		Path: to, Type: filetree.File, Data: data, Generated: true, Mode: mode,
		ModTime: filetree.Epoch1980, SizeBytes: int64(len(data)),
	})
	p.rows = append(p.rows, hashed(p.rel(to), digest.Sum(data), int64(len(data))))
}

// scripts writes one file for each entry point; of two with one name the later counts, as
// in pip, which overwrites.
func (p *placer) scripts() error {
	last := map[string]int{}
	all := append(append([]entryPoint{}, p.console...), p.gui...)
	for i, e := range all {
		last[e.name] = i
	}
	for i, e := range all {
		if last[e.name] != i {
			continue
		}
		to := "bin/" + e.name
		if err := p.claim(to, e.String()); err != nil {
			return err
		}
		p.generate(to, e.script(p.python), 0o755)
	}
	return nil
}

// bytecode asks for a .pyc beside every .py, wherever it is installed, as pip does.
func (p *placer) bytecode() error {
	if p.env.Python.CacheTag == "" {
		return nil
	}
	for _, it := range p.items {
		if !strings.HasSuffix(it.Path, ".py") {
			continue
		}
		dir, file := path.Split(it.Path)
		stem := strings.TrimSuffix(file, ".py")
		if stem == "" {
			stem = "py" // importlib.util.cache_from_source(".py")
		}
		to := dir + "__pycache__/" + stem + "." + p.env.Python.CacheTag + ".pyc"
		if err := p.claim(to, "bytecode of "+it.Path); err != nil {
			return err
		}
		p.pycs = append(p.pycs, store.Item{
			Path: to, Type: filetree.File, Pyc: &store.Pyc{Source: it.Path},
			Mode: 0o644, ModTime: filetree.Epoch1980,
		})
		p.rows = append(p.rows, row{path: p.rel(to)})
	}
	return nil
}

// distInfo writes what the installer owes: INSTALLER, direct_url.json, REQUESTED, RECORD.
func (p *placer) distInfo(opts Options) error {
	dir := p.env.Python.SitePackages + "/" + p.facts.Wheel.DistInfo + "/"
	installer := opts.Installer
	if installer == "" {
		installer = "pip"
	}
	p.generate(dir+"INSTALLER", []byte(installer+"\n"), 0o644)
	if opts.DirectURL != "" {
		text, err := directURL(opts.DirectURL, p.facts.SHA256)
		if err != nil {
			return err
		}
		p.generate(dir+"direct_url.json", text, 0o644)
	}
	if opts.Requested {
		p.generate(dir+"REQUESTED", []byte{}, 0o644)
	}
	p.rows = append(p.rows, row{path: p.facts.Wheel.DistInfo + "/RECORD"})
	text := formatRecord(p.rows)
	p.items = append(p.items, store.Item{
		Path: dir + "RECORD", Type: filetree.File, Data: text, Generated: true, Mode: 0o644,
		ModTime: filetree.Epoch1980, SizeBytes: int64(len(text)),
	})
	return nil
}

// directURL is the text of direct_url.json, in the layout of Python's json.dumps with
// sorted keys.
func directURL(raw string, sum digest.SHA256) ([]byte, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("direct url: %w", err)
	}
	u.User, u.Fragment = nil, ""
	quoted, err := json.Marshal(u.String())
	if err != nil {
		return nil, fmt.Errorf("direct url: %w", err)
	}
	return fmt.Appendf(nil, `{"archive_info": {"hash": "sha256=%s", "hashes": {"sha256": "%s"}}, "url": %s}`, sum, sum, quoted), nil
}
