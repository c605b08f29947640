package channeltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

type pathEntry struct {
	Path        string `json:"_path"`
	FileMode    string `json:"file_mode,omitempty"`
	NoLink      bool   `json:"no_link,omitempty"`
	PathType    string `json:"path_type"`
	Placeholder string `json:"prefix_placeholder,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	SizeBytes   *int64 `json:"size_in_bytes,omitempty"`
}

// info returns the files below info/, by name, and the names in order.
func (p *Package) info(members []member) (map[string][]byte, []string, error) {
	files := map[string][]byte{}
	put := func(name string, v any) error {
		data, err := marshal(v)
		if err != nil {
			return fmt.Errorf("encode info/%s: %w", name, err)
		}
		files[name] = data
		return nil
	}
	about := map[string]any{"channels": []string{}}
	for k, v := range map[string]string{"license": p.License, "summary": p.Summary, "home": p.Home} {
		if v != "" {
			about[k] = v
		}
	}
	hashInput := map[string]string{}
	if p.SubdirName() != "noarch" {
		hashInput["target_platform"] = p.SubdirName()
	}
	runExports := map[string][]string{}
	if len(p.RunExports) > 0 {
		runExports["weak"] = p.RunExports
	}
	for name, v := range map[string]any{
		"index.json":       p.index(),
		"about.json":       about,
		"hash_input.json":  hashInput,
		"run_exports.json": runExports,
	} {
		if err := put(name, v); err != nil {
			return nil, nil, err
		}
	}
	if p.Noarch != "" {
		noarch := map[string]any{"type": p.Noarch}
		if p.Noarch == "python" && len(p.EntryPoints) > 0 {
			noarch["entry_points"] = p.EntryPoints
		}
		if err := put("link.json", map[string]any{"noarch": noarch, "package_metadata_version": 1}); err != nil {
			return nil, nil, err
		}
	}
	if err := p.lists(files, members); err != nil {
		return nil, nil, err
	}
	for name, data := range p.Info {
		if data == nil {
			delete(files, name)
		} else {
			files[name] = data
		}
	}
	return files, slices.Sorted(maps.Keys(files)), nil
}

// lists writes paths.json and the older files, has_prefix, no_link and no_softlink.
func (p *Package) lists(files map[string][]byte, members []member) error {
	entries := []pathEntry{}
	var all, hasPrefix, noLink, noSoftlink strings.Builder
	for _, m := range members {
		fmt.Fprintln(&all, m.Path)
		if m.NoLink {
			fmt.Fprintln(&noLink, m.Path)
		}
		if m.NoSoftlink {
			fmt.Fprintln(&noSoftlink, m.Path)
		}
		e := pathEntry{Path: m.Path, PathType: "hardlink", NoLink: m.NoLink}
		switch {
		case m.Dir:
			e.PathType = "directory"
		case m.Link != "":
			e.PathType = "softlink"
		}
		if !m.Dir {
			e.SHA256, e.SizeBytes = m.sha256, &m.sizeBytes
		}
		if m.prefix != "" {
			e.FileMode, e.Placeholder = m.prefix, p.Placeholder
			format := "%s %s %s\n"
			if strings.ContainsRune(p.Placeholder+m.Path, ' ') {
				format = "\"%s\" \"%s\" \"%s\"\n"
			}
			fmt.Fprintf(&hasPrefix, format, p.Placeholder, m.prefix, m.Path)
		}
		entries = append(entries, e)
	}
	files["files"] = []byte(all.String())
	for name, b := range map[string]*strings.Builder{"has_prefix": &hasPrefix, "no_link": &noLink, "no_softlink": &noSoftlink} {
		if b.Len() > 0 {
			files[name] = []byte(b.String())
		}
	}
	if p.OldStyle {
		return nil
	}
	data, err := marshal(map[string]any{"paths": entries, "paths_version": 1})
	if err != nil {
		return fmt.Errorf("encode info/paths.json: %w", err)
	}
	files["paths.json"] = data
	return nil
}

// marshal encodes v as conda's tools do: sorted keys, two spaces, plain < and >.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
