package synthetic

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// The programs below are a few hundred bytes of x86-64 that need no C library,
// written directly so that the channel is the same on every machine and needs
// no compiler.

const pageSize = 0x1000

// printText is code that writes the C string at rsi to stdout and exits with 0.
var printText = []byte{
	0x31, 0xd2, // xor edx, edx
	0x80, 0x3c, 0x16, 0x00, // cmp byte [rsi+rdx], 0
	0x74, 0x05, // je +5
	0x48, 0xff, 0xc2, // inc rdx
	0xeb, 0xf5, // jmp to the cmp
	0xbf, 1, 0, 0, 0, // mov edi, 1 (stdout)
	0xb8, 1, 0, 0, 0, // mov eax, 1 (write)
	0x0f, 0x05, // syscall
	0x31, 0xff, // xor edi, edi
	0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
	0x0f, 0x05, // syscall
}

// staticELF is an executable without an interpreter that prints text, a C
// string among others in its data.
func staticELF(text string, others ...string) []byte {
	const base = 0x400000
	o := newObject(elf.ET_EXEC, base, 2)
	code := o.here() + 7
	o.entry = base + uint64(code) - 7
	o.add(0x48, 0x8d, 0x35) // lea rsi, [rip+n]
	o.add(le32(uint32(len(printText)))...)
	o.add(printText...)
	o.add(append([]byte(text), 0)...)
	for _, s := range others {
		o.add(append([]byte(s), 0)...)
	}
	return o.finish(
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Align: pageSize,
			Vaddr: base, Paddr: base, Filesz: uint64(o.here()), Memsz: uint64(o.here())},
		stackHeader(),
	)
}

// sharedLibrary exports one function that returns the address of text.
func sharedLibrary(soname, symbol, text string) []byte {
	o := newObject(elf.ET_DYN, 0, 4)
	var names strtab
	nameOff, sonameOff := names.add(symbol), names.add(soname)
	hash := o.hashTable(2)
	syms := o.here()
	symLen := binary.Size(elf.Sym64{})
	code := syms + 2*symLen + len(names.data)
	o.addStruct(elf.Sym64{})
	o.addStruct(elf.Sym64{Name: nameOff, Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1, Value: uint64(code), Size: 8})
	strs := o.here()
	o.add(names.data...)
	o.add(0x48, 0x8d, 0x05, 1, 0, 0, 0, 0xc3) // lea rax, [rip+1]; ret
	o.add(append([]byte(text), 0)...)
	return o.dynamic(strs, syms, hash, len(names.data), nil, nil,
		elf.Dyn64{Tag: int64(elf.DT_SONAME), Val: uint64(sonameOff)})
}

// dynamicELF is a position-independent executable that prints what symbol of
// the library called needed returns; the loader finds the library by runpath.
func dynamicELF(needed, runpath, symbol string) []byte {
	o := newObject(elf.ET_DYN, 0, 6)
	interp := []byte("/lib64/ld-linux-x86-64.so.2\x00")
	interpAt := o.here()
	o.add(interp...)
	o.align(8)
	var names strtab
	nameOff, neededOff, runpathOff := names.add(symbol), names.add(needed), names.add(runpath)
	hash := o.hashTable(2)
	syms := o.here()
	o.addStruct(elf.Sym64{})
	o.addStruct(elf.Sym64{Name: nameOff, Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)})
	strs := o.here()
	o.add(names.data...)
	o.align(8)
	// The slot of the function's address comes first in the writable page.
	rela := o.here()
	slot := uint64(pageSize)
	o.addStruct(elf.Rela64{Off: slot, Info: elf.R_INFO(1, uint32(elf.R_X86_64_GLOB_DAT))})
	o.entry = uint64(o.here())
	o.add(0x31, 0xed, 0x48, 0x83, 0xe4, 0xf0) // xor ebp, ebp; and rsp, -16
	o.add(0xff, 0x15)                         // call [rip+n]
	o.add(le32(uint32(int(slot) - o.here() - 4))...)
	o.add(0x48, 0x89, 0xc6) // mov rsi, rax
	o.add(printText...)
	return o.dynamic(strs, syms, hash, len(names.data), []int{interpAt, len(interp)}, []int{rela},
		elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(neededOff)},
		elf.Dyn64{Tag: int64(elf.DT_RUNPATH), Val: uint64(runpathOff)},
		elf.Dyn64{Tag: int64(elf.DT_FLAGS), Val: uint64(elf.DF_BIND_NOW)},
		elf.Dyn64{Tag: int64(elf.DT_DEBUG)})
}

// object is an ELF file in the making. Its headers come first, its single
// text page next, and where it is dynamic one writable page after that.
type object struct {
	kind     elf.Type
	base     uint64
	entry    uint64
	segments int
	buf      bytes.Buffer
}

