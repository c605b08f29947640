package archive

import (
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
)

// oldPlaceholder is what a has_prefix line without a placeholder means: the build prefix of the
// first conda-build.
const oldPlaceholder = "/opt/anaconda1anaconda2anaconda3"

// use is one line of info/has_prefix.
type use struct {
	placeholder string
	mode        artifact.PrefixMode
}

// parseHasPrefix reads info/has_prefix. Each line is a path, or placeholder, mode and path; each of
// the three may stand in quotes, single or double, and then hold spaces (conda splits as a shell
// does, without escapes). A line
// of more fields without quotes is taken to have spaces in its path, where its second field is a mode.
func parseHasPrefix(b []byte) (map[string]use, error) {
	uses := map[string]use{}
	for line := range lines(b) {
		fields, err := splitQuoted(line)
		if err != nil {
			return nil, err
		}
		switch {
		case len(fields) == 1:
			uses[fields[0]] = use{oldPlaceholder, artifact.Text}
		case len(fields) == 3 || len(fields) > 3 && !strings.ContainsAny(line, `"'`):
			mode, err := prefixMode(fields[1])
			if err != nil || fields[1] == "" || fields[0] == "" {
				return nil, fmt.Errorf("line %q: second field %q, want text or binary", line, fields[1])
			}
			path := fields[2]
			if len(fields) > 3 {
				path = strings.TrimSpace(strings.SplitN(line, " ", 3)[2])
			}
			uses[path] = use{fields[0], mode}
		default:
			return nil, fmt.Errorf("line %q has %d fields, want a path, or placeholder, mode and path", line, len(fields))
		}
	}
	return uses, nil
}

// splitQuoted splits at spaces and tabs outside quotes, and takes the quotes off.
func splitQuoted(line string) ([]string, error) {
	var fields []string
	for rest := strings.TrimLeft(line, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		if q := rest[0]; q == '"' || q == '\'' {
			end := strings.IndexByte(rest[1:], q)
			if end < 0 {
				return nil, fmt.Errorf("line %q: quote without its end", line)
			}
			fields, rest = append(fields, rest[1:1+end]), rest[end+2:]
			continue
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		fields, rest = append(fields, rest[:end]), rest[end:]
	}
	return fields, nil
}
