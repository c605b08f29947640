package version

import "strings"

// A key is made so that comparing keys byte by byte is comparing versions as CEP 33 says:
// segment by segment, in each atom by atom, with 0 for whatever one side lacks.
//
// What is missing counts as 0, so a place in a sequence can hold, in rising order:
//
//	something below 0     a string ("a", "dev"), or a segment that begins so
//	zeros, then below 0   the later the larger
//	the end               nothing but zeros follows
//	zeros, then above 0   the later the smaller
//	something above 0     a number, "post", or a segment that begins so
//
// Trailing zeros are never written. The codes below give each case its first byte. A
// segment that is not all zeros begins with one of the codes of atoms, which are
// below or above all those of segments.
const (
	stringAtom         = 0x01 // then its bytes, then 0
	zeroThenBelow      = 0x02 // one zero atom, then a stringAtom; more than one in a row there cannot be
	zeroSegsBelow      = 0x08 // then how many zero segments
	end                = 0x10 // of a segment, of the main part, of the local part
	zeroSegsAbove      = 0x18 // then 255 less how many
	zeroThenAbove      = 0x20 // one zero atom, then a postAtom
	numberAtom         = 0x30 // then how many digits, then the digits
	postAtom           = 0x40 // "post" is above every number
	endOfString        = 0x00
	dev           byte = 'D' // below "_" and all letters, above "*"
)

func makeKey(epoch, main, local string) string {
	var space [96]byte // more than most need; append goes on where it is too small
	b := space[:0]
	zeros := 1
	if e := strings.TrimLeft(epoch, "0"); e != "" {
		b = appendSegment(b, e)
		zeros = 0
	}
	b = appendSegments(b, main, true, zeros)
	b = appendSegments(b, local, false, 0)
	return string(b)
}

// appendSegments writes the segments of a part after a number of zero segments.
func appendSegments(b []byte, part string, main bool, zeros int) []byte {
	for more := part != ""; more; {
		var seg string
		seg, part, more = cutSegment(part, main)
		start := len(b)
		if zeros > 0 {
			b = append(b, 0, 0) // filled in below: the code depends on what comes
		}
		first := len(b)
		b = appendSegment(b, seg)
		switch {
		case len(b) == first:
			b = b[:start]
			zeros++
			continue
		case zeros > 0 && b[first] < end:
			b[start], b[start+1] = zeroSegsBelow, byte(zeros)
		case zeros > 0:
			b[start], b[start+1] = zeroSegsAbove, byte(255-zeros)
		}
		zeros = 0
	}
	return append(b, end)
}

// appendSegment writes the atoms of a segment, or nothing if all are zero.
func appendSegment(b []byte, seg string) []byte {
	start := len(b)
	zero := !isDigit(seg[0]) // a segment that begins with a letter has a 0 before it
	for seg != "" {
		var a string
		a, seg = cutAtom(seg)
		if a == "" {
			zero = true
			continue
		}
		if isDigit(a[0]) {
			b = append(b, numberAtom, byte(len(a)))
			b = append(b, a...)
			continue
		}
		below := a != "post"
		if zero && below {
			b = append(b, zeroThenBelow)
		} else if zero {
			b = append(b, zeroThenAbove)
		}
		zero = false
		switch a {
		case "post":
			b = append(b, postAtom)
		case "dev":
			b = append(b, stringAtom, dev, endOfString)
		default:
			b = append(b, stringAtom)
			b = append(b, a...)
			b = append(b, endOfString)
		}
	}
	if len(b) > start {
		b = append(b, end)
	}
	return b
}

// cutAtom takes the first run of digits, of stars, or of anything else off a segment. A number
// comes without leading zeros, so that zero itself is empty.
func cutAtom(seg string) (atom, rest string) {
	k := kindOf(seg[0])
	n := 1
	for n < len(seg) && kindOf(seg[n]) == k {
		n++
	}
	atom, rest = seg[:n], seg[n:]
	if k == number {
		for atom != "" && atom[0] == '0' {
			atom = atom[1:]
		}
	}
	return atom, rest
}

type kind uint8

const (
	letters kind = iota
	number
	stars
)

func kindOf(c byte) kind {
	if isDigit(c) {
		return number
	}
	if c == '*' {
		return stars
	}
	return letters
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
