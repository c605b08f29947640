package checkout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// maxRevisionFile bounds the files that Export writes with their bytes: what a project's
// environments and locks need. Larger ones are there and empty.
const maxRevisionFile = 64 << 20

// bytesMatter tells whether Export writes a file with its bytes. Notebooks and data do not say
// what is in an environment.
func bytesMatter(name string, sizeBytes int64) bool {
	switch path.Ext(name) {
	case ".yml", ".yaml", ".txt", ".lock", ".toml", ".in", "":
		return sizeBytes <= maxRevisionFile
	}
	return sizeBytes <= 1<<20
}

// Export writes the folder dir as it was at a revision of its repository into the folder to, which
// exists, and returns the commit. Files that are too large to describe environments are empty;
// submodules are left out.
func Export(ctx context.Context, dir, rev, to string) (commit string, err error) {
	commit, err = git(ctx, dir, "", "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		if _, other := git(ctx, dir, "", "rev-parse", "--git-dir"); other != nil {
			return "", other
		}
		return "", fmt.Errorf("git has no commit %q", rev)
	}
	commit = strings.TrimSpace(commit)
	list, err := git(ctx, dir, "", "ls-tree", "-r", "-l", "-z", commit, "--", ".")
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return "", err
	}
	defer root.Close()
	var wanted []treeEntry
	for line := range strings.SplitSeq(list, "\x00") {
		e, ok := parseTreeEntry(line)
		if !ok {
			continue
		}
		if err := root.MkdirAll(filepath.FromSlash(path.Dir(e.path)), 0o755); err != nil {
			return "", err
		}
		if !bytesMatter(e.path, e.sizeBytes) {
			if err := root.WriteFile(filepath.FromSlash(e.path), nil, 0o644); err != nil {
				return "", err
			}
			continue
		}
		wanted = append(wanted, e)
	}
	if list == "" {
		return "", fmt.Errorf("commit %s has no folder %s: %w", Short(commit), dir, fs.ErrNotExist)
	}
	return commit, writeBlobs(ctx, dir, root, wanted)
}

// A treeEntry is one line of git ls-tree -l.
type treeEntry struct {
	link      bool
	object    string
	sizeBytes int64
	path      string
}

func parseTreeEntry(line string) (treeEntry, bool) {
	head, name, ok := strings.Cut(line, "\t")
	fields := strings.Fields(head) // mode, type, object, size
	if !ok || len(fields) != 4 || fields[1] != "blob" || !filepath.IsLocal(filepath.FromSlash(name)) {
		return treeEntry{}, false
	}
	size, err := strconv.ParseInt(fields[3], 10, 64)
	return treeEntry{fields[0] == "120000", fields[2], size, name}, err == nil
}

var errBatch = errors.New("git cat-file: its answer is not what was asked for")

// writeBlobs writes the files whose bytes matter.
func writeBlobs(ctx context.Context, dir string, root *os.Root, entries []treeEntry) error {
	var ask strings.Builder
	for _, e := range entries {
		ask.WriteString(e.object + "\n")
	}
	raw, err := git(ctx, dir, ask.String(), "cat-file", "--batch")
	if err != nil {
		return err
	}
	for _, e := range entries {
		// "<object> blob <size>\n<bytes>\n"
		header := fmt.Sprintf("%s blob %d\n", e.object, e.sizeBytes)
		rest, ok := strings.CutPrefix(raw, header)
		if !ok || int64(len(rest)) < e.sizeBytes+1 {
			return errBatch
		}
		data := rest[:e.sizeBytes]
		raw = rest[e.sizeBytes+1:]
		name := filepath.FromSlash(e.path)
		if e.link {
			err = root.Symlink(filepath.FromSlash(data), name) // whoever follows it goes through a Root as well
		} else {
			err = root.WriteFile(name, []byte(data), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
