package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
)

// A Root is a root file system made of layers, with a folder on top that takes what
// programs change. One program runs in it at a time. It is for one goroutine.
type Root struct {
	c       *cache.Cache
	mode    Mode
	user    bool // in user namespaces
	trees   []*cache.Tree
	scratch string
	mounts  int      // folders of Empty mounts, and work folders, so far
	made    []string // what the sandbox made in the image to mount on
	uid     int      // whom files of a single id belong to: the last command
	gid     int
	running bool
}

// Check tells which mode this machine allows: the one that is asked for, or the first. A
// *RefusedError says why there is none.
func Check(mode Mode) (Mode, error) {
	m, _, err := choose(mode)
	return m, err
}

func choose(mode Mode) (Mode, bool, error) {
	switch mode {
	case Privileged:
		if os.Geteuid() != 0 {
			return "", false, &RefusedError{Cause: NoIDMap, Act: "map all ids", Err: errors.New("corn does not run as root")}
		}
		// A user namespace that maps all ids to themselves keeps capabilities from
		// reaching this machine. Root can do without, where there can be none.
		err := probe(start{mode: mode, user: true})
		if err == nil {
			return mode, true, nil
		}
		if probe(start{mode: mode, flags: unix.CLONE_NEWNS}) == nil {
			return mode, false, nil
		}
		return "", false, err
	case Ranges:
		if _, _, err := ranges(); err != nil {
			return "", false, err
		}
		for _, program := range []string{"newuidmap", "newgidmap"} {
			if _, err := exec.LookPath(program); err != nil {
				return "", false, &RefusedError{Cause: NoIDMap, Act: "find " + program, Err: err}
			}
		}
		return mode, true, probe(start{mode: mode, user: true})
	case Single:
		return mode, true, probe(start{mode: mode, user: true})
	case "":
	default:
		return "", false, fmt.Errorf("sandbox: mode %q: want root, ranges or single", mode)
	}
	if os.Geteuid() == 0 {
		return choose(Privileged)
	}
	if m, user, err := choose(Ranges); err == nil {
		return m, user, nil
	}
	return choose(Single)
}

// probe starts a child that does nothing.
func probe(s start) error {
	c, err := s.run(order{Act: actProbe})
	if err != nil {
		return err
	}
	_, err = c.finish()
	return err
}

