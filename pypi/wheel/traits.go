package wheel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
)

// traits fills in what the first bytes of a file tell about it.
func traits(m *artifact.Member, head []byte) {
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		if hasInterpreter(head) {
			m.Traits |= artifact.ELFExecutable
		}
	case isLibraryName(m.Path) && len(head) > 0 && !bytes.HasPrefix(head, []byte("!<")) && bytes.IndexByte(head, 0) < 0:
		m.Traits |= artifact.LinkerScript
	case strings.HasSuffix(m.Path, ".pyc") && len(head) >= 16 && head[2] == '\r' && head[3] == '\n':
		m.PycMagic = binary.LittleEndian.Uint16(head)
		if flags := binary.LittleEndian.Uint32(head[4:]); flags != 0 {
			m.Traits |= artifact.PycHash
			return
		}
		m.Traits |= artifact.PycTimestamp
		m.PycTime = binary.LittleEndian.Uint32(head[8:])
		m.PycSize = binary.LittleEndian.Uint32(head[12:])
	}
}

func isLibraryName(p string) bool {
	name := path.Base(p)
	return strings.HasSuffix(name, ".a") || strings.HasSuffix(name, ".so")
}

// hasInterpreter looks for PT_INTERP among the program headers, which stand right behind
// the ELF header in everything that linkers write. Where they stand further off the file
// counts as an executable: a copy too many is harmless.
func hasInterpreter(head []byte) bool {
	if len(head) < 64 {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	var off uint64
	var size, count int
	if elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64 {
		off, size, count = order.Uint64(head[32:]), int(order.Uint16(head[54:])), int(order.Uint16(head[56:]))
	} else {
		off, size, count = uint64(order.Uint32(head[28:])), int(order.Uint16(head[42:])), int(order.Uint16(head[44:]))
	}
	if size == 0 || count == 0 {
		return false
	}
	if off > uint64(len(head)) || int(off)+size*count > len(head) {
		return elf.Type(order.Uint16(head[16:])) == elf.ET_EXEC || elf.Type(order.Uint16(head[16:])) == elf.ET_DYN
	}
	for i := range count {
		if elf.ProgType(order.Uint32(head[int(off)+i*size:])) == elf.PT_INTERP {
			return true
		}
	}
	return false
}
