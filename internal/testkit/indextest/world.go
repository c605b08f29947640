package indextest

import (
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// A Dist is one file of an index.
type Dist struct {
	FileName       string
	Name, Version  string // as METADATA has them
	Requires       []string
	Extras         []string
	RequiresPython string
	Console, GUI   []string
	Files          []txtar.File // "path", or "path mode=0755"
	PlatLib        bool
	LyingRecord    bool

	// What the index says of it.
	Yanked             bool
	YankedReason       string
	UploadTime         time.Time
	SizeBytes          int64  // zero: the true one
	SHA256             string // empty: the true one; "none": none
	Metadata           string // empty: as it is; "none", "nohash", or a text that is served instead
	PageRequiresPython string // empty: RequiresPython
}

// FromTxtar reads a world.
func FromTxtar(data []byte) ([]*Dist, error) {
	var all []*Dist
	byFile := map[string]*Dist{}
	for _, f := range txtar.Parse(data).Files {
		name, member, inside := strings.Cut(f.Name, "/")
		if !inside {
			d, err := header(name, string(f.Data))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, d)
			byFile[name] = d
			continue
		}
		d := byFile[name]
		if d == nil {
			return nil, fmt.Errorf("%s: no distribution %s above it", f.Name, name)
		}
		d.Files = append(d.Files, txtar.File{Name: d.spell(member), Data: f.Data})
	}
	return all, nil
}

// spell puts folders of the distribution into a path.
func (d *Dist) spell(p string) string {
	own := d.base()
	return strings.NewReplacer("@info", own+".dist-info", "@data", own+".data").Replace(p)
}

// base is "name-version" as the file's name has it.
func (d *Dist) base() string {
	parts := strings.SplitN(d.FileName, "-", 3)
	if len(parts) < 2 {
		return d.FileName
	}
	if !d.isWheel() {
		return strings.TrimSuffix(strings.TrimSuffix(d.FileName, ".tar.gz"), ".zip")
	}
	return parts[0] + "-" + parts[1]
}

func (d *Dist) isWheel() bool { return strings.HasSuffix(d.FileName, ".whl") }

func header(file, text string) (*Dist, error) {
	d := &Dist{FileName: file}
	base := d.base()
	i := strings.LastIndexByte(base, '-')
	if i < 0 {
		return nil, fmt.Errorf("want name-version-...whl or name-version.tar.gz")
	}
	d.Name, d.Version = base[:i], strings.ReplaceAll(base[i+1:], "_", "+")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q: want key: value", line)
		}
		value = strings.TrimSpace(value)
		switch key {
		case "requires":
			d.Requires = append(d.Requires, value)
		case "extra":
			d.Extras = append(d.Extras, value)
		case "console":
			d.Console = append(d.Console, value)
		case "gui":
			d.GUI = append(d.GUI, value)
		case "requires-python":
			d.RequiresPython = value
		case "page-requires-python":
			d.PageRequiresPython = value
		case "yanked":
			d.Yanked, d.YankedReason = true, value
		case "upload-time":
			t, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return nil, err
			}
			d.UploadTime = t
		case "size":
			if _, err := fmt.Sscan(value, &d.SizeBytes); err != nil {
				return nil, err
			}
		case "sha256":
			d.SHA256 = value
		case "metadata":
			d.Metadata = strings.ReplaceAll(value, `\n`, "\n")
		case "name":
			d.Name = value
		case "version":
			d.Version = value
		case "record":
			d.LyingRecord = value == "lie"
		case "purelib":
			d.PlatLib = value == "false"
		default:
			return nil, fmt.Errorf("unknown key %q", key)
		}
	}
	return d, nil
}