func newObject(kind elf.Type, base uint64, segments int) *object {
	o := &object{kind: kind, base: base, segments: segments}
	o.buf.Write(make([]byte, binary.Size(elf.Header64{})+segments*binary.Size(elf.Prog64{})))
	return o
}

func (o *object) here() int       { return o.buf.Len() }
func (o *object) add(b ...byte)   { o.buf.Write(b) }
func (o *object) addStruct(v any) { _ = binary.Write(&o.buf, binary.LittleEndian, v) }

func (o *object) align(n int) {
	for o.buf.Len()%n != 0 {
		o.buf.WriteByte(0)
	}
}

// hashTable writes a DT_HASH table of one bucket over n symbols, the first of
// which is the null symbol.
func (o *object) hashTable(n uint32) int {
	at := o.here()
	o.addStruct([]uint32{1, n, n - 1})
	for i := range n {
		o.addStruct(max(i, 1) - 1)
	}
	o.align(8)
	return at
}

// dynamic ends the file with the writable page: one address slot and the
// dynamic section.
func (o *object) dynamic(strs, syms, hash, strsLen int, interp, rela []int, more ...elf.Dyn64) []byte {
	textEnd := o.here()
	o.align(pageSize)
	o.addStruct(uint64(0)) // the slot
	dyn := append(more,
		elf.Dyn64{Tag: int64(elf.DT_HASH), Val: uint64(hash)},
		elf.Dyn64{Tag: int64(elf.DT_STRTAB), Val: uint64(strs)},
		elf.Dyn64{Tag: int64(elf.DT_SYMTAB), Val: uint64(syms)},
		elf.Dyn64{Tag: int64(elf.DT_STRSZ), Val: uint64(strsLen)},
		elf.Dyn64{Tag: int64(elf.DT_SYMENT), Val: uint64(binary.Size(elf.Sym64{}))},
	)
	if rela != nil {
		size := uint64(binary.Size(elf.Rela64{}))
		dyn = append(dyn,
			elf.Dyn64{Tag: int64(elf.DT_RELA), Val: uint64(rela[0])},
			elf.Dyn64{Tag: int64(elf.DT_RELASZ), Val: size},
			elf.Dyn64{Tag: int64(elf.DT_RELAENT), Val: size},
		)
	}
	dyn = append(dyn, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	o.addStruct(dyn)
	dynSize := uint64(len(dyn) * binary.Size(elf.Dyn64{}))

	var progs []elf.Prog64
	if interp != nil {
		ph := uint64(binary.Size(elf.Header64{}))
		size := uint64(o.segments * binary.Size(elf.Prog64{}))
		progs = append(progs,
			elf.Prog64{Type: uint32(elf.PT_PHDR), Flags: uint32(elf.PF_R), Off: ph, Vaddr: ph, Paddr: ph, Filesz: size, Memsz: size, Align: 8},
			elf.Prog64{Type: uint32(elf.PT_INTERP), Flags: uint32(elf.PF_R), Off: uint64(interp[0]), Vaddr: uint64(interp[0]),
				Paddr: uint64(interp[0]), Filesz: uint64(interp[1]), Memsz: uint64(interp[1]), Align: 1},
		)
	}
	rw := uint32(elf.PF_R | elf.PF_W)
	progs = append(progs,
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: uint64(textEnd), Memsz: uint64(textEnd), Align: pageSize},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: rw, Off: pageSize, Vaddr: pageSize, Paddr: pageSize,
			Filesz: dynSize + 8, Memsz: dynSize + 8, Align: pageSize},
		elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Flags: rw, Off: pageSize + 8, Vaddr: pageSize + 8, Paddr: pageSize + 8,
			Filesz: dynSize, Memsz: dynSize, Align: 8},
		stackHeader(),
	)
	return o.finish(progs...)
}

func (o *object) finish(progs ...elf.Prog64) []byte {
	hdr := elf.Header64{
		Type: uint16(o.kind), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Entry: o.entry,
		Phoff: uint64(binary.Size(elf.Header64{})), Ehsize: uint16(binary.Size(elf.Header64{})),
		Phentsize: uint16(binary.Size(elf.Prog64{})), Phnum: uint16(len(progs)), Shentsize: uint16(binary.Size(elf.Section64{})),
	}
	copy(hdr.Ident[:], elf.ELFMAG)
	hdr.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	hdr.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	hdr.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var head bytes.Buffer
	_ = binary.Write(&head, binary.LittleEndian, hdr)
	_ = binary.Write(&head, binary.LittleEndian, progs)
	data := bytes.Clone(o.buf.Bytes())
	copy(data, head.Bytes())
	return data
}

func stackHeader() elf.Prog64 {
	return elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16}
}

// strtab is a string table; offset 0 is the empty string.
type strtab struct{ data []byte }

func (s *strtab) add(text string) uint32 {
	if len(s.data) == 0 {
		s.data = []byte{0}
	}
	at := len(s.data)
	s.data = append(append(s.data, text...), 0)
	return uint32(at)
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
