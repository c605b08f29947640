package synthetic

import (
	"embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

//go:embed bytecode/*.marshal
var marshalled embed.FS

// magics are the first four bytes of a .pyc of each Python version.
var magics = map[string]string{"3.11": "a70d0d0a", "3.13": "f30d0d0a"}

// bytecode is pycdemo: modules with shipped .pyc files in every state. The
// bytecode says WHERE = "bytecode of ..." and the source WHERE = "source", so
// that an import tells which of the two was run.
func bytecode() []channeltest.Package {
	var packages []channeltest.Package
	for _, pyVersion := range []string{"3.11", "3.13"} {
		short := strings.ReplaceAll(pyVersion, ".", "")
		dir := "lib/python" + pyVersion + "/site-packages/pycdemo/"
		source := func(name, content string) channeltest.File { return text(dir+name+".py", content) }
		pyc := func(name string, mtime int64, sizeBytes int) channeltest.File {
			return channeltest.File{
				Path: fmt.Sprintf("%s__pycache__/%s.cpython-%s.pyc", dir, name, short),
				Data: pycFile(pyVersion, code("cp"+short, name), mtime, sizeBytes),
			}
		}
		valid := source("valid", "WHERE = \"source\"\n")
		stale := source("stale", "WHERE = \"source\"\n")
		rewritten := source("rewritten", "WHERE = \"source\"\nPREFIX = \"@PREFIX@\"\n")
		packages = append(packages, channeltest.Package{
			Name: "pycdemo", Version: "1.0", Build: "py" + short + "_0",
			Depends: []string{fmt.Sprintf("python %s.*", pyVersion)},
			Summary: "shipped bytecode: valid, stale, and beside a source that is rewritten",
			Files: []channeltest.File{
				source("__init__", ""),
				valid, pyc("valid", builtUnix, len(valid.Data)),
				// Made from a source an hour older.
				stale, pyc("stale", builtUnix-3600, len(stale.Data)),
				// Right for the archive's source, wrong once the prefix is in it.
				rewritten, pyc("rewritten", builtUnix, len(rewritten.Data)),
				source("missing", "WHERE = \"source\"\n"),
			},
		})
	}
	return packages
}

func code(tag, name string) []byte {
	data, err := marshalled.ReadFile("bytecode/" + tag + "-" + name + ".marshal")
	if err != nil {
		panic(err) // embedded: its lack is a bug of this package
	}
	return data
}

// pycFile is a timestamp .pyc of PEP 552: magic number, flags 0, then the time
// and the size of the source, 32 bits each.
func pycFile(pyVersion string, code []byte, mtime int64, sizeBytes int) []byte {
	head, err := hex.DecodeString(magics[pyVersion])
	if err != nil || len(head) != 4 {
		panic("no magic number for Python " + pyVersion)
	}
	head = binary.LittleEndian.AppendUint32(head, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(mtime))
	head = binary.LittleEndian.AppendUint32(head, uint32(sizeBytes))
	return append(head, code...)
}
