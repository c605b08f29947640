package projectlock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flatten turns a JSON object into facts: a value that is an object gives one for each of
// its members, "nodes srv/conda {...}", any other value one. Members of an empty name or
// with blanks in it are quoted.
func Flatten(object []byte) ([]Fact, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(object, &top); err != nil {
		return nil, fmt.Errorf("facts of the base image: %w", err)
	}
	var out []Fact
	for name, value := range top {
		var members map[string]json.RawMessage
		if value[0] == '{' {
			if err := json.Unmarshal(value, &members); err != nil {
				return nil, fmt.Errorf("facts of the base image: %w", err)
			}
			for member, v := range members {
				out = append(out, Fact{name + " " + quoted(member), oneLine(v)})
			}
			continue
		}
		out = append(out, Fact{name, oneLine(value)})
	}
	slices.SortFunc(out, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func oneLine(v json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		panic(err) // json.Unmarshal has read it
	}
	return b.String()
}

// quoted makes one word of a member's name that no JSON value begins like.
func quoted(s string) string {
	if isWord(s) && s[0] != '"' {
		return s
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(s), " ", `\x20`)
}

// Unflatten is the other way around.
func Unflatten(facts []Fact) ([]byte, error) {
	top := map[string]any{}
	for _, f := range facts {
		name, member, nested := strings.Cut(f.Name, " ")
		if !nested {
			top[name] = json.RawMessage(f.Value)
			continue
		}
		if member != "" && member[0] == '"' {
			var err error
			if member, err = strconv.Unquote(member); err != nil {
				return nil, fmt.Errorf("fact %s of the base image: %w", f.Name, err)
			}
		}
		m, ok := top[name].(map[string]json.RawMessage)
		if !ok {
			m = map[string]json.RawMessage{}
			top[name] = m
		}
		m[member] = json.RawMessage(f.Value)
	}
	return json.Marshal(top)
}
