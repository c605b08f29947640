package lock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// compactJSON writes JSON as pydantic does: no blanks, no escapes of HTML.
func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts, lists and mappings alone
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// pythonJSON writes JSON as Python's json.dumps(v, sort_keys=True) does: a blank behind
// commas and colons, and only ASCII.
func pythonJSON(v any) string {
	var b strings.Builder
	writePython(&b, v)
	return b.String()
}

func writePython(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writePython(b, k)
			b.WriteString(": ")
			writePython(b, v[k])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writePython(b, item)
		}
		b.WriteByte(']')
	default:
		writeASCII(b, compactJSON(v))
	}
}

// writeASCII writes JSON with what is beyond ASCII as \u escapes, pairs of them beyond
// 16 bits.
func writeASCII(b *strings.Builder, text []byte) {
	for _, r := range string(text) {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}
