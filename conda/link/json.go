package link

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
)

// Record files are written as micromamba's JSON library writes them: keys sorted by
// their bytes at every level, four blanks, UTF-8 as it is, no newline at the end.
// encoding/json differs: it escapes <, > and &, and keeps no number as it was.

// decodeObject reads one JSON object; numbers stay as they are written.
func decodeObject(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("want an object, got null")
	}
	return m, nil
}

// indent starts a line.
func indent(b *bytes.Buffer, n int) {
	b.WriteByte('\n')
	for range n {
		b.WriteString("    ")
	}
}

// list writes the elements of an array.
func list[E any](b *bytes.Buffer, v []E, depth int, element func(E)) {
	if len(v) == 0 {
		b.WriteString("[]")
		return
	}
	b.WriteByte('[')
	for i, e := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		indent(b, depth+1)
		element(e)
	}
	indent(b, depth)
	b.WriteByte(']')
}

// encode writes the entry, its keys in the order of their bytes.
func (e *pathEntry) encode(b *bytes.Buffer, depth int) {
	key := func(key string) {
		if key != "_path" {
			b.WriteByte(',')
		}
		indent(b, depth+1)
		b.WriteByte('"')
		b.WriteString(key)
		b.WriteString(`": `)
	}
	sum := func(name string, s *digest.SHA256) {
		if s != nil {
			key(name)
			var text [2*len(s) + 2]byte
			text[0], text[len(text)-1] = '"', '"'
			hex.Encode(text[1:], s[:])
			b.Write(text[:])
		}
	}
	b.WriteByte('{')
	key("_path")
	encodeString(b, e.path)
	if e.noLink {
		key("no_link")
		b.WriteString("true")
	}
	key("path_type")
	encodeString(b, e.pathType)
	sum("sha256", e.sum)
	sum("sha256_in_prefix", e.inPrefix)
	if e.size != 0 {
		key("size_in_bytes")
		b.WriteString(strconv.FormatInt(e.size, 10))
	}
	indent(b, depth)
	b.WriteByte('}')
}

// encode writes v: maps, slices, path entries, strings, json.Number, int64, bool and nil.
func encode(b *bytes.Buffer, v any, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		b.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteByte(',')
			}
			indent(b, depth+1)
			encodeString(b, k)
			b.WriteString(": ")
			encode(b, v[k], depth+1)
		}
		indent(b, depth)
		b.WriteByte('}')
	case []any:
		list(b, v, depth, func(e any) { encode(b, e, depth+1) })
	case []string:
		list(b, v, depth, func(s string) { encodeString(b, s) })
	case []pathEntry:
		list(b, v, depth, func(e pathEntry) { e.encode(b, depth+1) })
	case string:
		encodeString(b, v)
	case json.Number:
		b.WriteString(number(string(v)))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case nil:
		b.WriteString("null")
	default:
		panic(fmt.Sprintf("record holds a %T", v))
	}
}

// number normalises: integers stay, others are the shortest text of their double, with
// ".0" where they would read as integers.
func number(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(n, 10) // "-0" is 0
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return "null" // what a double cannot hold
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e15) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	out := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(out, ".") {
		out += ".0"
	}
	return out
}

func encodeString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	plain := 0
	for plain < len(s) && s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\' {
		plain++
	}
	b.WriteString(s[:plain]) // nearly always the whole
	for i := plain; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			if c < 0x20 {
				fmt.Fprintf(b, `\u%04x`, c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	b.WriteByte('"')
}
