package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/bench/engine"
	"github.com/nasa-openscapes/corn/bench/layers"
	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/bench/table"
)

// results is what --json prints.
type results struct {
	Date     string            `json:"date"`
	Machine  string            `json:"machine"`
	Tools    map[string]string `json:"tools"`
	Runs     int               `json:"runs"`
	Notes    []string          `json:"notes"`
	Projects []projectFigures  `json:"projects"`
	Builds   []buildFigures    `json:"builds"`
	Sizes    []sizeFigures     `json:"sizes"`
	Loads    []loadFigures     `json:"loads"`
	Changes  []changeFigures   `json:"changes"`
	Starts   []startFigures    `json:"starts"`
	Launch   []launchFigures   `json:"launch"`
	Memory   []memoryFigures   `json:"memory"`
	Solves   solveResults      `json:"solves"`
}

type projectFigures struct {
	Kernels         int     `json:"kernels"`
	Packages        int     `json:"packages"` // of all kernels
	Archives        int     `json:"archives"` // distinct ones
	ArchiveBytes    int64   `json:"archive_bytes"`
	AllArchiveBytes int64   `json:"all_archive_bytes"`
	Share           float64 `json:"share"`
	PackageShare    float64 `json:"package_share"`
}

type buildFigures struct {
	Kernels int    `json:"kernels"`
	What    string `json:"what"`
	Cores   string `json:"cores"`
	run.Usage
}

type sizeFigures struct {
	Kernels      int          `json:"kernels"`
	Layers       int          `json:"layers"`
	ImageBytes   int64        `json:"image_bytes"` // zstd, without the base
	GzipBytes    int64        `json:"gzip_bytes"`
	ArchiveBytes int64        `json:"docker_archive_bytes"`
	Tally        layers.Tally `json:"contents"`
	BumpBytes    int64        `json:"bump_bytes"`
	BumpLayers   int          `json:"bump_layers"`
	OldPartBytes int64        `json:"old_bytes"`              // as micromamba leaves it
	OldBytes     int64        `json:"old_bytes_all_bytecode"` // zstd
	OldGzipBytes int64        `json:"old_gzip_bytes_all_bytecode"`
}

type loadFigures struct {
	Kernels  int           `json:"kernels"`
	CornLoad time.Duration `json:"corn_load_ns"`
	OldLoad  time.Duration `json:"old_load_ns"`
	CornDisk layers.Usage  `json:"corn_engine"`
	OldDisk  layers.Usage  `json:"old_engine"`
	CornTree layers.Usage  `json:"corn_folder"`
	OldTree  layers.Usage  `json:"old_folder"`
}

type startFigures struct {
	Name    string        `json:"name"`
	Modules []string      `json:"modules"`
	Warm    engine.Starts `json:"warm"`
	Cold    engine.Starts `json:"cold"`
}

