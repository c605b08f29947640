package frame

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nasa-openscapes/corn/filetree"
)

const blockBytes = 512

// Greatest values of ustar's octal fields.
const (
	maxOctal7  = 1<<21 - 1 // uid, gid: 7 digits
	maxOctal11 = 1<<33 - 1 // size, mtime: 11 digits
)

var zeros [2 * blockBytes]byte

// appendHeader adds the header blocks of an entry that checkEntry accepted: a ustar
// header, and where that cannot say it a pax extended header before it.
func appendHeader(b []byte, e *filetree.Entry) []byte {
	name, size := e.Path, e.SizeBytes
	switch e.Type {
	case filetree.Dir:
		name, size = name+"/", 0
	case filetree.Symlink, filetree.HardLink:
		size = 0
	}
	var records []string
	add := func(key, value string) { records = append(records, record(key, value)) }
	prefix, short, fits := splitName(name)
	if !fits {
		add("path", name)
		prefix, short = "", fallback(name)
	}
	link := ""
	if e.Type == filetree.Symlink || e.Type == filetree.HardLink {
		link = e.Link
		if len(link) > 100 || !isASCII(link) {
			add("linkpath", link)
			link = fallback(link)
		}
	}
	number := func(key string, v, greatest int64) int64 {
		if v >= 0 && v <= greatest {
			return v
		}
		add(key, strconv.FormatInt(v, 10))
		return 0
	}
	uid := number("uid", int64(e.UID), maxOctal7)
	gid := number("gid", int64(e.GID), maxOctal7)
	size = number("size", size, maxOctal11)
	mtime := number("mtime", e.ModTime, maxOctal11)
	for k, v := range e.Xattrs {
		add("SCHILY.xattr."+k, v)
	}
	if len(records) > 0 {
		// Sorted by key. hdrcharset stands first because it is about the rest.
		slices.SortFunc(records, func(a, b string) int { return strings.Compare(keyOf(a), keyOf(b)) })
		if !utf8.ValidString(name) || !utf8.ValidString(e.Link) {
			records = slices.Insert(records, 0, record("hdrcharset", "BINARY"))
		}
		body := strings.Join(records, "")
		b = appendBlock(b, 'x', "", "././@PaxHeader", "", 0o644, 0, 0, int64(len(body)), 0)
		b = append(b, body...)
		b = append(b, zeros[:pad(int64(len(body)))]...)
	}
	mode := e.Mode & 0o7777
	flag := byte('0')
	switch e.Type {
	case filetree.Dir:
		flag = '5'
	case filetree.Symlink:
		flag, mode = '2', 0o777
	case filetree.HardLink:
		flag = '1'
	}
	return appendBlock(b, flag, prefix, short, link, mode, uid, gid, size, mtime)
}

// pad returns how many bytes are missing to a whole block.
func pad(n int64) int64 { return -n & (blockBytes - 1) }

// appendBlock adds one ustar header block (POSIX.1-2024 pax, "ustar Interchange Format").
// User and group names stay empty: what they mean depends on the image's passwd file.
func appendBlock(b []byte, flag byte, prefix, name, link string, mode uint32, uid, gid, size, mtime int64) []byte {
	at := len(b)
	b = append(b, zeros[:blockBytes]...)
	h := b[at:]
	copy(h[0:100], name)
	octal(h[100:108], int64(mode))
	octal(h[108:116], uid)
	octal(h[116:124], gid)
	octal(h[124:136], size)
	octal(h[136:148], mtime)
	copy(h[148:156], "        ") // the checksum counts itself as spaces
	h[156] = flag
	copy(h[157:257], link)
	copy(h[257:265], "ustar\x0000")
	octal(h[329:337], 0) // devmajor
	octal(h[337:345], 0) // devminor
	copy(h[345:500], prefix)
	sum := int64(0)
	for _, c := range h {
		sum += int64(c)
	}
	octal(h[148:155], sum) // six digits, NUL, and the space that is there
	return b
}

// octal fills the field with digits and ends it with a NUL.
func octal(field []byte, v int64) {
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = byte('0' + v&7)
		v >>= 3
	}
	field[len(field)-1] = 0
}

// splitName divides a path over ustar's prefix (155 bytes) and name (100 bytes) at a
// slash, at the last one that leaves a name. fits is false where that cannot be done.
func splitName(p string) (prefix, name string, fits bool) {
	if !isASCII(p) {
		return "", "", false
	}
	if len(p) <= 100 {
		return "", p, true
	}
	if len(p) > 155+1+100 {
		return "", "", false
	}
	i := strings.LastIndexByte(p[:min(len(p)-1, 156)], '/')
	if i <= 0 || len(p)-i-1 > 100 {
		return "", "", false
	}
	return p[:i], p[i+1:], true
}

// fallback is what readers without pax see: never used by those that know it.
func fallback(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return '_'
		}
		return r
	}, s[:min(len(s), 100)])
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// record is "<length> <key>=<value>\n", the length counting itself.
func record(key, value string) string {
	rest := len(key) + len(value) + 3 // space, =, newline
	n := rest + len(strconv.Itoa(rest))
	if len(strconv.Itoa(n)) > len(strconv.Itoa(rest)) {
		n = rest + len(strconv.Itoa(n))
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

func keyOf(record string) string {
	_, rest, _ := strings.Cut(record, " ")
	key, _, _ := strings.Cut(rest, "=")
	return key
}
