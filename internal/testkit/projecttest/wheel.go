package projecttest

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/internal/testkit/indextest"
)

// Wheel writes a pure wheel of the given files ("name mode=0755" sets a mode). METADATA,
// WHEEL and RECORD are made unless they are among the files; "@name" stands for
// "name-version" in names, as in "@name.dist-info/entry_points.txt".
func Wheel(fileName string, files []txtar.File) ([]byte, error) {
	parts := strings.Split(fileName, "-")
	if len(parts) != 5 {
		return nil, fmt.Errorf("%s: want name-version-py3-none-any.whl", fileName)
	}
	dist := parts[0] + "-" + parts[1]
	have := map[string]bool{}
	var all []txtar.File
	for _, f := range files {
		f.Name = strings.ReplaceAll(f.Name, "@name", dist)
		have[f.Name] = true
		all = append(all, f)
	}
	for _, f := range []txtar.File{
		{Name: "METADATA", Data: []byte("Metadata-Version: 2.1\nName: " + parts[0] + "\nVersion: " + parts[1] + "\n")},
		{Name: "WHEEL", Data: []byte("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
	} {
		if f.Name = dist + ".dist-info/" + f.Name; !have[f.Name] {
			all = append(all, f)
		}
	}
	record := dist + ".dist-info/RECORD"
	if !have[record] {
		all = append(all, txtar.File{Name: record, Data: indextest.Record(all, record)})
	}
	return indextest.Zip(all)
}