func (r *results) tables() []table.Table {
	var out []table.Table
	for _, t := range []table.Table{r.buildTable(), r.ratioTable(), r.sizeTable(), r.loadTable(), r.changeTable(), r.startTable(), r.launchTable(), r.memoryTable(), r.solveTable(), r.lockTable(), r.growthTable()} {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// usage finds one measurement; the zero Usage if it was not made.
func (r *results) usage(kernels int, what, cores string) run.Usage {
	i := slices.IndexFunc(r.Builds, func(f buildFigures) bool { return f.Kernels == kernels && f.What == what && f.Cores == cores })
	if i < 0 {
		return run.Usage{}
	}
	return r.Builds[i].Usage
}

// old adds up the parts of the old way; the zero Usage if one is missing.
func (r *results) old(kernels int, cores string, parts ...string) run.Usage {
	var sum run.Usage
	for _, p := range parts {
		u := r.usage(kernels, p, cores)
		if u == (run.Usage{}) {
			return u
		}
		sum = sum.Add(u)
	}
	return sum
}

func (r *results) buildTable() table.Table {
	t := table.Table{
		Title: "Builds",
		Head:  []string{"what", "cores", "kernels", "wall s", "CPU s", "largest process MB", "all processes MB"},
		Notes: []string{
			"CPU counts user and system time of the program and its children. Nothing is downloaded: archives are in the tool's own cache. \"install\" is micromamba, for one kernel after another; \"pack\" is tar and the same compressor at the same level.",
		},
	}
	for _, f := range r.Builds {
		t.Add(f.What, f.Cores, fmt.Sprint(f.Kernels), table.Seconds(f.Wall), table.Seconds(f.CPU), table.MB(f.PeakBytes), table.MB(f.TreeBytes))
	}
	return t
}

func (r *results) ratioTable() table.Table {
	t := table.Table{
		Title: "The old way against corn",
		Head:  []string{"old way", "corn", "cores", "kernels", "wall, old / corn", "CPU, old / corn"},
		Notes: []string{
			"Above 1, corn is faster. \"All bytecode\" adds compiling what micromamba leaves uncompiled, everything but noarch packages, and packing that: the same content as corn's image.",
		},
	}
	for _, p := range r.Projects {
		for _, cores := range []string{oneCore, allCores} {
			for _, row := range []struct {
				name, corn string
				parts      []string
			}{
				{"archives at hand", cornArchives, []string{oldArchives, oldPack}},
				{"archives unpacked", cornFacts, []string{oldExtracted, oldPack}},
				{"archives at hand, all bytecode", cornArchives, []string{oldArchives, oldBytecode, oldPackAll}},
				{"archives unpacked, all bytecode", cornFacts, []string{oldExtracted, oldBytecode, oldPackAll}},
				{"archives at hand, all bytecode, gzip", cornGzip, []string{oldArchives, oldBytecode, oldPackGzip}},
				{"packing alone", cornArchives, []string{oldPackAll}},
			} {
				was, is := r.old(p.Kernels, cores, row.parts...), r.usage(p.Kernels, row.corn, cores)
				if was == (run.Usage{}) || is == (run.Usage{}) {
					continue
				}
				t.Add(row.name, strings.TrimPrefix(row.corn, "corn, "), cores, fmt.Sprint(p.Kernels), table.Ratio(was.Wall, is.Wall), table.Ratio(was.CPU, is.CPU))
			}
		}
	}
	return t
}

func (r *results) sizeTable() table.Table {
	t := table.Table{
		Title: "Image size",
		Head:  []string{"MB", "value of"},
		Notes: []string{
			"Without the base's layers. \"Distinct files\" is every file of corn's layers, equal ones once, compressed as one stream: the rest of the image is files that stand twice, links, folders and records.",
		},
	}
	if len(r.Sizes) == 0 {
		return table.Table{}
	}
	t.Head = []string{"MB"}
	rows := [][]string{
		{"corn, zstd"}, {"corn, gzip"}, {"distinct files, zstd"}, {"corn / distinct files"}, {"old way, zstd"}, {"old way, all bytecode, zstd"},
		{"old way, all bytecode, gzip"}, {"old way / corn, zstd, all bytecode"}, {"old way / corn, gzip, all bytecode"},
		{"one package moves: new in corn's"}, {"one package moves: new in the old way's"}, {"layers"}, {"files"}, {"links"},
		{"bytes of files, uncompressed"}, {"bytes of distinct files, uncompressed"},
	}
	for _, s := range r.Sizes {
		t.Head = append(t.Head, kernels(s.Kernels))
		for i, cell := range []string{
			table.MB(s.ImageBytes), table.MB(s.GzipBytes), table.MB(s.Tally.UniqueBytes), table.Ratio(s.ImageBytes, s.Tally.UniqueBytes),
			table.MB(s.OldPartBytes), table.MB(s.OldBytes), table.MB(s.OldGzipBytes), table.Ratio(s.OldBytes, s.ImageBytes), table.Ratio(s.OldGzipBytes, s.GzipBytes),
			table.MB(s.BumpBytes), table.MB(s.OldBytes), fmt.Sprint(s.Layers), fmt.Sprint(s.Tally.Files), fmt.Sprint(s.Tally.Links),
			table.MB(s.Tally.FileBytes), table.MB(s.Tally.DistinctBytes),
		} {
			rows[i] = append(rows[i], cell)
		}
	}
	t.Rows = rows
	return t
}

func kernels(n int) string {
	if n == 1 {
		return "1 kernel"
	}
	return fmt.Sprintf("%d kernels", n)
}

func (r *results) loadTable() table.Table {
	if len(r.Loads) == 0 {
		return table.Table{}
	}
	t := table.Table{
		Title: "Loading and unpacking", Head: []string{""},
		Notes: []string{"Gzip archives of the same base, with all bytecode on either side. Disk is in blocks, as du counts, without the base."},
	}
	rows := [][]string{
		{"docker load, corn, s"}, {"docker load, old way, s"}, {"old / corn"}, {"inodes in the engine, corn"}, {"inodes in the engine, old way"},
		{"MB in the engine, corn"}, {"MB in the engine, old way"}, {"old / corn, MB"},
		{"inodes as a folder, corn"}, {"inodes as a folder, old way"}, {"MB as a folder, corn"}, {"MB as a folder, old way"},
	}
	for _, l := range r.Loads {
		t.Head = append(t.Head, kernels(l.Kernels))
		for i, cell := range []string{
			table.Seconds(l.CornLoad), table.Seconds(l.OldLoad), table.Ratio(l.OldLoad, l.CornLoad), fmt.Sprint(l.CornDisk.Inodes), fmt.Sprint(l.OldDisk.Inodes),
			table.MB(l.CornDisk.Bytes), table.MB(l.OldDisk.Bytes), table.Ratio(l.OldDisk.Bytes, l.CornDisk.Bytes),
			fmt.Sprint(l.CornTree.Inodes), fmt.Sprint(l.OldTree.Inodes), table.MB(l.CornTree.Bytes), table.MB(l.OldTree.Bytes),
		} {
			rows[i] = append(rows[i], cell)
		}
	}
	t.Rows = rows
	return t
}

func (r *results) startTable() table.Table {
	if len(r.Starts) == 0 {
		return table.Table{}
	}
	t := table.Table{
		Title: "First import and kernel start, milliseconds",
		Head:  []string{"files", "import, warm", "more than plain", "kernel, warm", "more than plain", "import, cold", "more than plain", "kernel, cold", "more than plain"},
		Notes: []string{
			"Import is a new interpreter that imports " + strings.Join(r.Starts[0].Modules, ", ") + " and ends; kernel is from the start of the process to the answer of its first cell. In a container, on the engine's overlay. Cold is after the machine has dropped its caches of files and names. The layers of the base count.",
		},
	}
	first := r.Starts[0]
	diff := func(a, b time.Duration) string {
		if a == 0 || b == 0 {
			return "-"
		}
		return fmt.Sprintf("%+d", (a - b).Milliseconds())
	}
	for _, s := range r.Starts {
		t.Add(s.Name, table.Millis(s.Warm.Import), diff(s.Warm.Import, first.Warm.Import), table.Millis(s.Warm.Kernel), diff(s.Warm.Kernel, first.Warm.Kernel),
			table.Millis(s.Cold.Import), diff(s.Cold.Import, first.Cold.Import), table.Millis(s.Cold.Kernel), diff(s.Cold.Kernel, first.Cold.Kernel))
	}
	return t
}

func (r *results) memoryTable() table.Table {
	t := table.Table{
		Title: "Memory with one huge package",
		Head:  []string{"compression", "package MB", "archive MB", "one core: largest process MB", "all processes MB", "all cores: largest process MB", "all processes MB", "CPU s"},
		Notes: []string{"Half of the package cannot be compressed; a fifth is a binary, a tenth a text, that hold the prefix all over. Processes that compile bytecode share pages, which count for each of them."},
	}
	for _, m := range r.Memory {
		t.Add(m.Compression, table.MB(m.PackageBytes), table.MB(m.ArchiveBytes), table.MB(m.OneCore.PeakBytes), table.MB(m.OneCore.TreeBytes),
			table.MB(m.AllCores.PeakBytes), table.MB(m.AllCores.TreeBytes), table.Seconds(m.AllCores.CPU))
	}
	return t
}

// preface says where the figures come from.
func (r *results) preface() []string {
	var tools []string
	for _, name := range []string{"corn", "go", "klauspost/compress", "micromamba", "docker"} {
		if v := r.Tools[name]; v != "" {
			tools = append(tools, name+" "+v)
		}
	}
	out := []string{
		fmt.Sprintf("Measured on %s on %s, with %s.", r.Date, r.Machine, strings.Join(tools, ", ")),
	}
	if len(r.Projects) > 0 { // what is measured besides builds runs once
		out[0] += fmt.Sprintf(" Builds are the best of %d.", r.Runs)
	}
	for _, p := range r.Projects {
		out = append(out, fmt.Sprintf("%s: %d packages of %d archives, %s MB; counted for each kernel %s MB. A kernel has %.0f %% of its packages, and %.0f %% of their bytes, in common with the first, or more.",
			kernels(p.Kernels), p.Packages, p.Archives, table.MB(p.ArchiveBytes), table.MB(p.AllArchiveBytes), 100*p.PackageShare, 100*p.Share))
	}
	return append(out, r.Notes...)
}

func (r *results) text(w io.Writer) error {
	if _, err := fmt.Fprintln(w, strings.Join(r.preface(), "\n")); err != nil {
		return err
	}
	for _, t := range r.tables() {
		if err := t.Text(w); err != nil {
			return err
		}
	}
	return nil
}

// The figures stand between these lines; all else of the page is written by hand.
const (
	beginMarker = "<!-- figures: written by make bench -->"
	endMarker   = "<!-- end of figures -->"
)

func writeMarkdown(file string, r *results) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	var buf bytes.Buffer
	for i, line := range r.preface() {
		if i > 0 {
			fmt.Fprintf(&buf, "* %s\n", line)
		} else {
			fmt.Fprintf(&buf, "%s\n\n", line)
		}
	}
	buf.WriteString("\n")
	for _, t := range r.tables() {
		if err := t.Markdown(&buf); err != nil {
			return err
		}
	}
	page, err = between(page, buf.Bytes())
	if err != nil {
		return fmt.Errorf("write figures to %s: %w", file, err)
	}
	return os.WriteFile(file, page, 0o644)
}

// between replaces what stands between the markers.
func between(page, figures []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, []byte(beginMarker+"\n"))
	if !ok {
		return nil, fmt.Errorf("no line %q", beginMarker)
	}
	_, tail, ok := bytes.Cut(rest, []byte(endMarker))
	if !ok {
		return nil, fmt.Errorf("no line %q", endMarker)
	}
	return slices.Concat(head, []byte(beginMarker+"\n\n"), figures, []byte(endMarker), tail), nil
}
