package channeltest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// worldMillis is the clock of packages whose header gives none: 2024-01-02T03:04:05Z.
const worldMillis = 1704164645000

// FromTxtar reads packages from a txtar archive, in the mini format that the package
// comment describes. Errors name the txtar file they arose in.
func FromTxtar(data []byte) ([]Archive, error) {
	var archives []Archive
	byDist := map[string]*Package{}
	for _, f := range txtar.Parse(data).Files {
		if a, ok, err := header(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		} else if ok {
			if known := byDist[a.Package.Dist()]; known != nil {
				// A second header for the same name asks for a second format.
				a.Package = known
			}
			byDist[a.Package.Dist()] = a.Package
			archives = append(archives, a)
			continue
		}
		dist, rest, ok := strings.Cut(f.Name, "/")
		p := byDist[dist]
		if !ok || p == nil {
			return nil, fmt.Errorf("%s: no package %s.conda or %s.tar.bz2 above it", f.Name, dist, dist)
		}
		if err := p.addWorldFile(rest, f.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return archives, nil
}

// header reads a package header; ok is false for other files.
func header(f txtar.File) (a Archive, ok bool, err error) {
	if strings.ContainsRune(f.Name, '/') {
		return a, false, nil
	}
	dist, ok := strings.CutSuffix(f.Name, ".conda")
	if !ok {
		if dist, ok = strings.CutSuffix(f.Name, ".tar.bz2"); !ok {
			return a, false, nil
		}
		a.Format = TarBz2
	}
	parts := strings.Split(dist, "-")
	n := len(parts)
	if n < 3 {
		return a, false, fmt.Errorf("want name-version-build, got %q", dist)
	}
	p := &Package{
		Name:            strings.Join(parts[:n-2], "-"),
		Version:         parts[n-2],
		Build:           parts[n-1],
		TimestampMillis: worldMillis,
		Placeholder:     DefaultPlaceholder,
	}
	if m := buildNumber.FindString(p.Build); m != "" {
		p.BuildNumber, _ = strconv.Atoi(strings.TrimPrefix(m, "_"))
	}
	a.Package = p
	for line := range strings.Lines(string(f.Data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if err := p.set(key, strings.TrimSpace(value)); err != nil {
			return a, false, err
		}
	}
	return a, true, nil
}

var buildNumber = regexp.MustCompile(`(^|_)[0-9]+$`)

func (p *Package) set(key, value string) (err error) {
	switch key {
	case "depends":
		p.Depends = append(p.Depends, value)
	case "constrains":
		p.Constrains = append(p.Constrains, value)
	case "run_export":
		p.RunExports = append(p.RunExports, value)
	case "entry_point":
		p.EntryPoints = append(p.EntryPoints, value)
	case "track_features":
		p.TrackFeatures = value
	case "noarch":
		p.Noarch = value
	case "license":
		p.License = value
	case "summary":
		p.Summary = value
	case "home":
		p.Home = value
	case "site_packages_path":
		p.PythonSitePackagesPath = value
	case "placeholder":
		p.Placeholder = value
	case "subdir":
		p.Subdir = value
	case "timestamp":
		p.TimestampMillis, err = strconv.ParseInt(value, 10, 64)
	case "build_number":
		p.BuildNumber, err = strconv.Atoi(value)
	case "style":
		if value != "old" {
			return fmt.Errorf("style %q: want old", value)
		}
		p.OldStyle = true
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func (p *Package) addWorldFile(spec string, data []byte) error {
	words := strings.Fields(spec)
	if len(words) == 0 {
		return fmt.Errorf("a file needs a path")
	}
	f := File{Path: words[0]}
	var escape bool
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "mode":
			var mode uint64
			mode, err = strconv.ParseUint(value, 8, 32)
			f.Mode = uint32(mode)
		case "mtime":
			f.ModTime, err = strconv.ParseInt(value, 10, 64)
		case "link":
			f.Link = strings.ReplaceAll(value, "@PREFIX@", p.Placeholder)
		case "hardlink":
			f.HardLink = value
		case "prefix":
			f.PrefixMode = value
		case "dir":
			f.Dir = true
		case "nolink":
			f.NoLink = true
		case "nosoftlink":
			f.NoSoftlink = true
		case "escape":
			escape = true
		case "nonl":
			data = bytes.TrimSuffix(data, []byte("\n"))
		default:
			err = fmt.Errorf("unknown attribute")
		}
		if err != nil {
			return fmt.Errorf("attribute %q: %w", word, err)
		}
	}
	if escape {
		var err error
		if data, err = unescape(data); err != nil {
			return err
		}
	}
	data = bytes.ReplaceAll(data, []byte("@PREFIX@"), []byte(p.Placeholder))
	if name, ok := strings.CutPrefix(f.Path, "info/"); ok {
		if p.Info == nil {
			p.Info = map[string][]byte{}
		}
		p.Info[name] = append([]byte{}, data...)
		return nil
	}
	if f.Link == "" && f.HardLink == "" && !f.Dir {
		f.Data = data
	}
	p.Files = append(p.Files, f)
	return nil
}

// unescape resolves Go's escapes; newlines and quotes stand for themselves.
func unescape(data []byte) ([]byte, error) {
	var out []byte
	for s := string(data); s != ""; {
		if s[0] != '\\' {
			out = append(out, s[0])
			s = s[1:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return nil, fmt.Errorf("escape at %.10q: %w", s, err)
		}
		if multibyte {
			out = append(out, string(r)...)
		} else {
			out = append(out, byte(r))
		}
		s = tail
	}
	return out, nil
}
