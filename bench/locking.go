package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/bench/run"
	"github.com/nasa-openscapes/corn/bench/table"
	"github.com/nasa-openscapes/corn/lock"
)

// Locking: projects of six kernels, each a real environment, against the real index.

// lockProjects are environments by the start of their file names, each of which one recorded environment has.
var lockProjects = map[string][]string{
	"a hackathon":   {"corn-lpdaac-20211028-3210c4", "corn-nsidc-20211028-937a9d", "corn-podaac-20211027", "qgreenland-20230609", "pangeo-forge-20230703", "corn-ci-20211103-fce1de"},
	"a large image": {"corn-ci-20250924", "cryo-20251213", "ohw-py-base-20220804", "pangeo-notebook-20240911", "pangeo-pytorch-20240205", "corn-ci-20240219-b45a29"},
}

type lockFigures struct {
	Project  string    `json:"project"`
	Kernels  int       `json:"kernels"`
	Packages int       `json:"packages"`
	Archives int       `json:"archives"`
	Cores    run.Usage `json:"all_cores"`
	OneCore  run.Usage `json:"one_core"`
}

// lockProject makes the project and locks it, from nothing but a warm cache; the first run warms it.
func (b *bench) lockProject(ctx context.Context, url, name string, all []recorded) (lockFigures, error) {
	f := lockFigures{Project: name, Kernels: len(lockProjects[name])}
	url += "/virtual/hashed"
	if err := b.hashedIndex(); err != nil {
		return f, err
	}
	var two, one []run.Usage
	for i := -1; i < 2*max(1, b.runs); i++ {
		dir := b.path("solve-lock")
		if err := b.writeLockProject(dir, url, lockProjects[name], all); err != nil {
			return f, err
		}
		u, err := run.Run(ctx, run.Options{OneCore: i%2 == 1}, b.corn, "lock", dir, "--cache-dir", b.path("solve-cache"))
		if err != nil {
			return f, err
		}
		switch {
		case i < 0:
			continue
		case i%2 == 1:
			one = append(one, u)
			continue
		}
		two = append(two, u)
		if f.Packages, f.Archives, err = countLocked(dir); err != nil {
			return f, err
		}
	}
	f.Cores, f.OneCore = run.Best(two), run.Best(one)
	return f, nil
}

// hashedIndex writes the small index once more, with an MD5 for the records that lack one, made up: a lock needs them, and
// the archives that corn would hash for it do not exist. Nothing is fetched.
func (b *bench) hashedIndex() error {
	for _, sub := range []string{"linux-64", "noarch"} {
		packed, err := os.ReadFile(filepath.Join(b.index, "conda-forge", sub, "repodata.json.zst"))
		if err != nil {
			return err
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			return err
		}
		plain, err := z.DecodeAll(packed, nil)
		z.Close()
		if err != nil {
			return err
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(plain, &doc); err != nil {
			return err
		}
		for _, section := range []string{"packages", "packages.conda"} {
			var recs map[string]map[string]any
			if err := json.Unmarshal(doc[section], &recs); err != nil {
				return err
			}
			for file, r := range recs {
				if r["md5"] == nil {
					sum := sha256.Sum256([]byte(file))
					r["md5"] = hex.EncodeToString(sum[:16])
				}
			}
			if doc[section], err = json.Marshal(recs); err != nil {
				return err
			}
		}
		out, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		at := b.path("solve-virtual", "hashed", "conda-forge", sub)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(at, "repodata.json"), out, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeLockProject writes a folder with an environment.yml for each kernel.
func (b *bench) writeLockProject(dir, url string, kernels []string, all []recorded) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	for i, start := range kernels {
		at := slices.IndexFunc(all, func(r recorded) bool { return strings.HasPrefix(filepath.Base(r.Env), start) })
		if at < 0 {
			return fmt.Errorf("make a project: no environment %s is recorded", start)
		}
		text := fmt.Sprintf("channels:\n  - %s/conda-forge\ndependencies:\n", url)
		for _, s := range all[at].Specs {
			quoted, err := json.Marshal(s) // a YAML scalar too
			if err != nil {
				return err
			}
			text += fmt.Sprintf("  - %s\n", quoted)
		}
		kernel := filepath.Join(dir, "environments", fmt.Sprintf("kernel%d", i+1))
		if err := os.MkdirAll(kernel, 0o755); err != nil {
			return fmt.Errorf("make a project: %w", err)
		}
		settings := "virtual_packages:\n  __glibc: \"2.36\"\n  __cuda: \"12.4\"\n"
		if err := os.WriteFile(filepath.Join(dir, "corn.yaml"), []byte(settings), 0o644); err != nil {
			return fmt.Errorf("make a project: %w", err)
		}
		for file, data := range map[string]string{"environment.yml": text, "name.txt": start + "\n"} {
			if err := os.WriteFile(filepath.Join(kernel, file), []byte(data), 0o644); err != nil {
				return fmt.Errorf("make a project: %w", err)
			}
		}
	}
	return nil
}

// countLocked counts the packages in the locks of a project, and the archives that they are.
func countLocked(dir string) (packages, archives int, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "environments", "*", "conda-lock.yml"))
	if err != nil {
		return 0, 0, err
	}
	urls := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, 0, err
		}
		l, err := lock.Read(file, data)
		if err != nil {
			return 0, 0, err
		}
		packages += len(l.Packages)
		for _, p := range l.Packages {
			urls[p.URL] = true
		}
	}
	return packages, len(urls), nil
}

func (r *results) lockTable() table.Table {
	t := table.Table{Title: "Locking six kernels", Head: []string{"project", "packages", "archives", "s", "CPU s", "one core s", "one core CPU s", "peak MB"},
		Notes: []string{fmt.Sprintf("`corn lock` of six recorded environments each, their conda packages, no lock there before, a warm cache; best of %d.", max(1, r.Runs))}}
	for _, f := range r.Solves.Locks {
		t.Add(f.Project, fmt.Sprint(f.Packages), fmt.Sprint(f.Archives), table.Seconds(f.Cores.Wall), table.Seconds(f.Cores.CPU), table.Seconds(f.OneCore.Wall), table.Seconds(f.OneCore.CPU), table.MB(f.Cores.PeakBytes))
	}
	return t
}
