package checkout

import (
	"os/exec"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	for _, c := range []struct{ remote, want string }{
		{"https://github.com/team/hub.git", "https://github.com/team/hub"},
		{"https://github.com/team/hub/", "https://github.com/team/hub"},
		{"git@github.com:team/hub.git", "https://github.com/team/hub"},
		{"github.com:team/hub", "https://github.com/team/hub"},
		{"ssh://git@github.com:22/team/hub.git", "https://github.com/team/hub"},
		{"git://Example.ORG/a/b", "https://example.org/a/b"},
		{"http://git.local:3000/a/b.git", "http://git.local:3000/a/b"},
		{"https://me:secret@gitlab.com/a/b.git?private_token=x#y", "https://gitlab.com/a/b"}, // secrets stay here
		{"/srv/git/hub.git", ""},
		{"../hub", ""},
		{"file:///srv/git/hub.git", ""},
		{`C:\git\hub`, ""},
		{"", ""},
		{"https://%zz", ""},
	} {
		if got := Page(c.remote); got != c.want {
			t.Errorf("Page(%q) = %q, want %q", c.remote, got, c.want)
		}
	}
}

func TestDateAndRemote(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{"init", "-q"}, {"config", "user.name", "A"}, {"config", "user.email", "a@example.org"},
		{"commit", "-q", "--allow-empty", "-m", "first", "--date", "2001-01-01T00:00:00Z"},
	} {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(cmd.Environ(), "GIT_COMMITTER_DATE=2026-02-28T23:30:00-0500")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	got, err := Date(t.Context(), dir, Read(dir).Commit)
	if want := time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC); err != nil || !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("Date = %v, %v, want %v", got, err, want)
	}
	if got := Remote(t.Context(), dir); got != "" {
		t.Errorf("Remote = %q without a remote", got)
	}
	if out, err := exec.Command("git", "-C", dir, "remote", "add", "origin", "git@github.com:team/hub.git").CombinedOutput(); err != nil {
		t.Fatalf("git remote: %v\n%s", err, out)
	}
	if got, want := Remote(t.Context(), dir), "https://github.com/team/hub"; got != want {
		t.Errorf("Remote = %q, want %q", got, want)
	}
}
