package pep440

import "strings"

// A key is made so that comparing keys byte by byte is comparing versions as PEP 440 says:
//
//	epoch           a number
//	release         without trailing zeros: each further segment is `more` and a number; then `end`
//	pre             devOnly, a letter's code and a number, or noPre
//	post            noPost, or somePost and a number; endless is above all of them
//	dev             someDev and a number, or noDev
//	local           each segment is textual, the text and end, or numeric and a number; then `end`
//
// A number is its count of digits in one byte, then the digits; zero has none. No key is the beginning
// of another one.
const (
	end  = 0x00
	more = 0x01

	devOnly = 0x00 // 1.0.dev1 comes before 1.0a1
	noPre   = 0x04 // after a, b and rc, which are 1 to 3

	noPost   = 0x00
	somePost = 0x01
	endless  = 0x02

	someDev = 0x00
	noDev   = 0x01

	textual = 0x01
	numeric = 0x02

	afterKey = 0x01   // appended to a key: above it, below all that are above it
	infinity = "\xff" // above all keys: an epoch has no 255 digits
)

func makeKey(p *Parts) string {
	var space [96]byte // more than most need; append goes on where it is too small
	b := appendRelease(space[:0], p)
	switch {
	case p.Post != "":
		b = appendNumber(append(b, somePost), p.Post)
	default:
		b = append(b, noPost)
	}
	if p.Dev != "" {
		b = appendNumber(append(b, someDev), p.Dev)
	} else {
		b = append(b, noDev)
	}
	for seg := range strings.SplitSeq(p.Local, ".") {
		switch {
		case seg == "":
		case strings.Trim(seg, "0123456789") == "":
			b = appendNumber(append(b, numeric), seg)
		default:
			b = append(append(append(b, textual), seg...), end)
		}
	}
	return string(append(b, end))
}

// appendRelease writes epoch, release and pre, which is what a final or pre-release shares with its
// post-releases.
func appendRelease(b []byte, p *Parts) []byte {
	b = appendNumber(b, p.Epoch)
	for i, n := range trimmed(p.Release) {
		if i > 0 {
			b = append(b, more)
		}
		b = appendNumber(b, n)
	}
	b = append(b, end)
	switch {
	case p.Pre != "":
		code := byte(1 + strings.Index("abr", p.Pre[:1]))
		return appendNumber(append(b, code), p.PreNum)
	case p.Dev != "" && p.Post == "":
		return append(b, devOnly)
	}
	return append(b, noPre)
}

func appendNumber(b []byte, digits string) []byte {
	if digits == "0" {
		return append(b, 0)
	}
	return append(append(b, byte(len(digits))), digits...)
}

// afterPosts is the key that is above a final release, its local versions and its post-releases,
// and below everything else that is above them.
func afterPosts(p *Parts) string {
	return string(append(appendRelease(nil, p), endless))
}
