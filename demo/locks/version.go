package locks

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// version is a parsed version literal (CEP 33): epoch, release, local part. A segment
// is a list of atoms; an atom is a number or a word.
type version struct {
	text           string // as written
	epoch          string
	release, local [][]atom
}

// atom has a rank, so that "dev" < words < numbers < "post" (CEP 33), and a value.
type atom struct {
	rank  int
	digit string // a number without leading zeros
	word  string
}

const (
	rankDev = iota
	rankWord
	rankNumber
	rankPost
)

var (
	versionText = regexp.MustCompile(`^[0-9a-z_.!+*-]+$`)
	atomText    = regexp.MustCompile(`[0-9]+|[^0-9]+`)
	epochText   = regexp.MustCompile(`^[0-9]+$`)
)

func parseVersion(s string) (version, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	if !versionText.MatchString(text) || strings.Contains(text, "*") {
		return version{}, fmt.Errorf("version %q: want digits, letters, dots and underscores", s)
	}
	v := version{text: s, epoch: "0"}
	if epoch, rest, ok := strings.Cut(text, "!"); ok {
		if !epochText.MatchString(epoch) {
			return version{}, fmt.Errorf("version %q: the epoch is no number", s)
		}
		v.epoch, text = number(epoch), rest
	}
	text, local, hasLocal := strings.Cut(text, "+")
	var err error
	if v.release, err = segments(text); err == nil && hasLocal {
		v.local, err = segments(local)
	}
	if err != nil {
		return version{}, fmt.Errorf("version %q: %w", s, err)
	}
	return v, nil
}

func segments(text string) ([][]atom, error) {
	// A trailing underscore belongs to the last segment (openssl's 1.0.1_).
	body := strings.TrimRight(text, "_")
	tail := text[len(body):]
	parts := strings.FieldsFunc(body, func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	if len(parts) == 0 || strings.ContainsAny(body, "!+") || strings.Count(body, "")-1 != len(strings.Join(parts, ""))+len(parts)-1 {
		return nil, fmt.Errorf("empty segment")
	}
	parts[len(parts)-1] += tail
	var segs [][]atom
	for _, part := range parts {
		var seg []atom
		for i, text := range atomText.FindAllString(part, -1) {
			a := parseAtom(text)
			if i == 0 && text[0] > '9' {
				seg = append(seg, parseAtom("0")) // "dev" reads as "0dev"
			}
			seg = append(seg, a)
		}
		segs = append(segs, seg)
	}
	return segs, nil
}

func parseAtom(text string) atom {
	switch {
	case text[0] <= '9':
		return atom{rank: rankNumber, digit: number(text)}
	case text == "post":
		return atom{rank: rankPost}
	case text == "dev":
		return atom{rank: rankDev}
	default:
		return atom{rank: rankWord, word: text}
	}
}

// number is the digits without leading zeros; "" is zero. Compared by length first, so
// that dates and hashes of any length fit.
func number(digits string) string { return strings.TrimLeft(digits, "0") }

func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// compare orders versions: -1, 0 or 1.
func (v version) compare(w version) int {
	return cmp.Or(
		compareNumbers(number(v.epoch), number(w.epoch)),
		compareSegments(v.release, w.release),
		compareSegments(v.local, w.local),
	)
}

var zero = []atom{{rank: rankNumber}}

func compareSegments(a, b [][]atom) int {
	for i := range max(len(a), len(b)) {
		x, y := zero, zero
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		for j := range max(len(x), len(y)) {
			p, q := zero[0], zero[0]
			if j < len(x) {
				p = x[j]
			}
			if j < len(y) {
				q = y[j]
			}
			if c := cmp.Or(cmp.Compare(p.rank, q.rank), compareNumbers(p.digit, q.digit), strings.Compare(p.word, q.word)); c != 0 {
				return c
			}
		}
	}
	return 0
}

// startsWith tells whether v matches "w.*": every segment of w but the last equal, and
// the last one a beginning of v's.
func (v version) startsWith(w version) bool {
	if compareNumbers(number(v.epoch), number(w.epoch)) != 0 {
		return false
	}
	if len(w.local) > 0 {
		return compareSegments(v.release, w.release) == 0 && hasPrefix(v.local, w.local)
	}
	return hasPrefix(v.release, w.release)
}

func hasPrefix(v, w [][]atom) bool {
	for i, seg := range w {
		own := zero
		if i < len(v) {
			own = v[i]
		}
		if i < len(w)-1 {
			if compareSegments([][]atom{own}, [][]atom{seg}) != 0 {
				return false
			}
			continue
		}
		for j, a := range seg {
			if j < len(own) && own[j].rank == rankWord && a.rank == rankWord && j == len(seg)-1 {
				if !strings.HasPrefix(own[j].word, a.word) {
					return false
				}
				continue
			}
			p := zero[0]
			if j < len(own) {
				p = own[j]
			}
			if p != a {
				return false
			}
		}
	}
	return true
}
