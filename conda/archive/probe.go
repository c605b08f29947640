package archive

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
)

// headBytes is how much of a file's start a probe keeps: the ELF header has 64 bytes, a .pyc's 16.
const headBytes = 64

// probe looks at a file as it passes: its first bytes, whether it is text, and the
// program headers of ELF files, wherever they stand.
type probe struct {
	head   [headBytes]byte
	n      int64 // bytes seen
	binary bool  // a NUL among the first textBytes
	elf    elfTable
}

// textBytes is how far a file is looked at to call it text.
const textBytes = 4096

// write takes the next bytes of the file.
func (p *probe) write(b []byte) {
	if p.n < textBytes {
		p.binary = p.binary || bytes.IndexByte(b[:min(int64(len(b)), textBytes-p.n)], 0) >= 0
	}
	rest, at := b, p.n
	if p.n < headBytes {
		k := copy(p.head[p.n:], b)
		if p.n+int64(k) == headBytes {
			p.elf.parse(p.head[:])
			// Headers may overlap the file header in hostile files: give it all again.
			p.elf.write(p.head[:], 0)
		}
		rest, at = b[k:], p.n+int64(k)
	}
	p.elf.write(rest, at)
	p.n += int64(len(b))
}

// look is what is kept of a probe: what traits depend on, beside the file's own name.
type look struct {
	head   [16]byte
	n      uint8 // bytes of head
	interp bool
	text   bool
}

func (p *probe) look() look {
	l := look{interp: p.elf.interp, n: uint8(min(p.n, 16))}
	copy(l.head[:], p.head[:l.n])
	l.text = p.n > 0 && !p.binary && !bytes.HasPrefix(p.head[:], []byte("\x7fELF")) &&
		!bytes.HasPrefix(p.head[:], []byte("!<arch>\n")) && !bytes.HasPrefix(p.head[:], []byte("!<thin>\n"))
	return l
}

// apply sets what follows from the content of m and its name.
func (l look) apply(m *artifact.Member) {
	if l.interp {
		m.Traits |= artifact.ELFExecutable
	}
	switch ext := path.Ext(m.Path); {
	case l.text && (ext == ".so" || ext == ".a"):
		m.Traits |= artifact.LinkerScript
	case ext == ".pyc":
		l.applyPyc(m)
	}
}

// Magic numbers of CPython (Lib/importlib/_bootstrap_external.py): 3.3 wrote the size of the
// source first, 3.7 put a word of flags before time and size (PEP 552).
const (
	pycMagic33  = 3200
	pycMagic37  = 3390
	pycMagicPy2 = 20000 // Python 1 and 2 count from here
)

func (l look) applyPyc(m *artifact.Member) {
	if l.n < 4 || l.head[2] != '\r' || l.head[3] != '\n' {
		return
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(l.head[at:]) }
	m.PycMagic = binary.LittleEndian.Uint16(l.head[:])
	switch {
	case m.PycMagic < pycMagic33 || m.PycMagic >= pycMagicPy2:
	case m.PycMagic < pycMagic37:
		if l.n >= 12 {
			m.Traits |= artifact.PycTimestamp
			m.PycTime, m.PycSize = word(4), word(8)
		}
	case l.n < 16:
	case word(4) == 0:
		m.Traits |= artifact.PycTimestamp
		m.PycTime, m.PycSize = word(8), word(12)
	case word(4)&1 != 0:
		m.Traits |= artifact.PycHash
	}
}

// elfTable reads the types of an ELF file's program headers as they pass.
type elfTable struct {
	order    binary.ByteOrder
	off, end int64 // of the table; end 0: no ELF file, or no table
	entry    int64 // bytes of one header
	word     [4]byte
	interp   bool
}

// ptInterp is the type of the program header that names the loader.
const ptInterp = 3

// parse reads the file header (ELF-64 and ELF-32 object file formats, figure 2).
func (t *elfTable) parse(head []byte) {
	if !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return
	}
	switch head[5] {
	case 1:
		t.order = binary.LittleEndian
	case 2:
		t.order = binary.BigEndian
	default:
		return
	}
	var off uint64
	var size, count uint16
	switch head[4] {
	case 1:
		off, size, count = uint64(t.order.Uint32(head[28:])), t.order.Uint16(head[42:]), t.order.Uint16(head[44:])
	case 2:
		off, size, count = t.order.Uint64(head[32:]), t.order.Uint16(head[54:]), t.order.Uint16(head[56:])
	}
	if size < 32 || off > 1<<40 {
		return
	}
	t.off, t.entry = int64(off), int64(size)
	t.end = t.off + t.entry*int64(count)
}

// write takes the bytes at offset at. The first word of each header is its type.
func (t *elfTable) write(b []byte, at int64) {
	stop := at + int64(len(b))
	if t.interp || t.end <= at || t.off >= stop {
		return
	}
	first := max(0, (at-t.off)/t.entry)
	for h := t.off + first*t.entry; h < t.end && h < stop; h += t.entry {
		// A type may be cut by the border of two writes.
		for i := range int64(4) {
			if p := h + i; p >= at && p < stop {
				t.word[i] = b[p-at]
				if i == 3 && t.order.Uint32(t.word[:]) == ptInterp {
					t.interp = true
					return
				}
			}
		}
	}
}

// keeps tells whether the bytes of a payload file go into the facts.
func keeps(p string) bool {
	if rest, ok := strings.CutPrefix(p, "share/jupyter/kernels/"); ok {
		dir, file, ok := strings.Cut(rest, "/")
		return ok && dir != "" && file == "kernel.json"
	}
	if rest, ok := strings.CutPrefix(p, "etc/conda/env_vars.d/"); ok {
		return !strings.Contains(rest, "/") && strings.HasSuffix(rest, ".json")
	}
	return false
}
