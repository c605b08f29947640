package recipe

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// hasBytecode tells whether the package of r carries .pyc files: conda-build compiles all
// modules of what is not noarch.
func (r *Recipe) hasBytecode() bool {
	return r.Python != "" && r.Kind != pure && r.Kind != generic
}

// bytecode adds the .pyc of every module below lib/pythonX.Y. Those of sources that hold
// the placeholder are stale once a prefix is written into them, as in conda-forge's
// packages. What does not compile has none.
func (d *draft) bytecode(ctx context.Context, all *interpreters) error {
	if !d.recipe.hasBytecode() {
		return nil
	}
	var jobs []exec.Job
	var sources []string
	for _, p := range sortedKeys(d.files) {
		f := d.files[p]
		if f.Link != "" || path.Ext(p) != ".py" || !strings.HasPrefix(p, "lib/python"+d.recipe.Python+"/") {
			continue
		}
		data, err := content(f)
		if err != nil {
			return err
		}
		when := f.ModTime
		if when == 0 {
			when = d.stampMillis() / 1000 // the writer gives it the package's time
		}
		sources = append(sources, p)
		jobs = append(jobs, exec.Job{
			Source: bytes.NewReader(data), SourceBytes: int64(len(data)), Display: p,
			ModTime: uint32(max(when, filetree.Epoch1980)), SizeBytes: uint32(len(data)), //nolint:gosec // as .pyc files have them
		})
	}
	if len(jobs) == 0 {
		return nil
	}
	compiler, err := all.compiler(ctx, d.recipe.Python)
	if err != nil {
		return err
	}
	return compiler.Compile(ctx, jobs, func(i int, o exec.Outcome) error {
		if o.Bytecode == nil {
			return nil
		}
		src, err := d.works.keep(o.Bytecode)
		p := bytecodePath(sources[i], d.recipe.Python)
		d.files[p] = channeltest.File{Path: p, Mode: 0o644, Src: src}
		return err
	})
}

// bytecodePath is where Python X.Y looks for the .pyc of a source.
func bytecodePath(source, python string) string {
	return fmt.Sprintf("%s/__pycache__/%s.cpython-%s.pyc", path.Dir(source),
		strings.TrimSuffix(path.Base(source), ".py"), strings.ReplaceAll(python, ".", ""))
}

// stampMillis is the time of the package: that of its youngest file.
func (d *draft) stampMillis() int64 {
	stamp := d.pkg.TimestampMillis
	for _, f := range d.files {
		stamp = max(stamp, f.ModTime*1000)
	}
	return stamp
}
