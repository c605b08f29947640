package wheel

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Metadata is what a METADATA file says of a distribution and its needs ("Core metadata
// specifications"). Descriptions and authors are left out.
type Metadata struct {
	Name, Version  string
	RequiresPython string   // specifiers; empty: any
	Requires       []string // Requires-Dist, as written and in order
	Extras         []string // Provides-Extra, as written
}

// A MetadataError reports a text that is no METADATA.
type MetadataError struct{ Reason string }

func (e *MetadataError) Error() string { return "METADATA " + e.Reason }

// ParseMetadata reads the fields in front of the description. Errors are *MetadataError.
func ParseMetadata(text []byte) (*Metadata, error) {
	headers, reason := parseHeaders(text)
	if reason != "" {
		return nil, &MetadataError{reason}
	}
	m := &Metadata{}
	for _, h := range headers {
		switch h.name {
		case "name":
			m.Name = h.value
		case "version":
			m.Version = h.value
		case "requires-python":
			m.RequiresPython = h.value
		case "requires-dist":
			m.Requires = append(m.Requires, h.value)
		case "provides-extra":
			m.Extras = append(m.Extras, h.value)
		}
	}
	if m.Name == "" || m.Version == "" {
		return nil, &MetadataError{"has no Name or no Version"}
	}
	return m, nil
}

// Text prints m as ParseMetadata reads it.
func (m *Metadata) Text() []byte {
	var b strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.ReplaceAll(value, "\n", "\n "))
	}
	line("Name", m.Name)
	line("Version", m.Version)
	if m.RequiresPython != "" {
		line("Requires-Python", m.RequiresPython)
	}
	for _, r := range m.Requires {
		line("Requires-Dist", r)
	}
	for _, e := range m.Extras {
		line("Provides-Extra", e)
	}
	return []byte(b.String())
}

// parseHeaders reads "Name: value" lines up to the first blank one; a line that starts with a
// blank continues the one before (RFC 822, which METADATA and WHEEL follow). The reason is
// empty where that worked.
func parseHeaders(text []byte) (out []header, reason string) {
	if !utf8.Valid(text) {
		return nil, "is no UTF-8"
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" {
			if len(out) == 0 {
				continue
			}
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(out) > 0 {
				out[len(out)-1].value += "\n" + strings.TrimSpace(line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Sprintf("has the line %q: want Name: value", line)
		}
		out = append(out, header{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return out, ""
}
