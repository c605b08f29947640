package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// patience is how long git may take: a status of a large repository on a slow disk.
const patience = 30 * time.Second

// git runs the git program in dir. A repository's own configuration cannot make it run
// others: fsmonitor is the one that a status would start.
func git(ctx context.Context, dir, input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1")
	cmd.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); failed && said.Len() > 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		err = errors.New(first)
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return string(out), nil
}

// Changed lists what differs from the commit in the folder dir: changed files that git knows,
// and new ones for which counts is true; a new folder ends in a slash. Paths are relative to
// dir, with slashes, sorted.
func Changed(ctx context.Context, dir string, counts func(path string) bool) ([]string, error) {
	prefix, err := git(ctx, dir, "", "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	prefix = strings.TrimSuffix(prefix, "\n")
	// Paths of porcelain output are relative to the top of the repository.
	out, err := git(ctx, dir, "", "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=none", "--", ".")
	if err != nil {
		return nil, err
	}
	var changed []string
	for entry := range strings.SplitSeq(out, "\x00") {
		if len(entry) < 4 { // "XY path"
			continue
		}
		path := strings.TrimPrefix(entry[3:], prefix)
		if entry[:2] != "??" || counts(path) {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// Ancestors lists at most n commits, the one that is checked out first, then those before
// it, the latest first. In a shallow clone the list ends with the parents of the oldest
// commits, which that knows by name.
func Ancestors(ctx context.Context, dir string, n int) ([]string, error) {
	out, err := git(ctx, dir, "", "rev-list", fmt.Sprintf("--max-count=%d", n), "HEAD")
	if err != nil {
		return nil, err
	}
	commits := strings.Fields(out)
	if len(commits) == n || len(commits) == 0 {
		return commits, nil
	}
	// rev-list hides the parents behind a shallow clone's border; the commits have them.
	// A text without a blank line is no commit; its header ends with the first one.
	raw, err := git(ctx, dir, strings.Join(commits, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	header := true
	for l := range strings.Lines(raw) {
		l = strings.TrimSuffix(l, "\n")
		name, kind, _ := strings.Cut(l, " ")
		switch {
		case isCommit(name) && strings.HasPrefix(kind, "commit "):
			header = true
		case l == "":
			header = false
		case header && name == "parent" && isCommit(kind) && !slices.Contains(commits, kind) && len(commits) < n:
			commits = append(commits, kind)
		}
	}
	return commits, nil
}
