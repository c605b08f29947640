package peertree

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nasa-openscapes/corn/demo/synthetic"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

//go:embed worlds/*.txtar
var worldFiles embed.FS

// A World is an environment of packages that are made on the spot.
type World struct {
	Name   string // also the environment's, so that the prefix is /srv/conda/envs/<name>
	Format string // of its lock: projecttest.CondaLock or projecttest.Explicit
	// HashMD5 makes the lock name md5 alone.
	HashMD5  bool
	Archives []channeltest.Archive // in the order of the lock
}

// Prefix is where an environment is in the image, and where the recorder lets micromamba
// install it.
func Prefix(name string) string { return "/srv/conda/envs/" + name }

// Worlds lists the worlds.
func Worlds() ([]World, error) {
	pythons, err := readWorld("python")
	if err != nil {
		return nil, err
	}
	difficult, err := readWorld("difficult")
	if err != nil {
		return nil, err
	}
	fresh := choose(channeltest.Conda, "py313_0", "fast_0", "2.0")
	old := choose(channeltest.TarBz2, "py311_0", "slow_1", "1.0")
	slices.Reverse(old) // the clobbers the other way round, and noarch packages before their Python
	return []World{
		{Name: "synthetic", Format: projecttest.CondaLock, Archives: slices.Concat(pythons["3.13.5"], pythons["any"], fresh)},
		{Name: "reversed", Format: projecttest.Explicit, HashMD5: true, Archives: slices.Concat(old, pythons["any"], pythons["3.11.11"])},
		{Name: "difficult", Format: projecttest.CondaLock, Archives: slices.Concat(difficult["any"], pythons["any"])},
	}, nil
}

// choose takes one archive of each synthetic package: in the format if there is one, and of
// the packages with several builds or versions those named.
func choose(format channeltest.Format, pycdemo, variant, constrained string) []channeltest.Archive {
	want := map[string]string{"pycdemo": pycdemo, "variant": variant, "constrained": constrained}
	var out []channeltest.Archive
	at := map[string]int{}
	for _, a := range synthetic.Archives() {
		p := a.Package
		if build, ok := want[p.Name]; ok && p.Build != build && p.Version != build {
			continue
		}
		if p.Name == "emptydirs" { // micromamba refuses path_type "directory"
			continue
		}
		if i, ok := at[p.Name]; !ok {
			at[p.Name] = len(out)
			out = append(out, a)
		} else if a.Format == format {
			out[i] = a
		}
	}
	return out
}

// readWorld reads worlds/<name>.txtar: the versions of python apart, "any" for the others.
// difficult has its python where it belongs.
func readWorld(name string) (map[string][]channeltest.Archive, error) {
	data, err := worldFiles.ReadFile("worlds/" + name + ".txtar")
	if err != nil {
		return nil, err
	}
	archives, err := channeltest.FromTxtar(data)
	if err != nil {
		return nil, fmt.Errorf("world %s: %w", name, err)
	}
	out := map[string][]channeltest.Archive{}
	for _, a := range archives {
		key := "any"
		if name == "python" && a.Package.Name == "python" {
			key = a.Package.Version
		}
		out[key] = append(out[key], a)
	}
	return out, nil
}

// Inputs names what a world is made of: everything but the bytes that a compressor makes.
func (w *World) Inputs() (string, error) {
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(w); err != nil {
		return "", fmt.Errorf("describe world %s: %w", w.Name, err)
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), nil
}

// Publish writes the channel of worlds to dir/demo and returns each world's lock and the
// archives by file name.
func Publish(dir string, worlds []World) (locks map[string]string, archives map[string]Archive, err error) {
	var all []channeltest.Archive
	have := map[string]bool{}
	for _, w := range worlds {
		for _, a := range w.Archives {
			if name := a.Package.FileName(a.Format); !have[name] {
				have[name] = true
				all = append(all, a)
			}
		}
	}
	records, err := channeltest.Publish(dir+"/demo", all)
	if err != nil {
		return nil, nil, err
	}
	locks, archives = map[string]string{}, map[string]Archive{}
	byName := map[string]channeltest.Record{}
	for _, r := range records {
		byName[r.FileName] = r
		archives[r.FileName] = Archive{MD5: r.MD5, SHA256: r.SHA256, SizeBytes: r.SizeBytes}
	}
	for _, w := range worlds {
		var list []projecttest.Locked
		for _, a := range w.Archives {
			l := projecttest.LockConda(byName[a.Package.FileName(a.Format)])
			if w.HashMD5 {
				l.SHA256 = ""
			}
			list = append(list, l)
		}
		if locks[w.Name], err = projecttest.Lock(w.Format, channeltest.Platform, list); err != nil {
			return nil, nil, err
		}
	}
	return locks, archives, nil
}
