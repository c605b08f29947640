package projectlock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flatten turns a JSON object into facts: a value that is an object gives one for each of
// its members, "nodes srv/conda {...}", a list of objects one for each, "runtime [00] {...}",
// any other value one, unless it is an empty text. Names of members that are no word, or
// that could be taken for the number of an element, are quoted.
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
		var elements []json.RawMessage
		if value[0] == '[' && json.Unmarshal(value, &elements) == nil && len(elements) > 0 && elements[0][0] == '{' {
			for i, v := range elements {
				out = append(out, Fact{fmt.Sprintf("%s [%02d]", name, i), oneLine(v)})
			}
			continue
		}
		if string(value) != `""` {
			out = append(out, Fact{name, oneLine(value)})
		}
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
	if isWord(s) && s[0] != '"' && s[0] != '[' {
		return s
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(s), " ", `\x20`)
}

// Unflatten is the other way around.
func Unflatten(facts []Fact) ([]byte, error) {
	top := map[string]any{}
	facts = slices.Clone(facts)
	slices.SortStableFunc(facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
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
		if member != "" && member[0] == '[' && member == strings.TrimPrefix(f.Name, name+" ") { // sorted, so in their order
			list, _ := top[name].([]json.RawMessage)
			top[name] = append(list, json.RawMessage(f.Value))
			continue
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
