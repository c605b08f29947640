package checkout_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nasa-openscapes/corn/internal/checkout"
)

// run runs git as nobody in particular.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// repo has n commits on main, of a project in the folder hub.
func repo(t *testing.T, n int) (dir string, commits []string) {
	t.Helper()
	dir = t.TempDir()
	run(t, dir, "init", "-q")
	for i := range n {
		put(t, filepath.Join(dir, "hub", "corn.yaml"), strings.Repeat("#\n", i))
		run(t, dir, "add", ".")
		run(t, dir, "commit", "-q", "-m", "c")
		commits = append(commits, run(t, dir, "rev-parse", "HEAD"))
	}
	slices.Reverse(commits)
	return dir, commits
}

func TestRead(t *testing.T) {
	dir, commits := repo(t, 2)
	check := func(why, dir string, want checkout.State) {
		t.Helper()
		if got := checkout.Read(dir); got != want {
			t.Errorf("%s: Read = %+v, want %+v", why, got, want)
		}
	}
	onMain := checkout.State{Git: true, Commit: commits[0], Branch: "main"}
	check("a folder below the top", filepath.Join(dir, "hub"), onMain)
	run(t, dir, "pack-refs", "--all")
	check("refs are packed", dir, onMain)
	run(t, dir, "checkout", "-q", "-b", "team/a")
	check("a branch with a slash", dir, checkout.State{Git: true, Commit: commits[0], Branch: "team/a"})
	tree := filepath.Join(t.TempDir(), "tree")
	run(t, dir, "worktree", "add", "-q", "-b", "other", tree, commits[1])
	check("a work tree of its own", tree, checkout.State{Git: true, Commit: commits[1], Branch: "other"})
	run(t, dir, "checkout", "-q", "--detach", commits[1])
	check("a detached head", dir, checkout.State{Git: true, Commit: commits[1]})

	run(t, dir, "checkout", "-q", "main")
	run(t, dir, "branch", "-m", "main", "trunk")
	clone := filepath.Join(t.TempDir(), "clone")
	run(t, t.TempDir(), "clone", "-q", dir, clone)
	check("a clone knows the default branch", clone, checkout.State{Git: true, Commit: commits[0], Branch: "trunk", Default: "trunk"})

	empty := t.TempDir()
	run(t, empty, "init", "-q")
	check("no commit yet", empty, checkout.State{Git: true, Branch: "main"})
	plain := t.TempDir()
	check("no checkout", plain, checkout.State{})
	put(t, filepath.Join(plain, ".git", "HEAD"), "ref: refs/heads/../../../../etc/passwd\n")
	put(t, filepath.Join(plain, ".git", "commondir"), "\x00\n")
	if got := checkout.Read(plain); got.Commit != "" {
		t.Errorf("a ref that leaves the repository gives commit %q", got.Commit)
	}
}

func TestChanged(t *testing.T) {
	dir, _ := repo(t, 1)
	hub := filepath.Join(dir, "hub")
	counts := func(p string) bool { return p == "environments/" }
	check := func(why string, want ...string) {
		t.Helper()
		got, err := checkout.Changed(context.Background(), hub, counts)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: Changed = %q, %v, want %q", why, got, err, want)
		}
	}
	check("nothing")
	put(t, filepath.Join(hub, "notes.txt"), "x")
	put(t, filepath.Join(dir, "elsewhere.txt"), "x")
	check("a new file that does not count, and one outside of the project")
	put(t, filepath.Join(hub, "environments", "a b", "x"), "x")
	check("a new folder that counts", "environments/")
	put(t, filepath.Join(hub, "corn.yaml"), "base: x\n")
	check("a changed file", "corn.yaml", "environments/")
	run(t, dir, "add", ".")
	check("what is only staged is not committed", "corn.yaml", "environments/a b/x", "notes.txt")

	if _, err := checkout.Changed(context.Background(), t.TempDir(), counts); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("without a checkout: %v", err)
	}
	// A repository's configuration must not run programs.
	run(t, dir, "config", "core.fsmonitor", "touch "+filepath.Join(dir, "pwned")+";true")
	if _, err := checkout.Changed(context.Background(), hub, counts); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("the repository's fsmonitor was run")
	}
}

