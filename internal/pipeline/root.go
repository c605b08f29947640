package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/sandbox"
)

// builtImage is where corn build writes, in the project's folder.
const builtImage = "dist/image"

// imageRoot is an image as a sandbox's root, with what its config says of its programs.
type imageRoot struct {
	*sandbox.Root
	cache      *cache.Cache
	ref        string
	digest     string
	user       image.User
	groups     []int
	env        []string
	entrypoint []string
	dir        string // working directory
	condaDir   string
	notebook   string // prefix
}

// openImageRoot unpacks an image. An empty ref is the one that corn build wrote here.
func openImageRoot(ctx context.Context, ref, cacheDir string, mode sandbox.Mode, p *report.Printer) (_ *imageRoot, err error) {
	if ref == "" {
		if _, err := os.Stat(filepath.Join(builtImage, "oci-layout")); err != nil {
			return nil, report.Hinted(report.Usage, "name an image, or run corn build first: it writes "+builtImage,
				fmt.Errorf("there is no image in %s", builtImage))
		}
		ref = string(image.OCILayout) + ":" + builtImage
	}
	base, err := image.OpenBase(ctx, ref, image.OpenOptions{})
	if err != nil {
		return nil, report.In(report.Base, err)
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	c, err := openCacheAt(cacheDir)
	if err != nil {
		return nil, err
	}
	r := &imageRoot{cache: c, ref: base.Ref().String(), digest: base.Digest().OCI()}
	if err := r.open(ctx, base, mode, p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *imageRoot) open(ctx context.Context, base *image.Base, mode sandbox.Mode, p *report.Printer) error {
	rootLayers, err := base.RootLayers()
	if err != nil {
		return report.In(report.Base, err)
	}
	var layers []sandbox.Layer
	for _, l := range rootLayers {
		layers = append(layers, sandbox.Layer{DiffID: l.DiffID, Open: l.Open})
	}
	stage := p.Stage("unpack", int64(len(layers)), report.Things)
	r.Root, err = sandbox.Open(ctx, r.cache, layers, sandbox.Options{Mode: mode, Unpacked: func() { stage.Add(1) }})
	if err != nil {
		return sandboxError(err)
	}
	stage.Done("%s of %s", report.Count(len(layers), "layer"), r.ref)
	passwd, err := r.account("etc/passwd")
	if err != nil {
		return err
	}
	group, err := r.account("etc/group")
	if err != nil {
		return err
	}
	if r.user, err = base.User(passwd, group); err != nil {
		return report.In(report.Base, err)
	}
	r.groups = r.user.Groups(group)
	cfg := base.Config().Config
	r.env = slices.Clone(cfg.Env)
	r.setDefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	r.setDefault("HOME", r.user.Home)
	r.entrypoint, r.dir = cfg.Entrypoint, path.Join("/", cfg.WorkingDir)
	r.condaDir, r.notebook = base.CondaDir(), base.NotebookPrefix()
	return nil
}

// account reads an account file; an image may have none.
func (r *imageRoot) account(name string) ([]byte, error) {
	data, err := r.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// setDefault sets a variable that the image does not set.
func (r *imageRoot) setDefault(name, value string) {
	if !slices.ContainsFunc(r.env, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
		r.env = append(r.env, name+"="+value)
	}
}

// command is one of the image's user, in its environment and working directory.
func (r *imageRoot) command(args ...string) sandbox.Command {
	return sandbox.Command{Args: args, Env: r.env, Dir: r.dir, UID: r.user.UID, GID: r.user.GID, Groups: r.groups, Network: true}
}

// Close removes what was changed; the unpacked layers stay in the cache.
func (r *imageRoot) Close() error {
	var err error
	if r.Root != nil {
		err = r.Root.Close()
	}
	return errors.Join(err, r.cache.Close())
}

// sandboxError gives the errors of sandboxes their exit code.
func sandboxError(err error) error {
	switch {
	case err == nil:
		return nil
	case isA[*sandbox.RefusedError](err), isA[*sandbox.TimeoutError](err), isA[*sandbox.LimitError](err),
		isA[*sandbox.StartError](err), isA[*sandbox.MountError](err):
		return report.In(report.Sandbox, err)
	case isA[*sandbox.LayerError](err):
		return report.In(report.Base, err)
	}
	return err
}
