package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/demo/locks"
	"github.com/nasa-openscapes/corn/demo/recipe"
	"github.com/nasa-openscapes/corn/demo/synthetic"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

func channelCommand() *cobra.Command {
	var out, cache string
	var small, onlySynthetic bool
	cmd := &cobra.Command{
		Use:   "channel -o DIR [--small | --synthetic]",
		Short: "Write the demo channel to DIR/" + locks.ChannelName,
		Long: "Write the demo channel to DIR/" + locks.ChannelName + `: packages of Debian and python-build-standalone,
and small ones that are difficult on purpose. What is there and unchanged is kept.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			size := "full"
			switch {
			case small:
				size = "small"
			case onlySynthetic:
				size = "synthetic"
			}
			records, err := writeChannel(cmd.Context(), out, cache, size)
			if err != nil {
				return err
			}
			var bytes int64
			for _, r := range records {
				bytes += r.SizeBytes
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d archives, %d MB\n", filepath.Join(out, locks.ChannelName), len(records), bytes/1_000_000)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder that the channel's folder goes into")
	cmd.Flags().StringVar(&cache, "cache", "", "folder for downloads and converted packages (default the user's cache folder)")
	cmd.Flags().BoolVar(&small, "small", false, "a slice with one Python, ipykernel and numpy: made in a minute")
	cmd.Flags().BoolVar(&onlySynthetic, "synthetic", false, "the difficult packages alone: no download")
	cmd.MarkFlagsMutuallyExclusive("small", "synthetic")
	_ = cmd.MarkFlagRequired("output") // fails only for an unknown flag
	return cmd
}

// onlyBz2 are packages of the recipes that are published as .tar.bz2 alone, as old
// packages of real channels are; bz2Too have both formats.
var (
	onlyBz2 = []string{"six", "wcwidth", "ptyprocess", "psutil"}
	bz2Too  = []string{"python-dateutil", "traitlets"}
)

// archives lists the packages of a channel of the given size: "full", "small" or "synthetic".
func archives(ctx context.Context, cache, size string) ([]channeltest.Archive, error) {
	list := synthetic.Archives()
	if size == "synthetic" {
		return list, nil
	}
	ids := slices.Concat(recipe.Full(), recipe.Tools())
	if size == "small" {
		ids = recipe.Small()
	}
	if cache == "" {
		var err error
		if cache, err = recipe.CacheDir(); err != nil {
			return nil, err
		}
	}
	packages, err := recipe.Build(ctx, cache, ids, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	for i := range packages {
		p := &packages[i]
		if !slices.Contains(onlyBz2, p.Name) {
			list = append(list, channeltest.Archive{Package: p, Format: channeltest.Conda})
		}
		if slices.Contains(onlyBz2, p.Name) || slices.Contains(bz2Too, p.Name) {
			list = append(list, channeltest.Archive{Package: p, Format: channeltest.TarBz2})
		}
	}
	return list, nil
}

// written is what an earlier run made of one archive.
type written struct {
	Key    string
	Record channeltest.Record
}

// writeChannel writes the archives that are not there yet, removes those that do not
// belong, and writes the index.
func writeChannel(ctx context.Context, out, cache, size string) ([]channeltest.Record, error) {
	list, err := archives(ctx, cache, size)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(out, locks.ChannelName)
	for _, sub := range channeltest.Subdirs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("create channel: %w", err)
		}
	}
	state := filepath.Join(out, "."+locks.ChannelName+".json")
	known := map[string]written{}
	if data, err := os.ReadFile(state); err == nil {
		if json.Unmarshal(data, &known) != nil {
			known = map[string]written{} // unreadable: write everything again
		}
	}
	done := make([]written, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, a := range list {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			key, err := archiveKey(a)
			if err != nil {
				return err
			}
			path := a.Package.SubdirName() + "/" + a.Package.FileName(a.Format)
			if old, ok := known[path]; ok && old.Key == key && fileSize(filepath.Join(dir, filepath.FromSlash(path))) == old.Record.SizeBytes {
				done[i] = old
				return nil
			}
			rec, err := a.Package.Write(filepath.Join(dir, a.Package.SubdirName()), a.Format)
			done[i] = written{key, rec}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	records, next := make([]channeltest.Record, len(done)), map[string]written{}
	for i, w := range done {
		if _, twice := next[w.Record.Path()]; twice {
			return nil, fmt.Errorf("two packages are called %s", w.Record.Path())
		}
		records[i], next[w.Record.Path()] = w.Record, w
	}
	data, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("note what was written: %w", err)
	}
	return records, cmp.Or(
		prune(dir, next),
		channeltest.WriteChannel(dir, records),
		os.WriteFile(state, data, 0o644),
	)
}

// archiveKey names the inputs of an archive: the package's description, its files by
// path, size and time, and the format. The recipes' files are named by their content's key.
func archiveKey(a channeltest.Archive) (string, error) {
	sum := sha256.New()
	p := *a.Package
	if err := json.NewEncoder(sum).Encode([]any{1, a.Format, p}); err != nil {
		return "", fmt.Errorf("describe %s: %w", p.Dist(), err)
	}
	for _, f := range p.Files {
		if f.Src == "" {
			continue
		}
		st, err := os.Stat(f.Src)
		if err != nil {
			return "", fmt.Errorf("file of %s: %w", p.Dist(), err)
		}
		fmt.Fprintln(sum, st.Size(), st.ModTime().UnixNano())
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

func fileSize(name string) int64 {
	st, err := os.Stat(name)
	if err != nil {
		return -1
	}
	return st.Size()
}

// prune removes archives that do not belong to the channel any more.
func prune(dir string, keep map[string]written) error {
	for _, sub := range channeltest.Subdirs {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return fmt.Errorf("tidy channel: %w", err)
		}
		for _, e := range entries {
			name := e.Name()
			if !strings.HasSuffix(name, ".conda") && !strings.HasSuffix(name, ".tar.bz2") {
				continue
			}
			if _, ok := keep[sub+"/"+name]; ok {
				continue
			}
			if err := os.Remove(filepath.Join(dir, sub, name)); err != nil {
				return fmt.Errorf("tidy channel: %w", err)
			}
		}
	}
	return nil
}
