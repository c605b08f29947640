package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// way is one way to build the example.
type way struct {
	name  string
	env   []string
	umask string
	// cache is a folder below the stage; a name used before is a full cache.
	cache string
	// moved builds a copy of the project in another folder, with other file times,
	// and as another user where that is possible.
	moved bool
}

var ways = []way{
	{name: "one core, empty cache", env: []string{"GOMAXPROCS=1", "TZ=UTC", "LC_ALL=C"}, umask: "022", cache: "a"},
	{name: "eight cores, umask 077, Kathmandu, another folder and user, empty cache",
		env: []string{"GOMAXPROCS=8", "TZ=Asia/Kathmandu", "LC_ALL=de_DE.UTF-8"}, umask: "077", cache: "b", moved: true},
	{name: "full cache", env: []string{"TZ=America/Los_Angeles"}, umask: "002", cache: "a"},
}

func reproducibleCommand() *cobra.Command {
	var s stage
	cmd := &cobra.Command{
		Use:   "reproducible",
		Short: "Build the example in many ways, compare the digests, and print the one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s.log = cmd.ErrOrStderr()
			if err := s.prepare(ctx); err != nil {
				return err
			}
			work, err := os.MkdirTemp(s.dir, "reproducible-*")
			if err != nil {
				return fmt.Errorf("create work folder: %w", err)
			}
			defer os.RemoveAll(work)
			if err := os.Chmod(work, 0o755); err != nil {
				return fmt.Errorf("create work folder: %w", err)
			}
			first := ""
			for i, w := range ways {
				// A server of its own: another port must not show either.
				url, _, err := serve(ctx, s.path("channel"), "127.0.0.1:0", i%2 == 0)
				if err != nil {
					return err
				}
				digest, took, err := w.build(cmd, s, work, url, i)
				if err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s, %v\n", digest, w.name, took.Round(100*time.Millisecond))
				if first == "" {
					first = digest
				}
				if digest != first {
					return fmt.Errorf("%s gave %s, %s gave %s", ways[0].name, first, w.name, digest)
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), first)
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}

func (w way) build(cmd *cobra.Command, s stage, work, url string, i int) (string, time.Duration, error) {
	home := filepath.Join(work, fmt.Sprint("home-", i))
	out, cache := filepath.Join(home, "image"), filepath.Join(work, "cache-"+w.cache)
	for _, dir := range []string{home, cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", 0, err
		}
	}
	var other *syscall.Credential
	if w.moved {
		copied := filepath.Join(home, "another", "place")
		if err := copyProject(copied, s.project); err != nil {
			return "", 0, fmt.Errorf("copy project: %w", err)
		}
		s.project = copied
		if os.Getuid() == 0 {
			other = &syscall.Credential{Uid: 65534, Gid: 65534}
			for _, dir := range []string{home, cache} {
				if err := os.Chown(dir, 65534, 65534); err != nil {
					return "", 0, err
				}
			}
			// The binary may lie where only root reads.
			binary, err := os.ReadFile(s.corn)
			if err != nil {
				return "", 0, err
			}
			s.corn = filepath.Join(home, "corn")
			if err := os.WriteFile(s.corn, binary, 0o755); err != nil {
				return "", 0, err
			}
			for dir := home; dir != "/"; dir = filepath.Dir(dir) {
				if st, err := os.Stat(dir); err != nil || st.Mode()&0o001 == 0 {
					s.say(dir + " is closed to other users: building as root")
					other = nil
				}
			}
		}
	}
	took, err := s.build(cmd.Context(), url, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `umask "$0"; exec "$@"`, w.umask, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
		c.Env = append(os.Environ(), append(w.env, "HOME="+home)...)
		c.Dir = home
		if other != nil {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: other}
		}
	}, "-t", imageName, "-o", "oci:"+out, "--cache-dir", cache)
	if err != nil {
		return "", 0, err
	}
	digest, err := layoutDigest(out)
	return digest, took, err
}

// copyProject copies a folder; its files get the time of the copy.
func copyProject(dst, src string) error {
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		target := filepath.Join(dst, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type().IsRegular():
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o644)
		}
		return nil
	})
}