// Open makes a Root of the layers, the lowest first. What the cache does not have yet is
// unpacked; the trees stay in use until Close.
//
// Errors: *RefusedError, *LayerError, *LimitError, what the layers' readers say.
func Open(ctx context.Context, c *cache.Cache, layers []Layer, o Options) (*Root, error) {
	mode, user, err := choose(o.Mode)
	if err != nil {
		return nil, err
	}
	r := &Root{c: c, mode: mode, user: user}
	if err := r.open(ctx, layers, o); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// highest leaves out layers that stand again further up: what they have, hide and remove, their
// second time has, hides and removes as well. An overlay does not take a folder twice. Images that
// corn builds on its own images have such layers.
func highest(layers []Layer) []Layer {
	last := map[digest.SHA256]int{}
	for i, l := range layers {
		last[l.DiffID] = i
	}
	var out []Layer
	for i, l := range layers {
		if last[l.DiffID] == i {
			out = append(out, l)
		}
	}
	return out
}

func (r *Root) open(ctx context.Context, layers []Layer, o Options) (err error) {
	if r.trees, err = unpackAll(ctx, r.c, r.mode, highest(layers), o); err != nil {
		return err
	}
	if r.scratch, err = r.c.TempDir(); err != nil {
		return err
	}
	for _, d := range []string{"merged", "skel", "l", "empty", "work"} {
		if err := os.Mkdir(filepath.Join(r.scratch, d), 0o755); err != nil {
			return err
		}
	}
	if upper := filepath.Join(r.scratch, "upper"); o.Changes != "" {
		err = os.Symlink(o.Changes, upper)
	} else {
		err = os.Mkdir(upper, 0o755)
	}
	if err != nil {
		return err
	}
	// The lowest layer has the folders to mount on that the image may lack, so that they
	// are no changes.
	for _, d := range []string{"dev", "proc", "sys", "tmp", "etc"} {
		if err := os.Mkdir(filepath.Join(r.scratch, "skel", d), 0o755); err != nil {
			return err
		}
	}
	for _, f := range []string{"etc/hosts", "etc/resolv.conf"} {
		if err := os.WriteFile(filepath.Join(r.scratch, "skel", f), nil, 0o644); err != nil {
			return err
		}
	}
	for i := range r.trees {
		tree := r.trees[len(r.trees)-1-i] // an overlay's list begins with the highest
		if err := os.Symlink(treeRoot(tree), filepath.Join(r.scratch, "l", strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

// Mode tells how ids are mapped.
func (r *Root) Mode() Mode { return r.mode }

// Reset drops all changes.
func (r *Root) Reset() error {
	if r.running {
		return errors.New("sandbox: a program runs in the root")
	}
	upper := filepath.Join(r.scratch, "upper")
	if err := RemoveAll(upper); err != nil {
		return err
	}
	r.made = nil
	return os.Mkdir(upper, 0o755)
}

// Detach moves what programs changed to a folder that does not exist yet, on the cache's disk, for
// Options.Changes of a Root of the same layers and mode. This Root has no changes then.
func (r *Root) Detach(dir string) error {
	if r.running {
		return errors.New("sandbox: a program runs in the root")
	}
	upper := filepath.Join(r.scratch, "upper")
	if err := os.Rename(upper, dir); err != nil {
		return err
	}
	r.made = nil
	return os.Mkdir(upper, 0o755)
}

// Close drops all changes and lets go of the trees. Nothing may run any longer.
func (r *Root) Close() error {
	var err error
	if r.scratch != "" {
		err = RemoveAll(r.scratch)
	}
	for _, t := range r.trees {
		err = errors.Join(err, t.Close())
	}
	r.trees = nil
	return err
}

// prepare makes the folders and files of one run.
func (r *Root) prepare(c Command) (*runOrder, error) {
	r.mounts++
	work := filepath.Join("work", strconv.Itoa(r.mounts))
	if err := os.Mkdir(filepath.Join(r.scratch, work), 0o755); err != nil {
		return nil, err
	}
	o := &runOrder{Scratch: r.scratch, Lowers: len(r.trees), Work: work, Limits: c.Limits.orDefault(),
		Command: commandOrder{Args: c.Args, Env: c.Env, Dir: c.Dir, UID: c.UID, GID: c.GID, Groups: c.Groups,
			Network: c.Network, Hostname: c.Hostname, Terminal: c.Terminal}}
	if len(c.Args) == 0 || c.Args[0] == "" {
		return nil, &StartError{Program: "the program", Reason: "no arguments were given"}
	}
	if o.Command.Dir == "" {
		o.Command.Dir = "/"
	}
	if o.Command.Hostname == "" {
		o.Command.Hostname = "corn"
	}
	if o.Command.Env == nil {
		o.Command.Env = defaultEnv(c.Terminal)
	}
	for _, m := range c.Mounts {
		m, err := r.mount(m)
		if err != nil {
			return nil, err
		}
		o.Mounts = append(o.Mounts, m)
	}
	hosts := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t" + o.Command.Hostname + "\n"
	if c.Network {
		if data, err := os.ReadFile("/etc/hosts"); err == nil {
			hosts = string(data) + "\n127.0.1.1\t" + o.Command.Hostname + "\n"
		}
		if data, err := os.ReadFile("/etc/resolv.conf"); err == nil {
			o.Resolv = true
			if err := os.WriteFile(filepath.Join(r.scratch, "resolv.conf"), data, 0o644); err != nil {
				return nil, err
			}
		}
	}
	return o, os.WriteFile(filepath.Join(r.scratch, "hosts"), []byte(hosts), 0o644)
}

// mount checks a mount, and makes its folders: that of an Empty, and that in the lowest
// layer which is mounted on where the image has none.
func (r *Root) mount(m Mount) (Mount, error) {
	bad := func(reason string) (Mount, error) { return m, &MountError{m, reason} }
	if !path.IsAbs(m.Target) || path.Clean(m.Target) == "/" {
		return bad("want an absolute path below /")
	}
	dir := true
	switch m.Kind {
	case Tmpfs:
	case Empty:
		r.mounts++
		m.Source = filepath.Join(r.scratch, "empty", strconv.Itoa(r.mounts))
		if err := os.Mkdir(m.Source, 0o755); err != nil {
			return m, err
		}
	case Bind:
		if !filepath.IsAbs(m.Source) {
			return bad("want an absolute path of this machine")
		}
		st, err := os.Stat(m.Source)
		if err != nil {
			return bad(err.Error())
		}
		dir = st.IsDir()
	default:
		return bad("want bind, empty or tmpfs")
	}
	// Best effort: where an image has links or files in the way, the child finds out.
	skel, err := os.OpenRoot(filepath.Join(r.scratch, "skel"))
	if err != nil {
		return m, err
	}
	defer skel.Close()
	rel := strings.TrimPrefix(path.Clean(m.Target), "/")
	if dir {
		err = skel.MkdirAll(rel, 0o755)
	} else if err = skel.MkdirAll(path.Dir(rel), 0o755); err == nil {
		err = skel.WriteFile(rel, nil, 0o644)
	}
	if err != nil {
		return bad(err.Error())
	}
	return m, nil
}

func defaultEnv(terminal bool) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}
	if t := os.Getenv("TERM"); terminal && t != "" {
		env = append(env, "TERM="+t)
	}
	return env
}
