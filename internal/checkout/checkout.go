package checkout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A State is what a checkout's files say. The zero value is a folder without git.
type State struct {
	Git     bool   // there is a checkout
	Commit  string // in full, lower-case hexadecimal; empty before the first commit
	Branch  string // that is checked out; empty: a detached head, as CI has it
	Default string // the branch that origin/HEAD names; empty where it is not known
}

// tagDigits is how much of a commit names an image. git's own abbreviations grow with the
// repository and with the depth of the clone, and 7 digits can read as a number in YAML.
const tagDigits = 12

// Short is the beginning of a commit, as images are tagged with it.
func Short(commit string) string { return commit[:min(len(commit), tagDigits)] }

// Read reads the checkout that dir is in. What cannot be read is as if it were not there: a
// build can do without.
func Read(dir string) State {
	git, common := find(dir)
	if git == "" {
		return State{}
	}
	s := State{Git: true}
	head := line(filepath.Join(git, "HEAD"))
	ref, symbolic := strings.CutPrefix(head, "ref: ")
	switch {
	case symbolic:
		s.Branch, _ = strings.CutPrefix(ref, "refs/heads/")
		s.Commit = resolve(git, common, ref)
	case isCommit(head):
		s.Commit = head
	}
	if ref, ok := strings.CutPrefix(line(filepath.Join(common, "refs/remotes/origin/HEAD")), "ref: refs/remotes/origin/"); ok {
		s.Default = ref
	}
	return s
}

// find looks for the git folder of dir or of a folder above it, and for the one that work
// trees of a repository share.
func find(dir string) (git, common string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", ""
	}
	for {
		git = filepath.Join(dir, ".git")
		fi, err := os.Stat(git)
		if err == nil && !fi.IsDir() { // a work tree, or a submodule
			to, ok := strings.CutPrefix(line(git), "gitdir: ")
			if !ok {
				return "", ""
			}
			git = below(dir, to)
		}
		if err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			return "", ""
		}
		dir = filepath.Dir(dir)
	}
	if to := line(filepath.Join(git, "commondir")); to != "" {
		return git, below(git, to)
	}
	return git, git
}

func below(dir, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, filepath.FromSlash(p))
}

// resolve finds the commit of a ref: a file of its own, or a line of packed-refs.
func resolve(git, common, ref string) string {
	if !filepath.IsLocal(filepath.FromSlash(ref)) {
		return ""
	}
	for _, dir := range []string{git, common} {
		if c := line(filepath.Join(dir, filepath.FromSlash(ref))); isCommit(c) {
			return c
		}
	}
	packed, err := os.ReadFile(filepath.Join(common, "packed-refs"))
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(packed)) {
		if c, name, ok := strings.Cut(strings.TrimSpace(l), " "); ok && name == ref && isCommit(c) {
			return c
		}
	}
	return ""
}

var commit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func isCommit(s string) bool { return commit.MatchString(s) }

// line is the one line of a small file, "" if it cannot be read.
func line(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