func TestAncestors(t *testing.T) {
	dir, commits := repo(t, 4)
	ask := func(dir string, n int) []string {
		t.Helper()
		got, err := checkout.Ancestors(context.Background(), dir, n)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask(dir, 3); !slices.Equal(got, commits[:3]) {
		t.Errorf("Ancestors = %q, want %q", got, commits[:3])
	}
	if got := ask(dir, 10); !slices.Equal(got, commits) {
		t.Errorf("all Ancestors = %q, want %q", got, commits)
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(t, t.TempDir(), "clone", "-q", "--depth", "1", "file://"+dir, shallow)
	if got := ask(shallow, 10); !slices.Equal(got, commits[:2]) {
		t.Errorf("in a clone of depth 1 Ancestors = %q, want the commit and its parent %q", got, commits[:2])
	}
	// What CI checks out for a pull request: a merge, one commit deep.
	run(t, dir, "checkout", "-q", "-b", "side", commits[2])
	put(t, filepath.Join(dir, "side.txt"), "parent "+strings.Repeat("0", 40))
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "s\n\nparent "+strings.Repeat("1", 40))
	side := run(t, dir, "rev-parse", "HEAD")
	run(t, dir, "merge", "-q", "--no-edit", "main")
	pull := filepath.Join(t.TempDir(), "pull")
	run(t, t.TempDir(), "clone", "-q", "--depth", "1", "-b", "side", "file://"+dir, pull)
	if got := ask(pull, 10); len(got) != 3 || !slices.Contains(got, side) || !slices.Contains(got, commits[0]) {
		t.Errorf("of a merge Ancestors = %q, want it, %s and %s", got, side, commits[0])
	}
	empty := t.TempDir()
	run(t, empty, "init", "-q")
	if _, err := checkout.Ancestors(context.Background(), empty, 3); err == nil {
		t.Error("a repository without commits has ancestors")
	}
}

func TestBranches(t *testing.T) {
	local := checkout.State{Git: true, Commit: "c", Branch: "team/a", Default: "trunk"}
	detached := checkout.State{Git: true, Commit: "c"}
	for _, c := range []struct {
		why   string
		state checkout.State
		env   string
		want  string // own, then those before it
	}{
		{"a checkout at home", local, "", "team/a: trunk main master"},
		{"main is not looked for twice", checkout.State{Git: true, Branch: "main", Default: "main"}, "", "main: master"},
		{"a detached head is nobody's branch", detached, "", ": main master"},
		{"no git", checkout.State{}, "", "main: master"},
		{"GitHub, a push", detached, "GITHUB_ACTIONS=true GITHUB_REF_NAME=main GITHUB_REF_TYPE=branch", "main: master"},
		{"GitHub, a pull request", detached, "GITHUB_ACTIONS=true GITHUB_HEAD_REF=fix GITHUB_BASE_REF=dev GITHUB_REF_NAME=7/merge GITHUB_REF_TYPE=branch", "fix: dev main master"},
		{"GitHub, a tag", detached, "GITHUB_ACTIONS=true GITHUB_REF_NAME=v1 GITHUB_REF_TYPE=tag", ": main master"},
		{"GitLab, a push", detached, "GITLAB_CI=true CI_COMMIT_REF_NAME=topic CI_DEFAULT_BRANCH=devel", "topic: devel main master"},
		{"GitLab, a merge request", detached, "GITLAB_CI=true CI_COMMIT_REF_NAME=refs/merge-requests/1/head CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=fix CI_MERGE_REQUEST_TARGET_BRANCH_NAME=dev CI_DEFAULT_BRANCH=main", "fix: dev main master"},
		{"GitLab, a tag", detached, "GITLAB_CI=true CI_COMMIT_REF_NAME=v1 CI_COMMIT_TAG=v1 CI_DEFAULT_BRANCH=main", ": main master"},
	} {
		getenv := func(name string) string {
			for _, kv := range strings.Fields(c.env) {
				if v, ok := strings.CutPrefix(kv, name+"="); ok {
					return v
				}
			}
			return ""
		}
		b := c.state.Branches(getenv)
		if got := b.Own + ": " + strings.Join(b.Before, " "); got != c.want {
			t.Errorf("%s: Branches = %q, want %q", c.why, got, c.want)
		}
	}
}

func TestTagWord(t *testing.T) {
	for in, want := range map[string]string{
		"main": "main", "team/a": "team-a", "ä#1": "--1", strings.Repeat("x", 300): strings.Repeat("x", 100),
	} {
		if got := checkout.TagWord(in); got != want {
			t.Errorf("TagWord(%q) = %q, want %q", in, got, want)
		}
	}
	if got := checkout.Short(strings.Repeat("a", 40)); got != strings.Repeat("a", 12) {
		t.Errorf("Short = %q", got)
	}
}
