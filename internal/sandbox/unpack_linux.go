package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
)

// treeVersion changes whenever a layer would be unpacked differently.
const treeVersion = 1

// treeRoot is the layer's root: its owner and mode are the image's, those of the folder
// around it are the cache's.
func treeRoot(t *cache.Tree) string { return filepath.Join(t.Dir, "root") }

func (l UnpackLimits) orDefault() UnpackLimits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 30
	}
	if l.Entries == 0 {
		l.Entries = 4 << 20
	}
	return l
}

// unpackAll returns the trees of the layers, in their order. The same layer may be there
// several times.
func unpackAll(ctx context.Context, c *cache.Cache, mode Mode, layers []Layer, o Options) ([]*cache.Tree, error) {
	mapping, err := mapKey(mode)
	if err != nil {
		return nil, err
	}
	trees := make([]*cache.Tree, len(layers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, layer := range layers {
		g.Go(func() error {
			t, err := unpack(ctx, c, mode, mapping, layer, o.Unpack.orDefault())
			if err != nil {
				return fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
			}
			trees[i] = t
			if o.Unpacked != nil {
				o.Unpacked()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		for _, t := range trees {
			if t != nil {
				err = errors.Join(err, t.Close())
			}
		}
		return nil, err
	}
	return trees, nil
}

func unpack(ctx context.Context, c *cache.Cache, mode Mode, mapping string, layer Layer, l UnpackLimits) (*cache.Tree, error) {
	key := digest.NewKey("tree").Int("version", treeVersion).Str("ids", mapping).Sum("diff id", layer.DiffID).Key()
	if t, err := c.Tree(key); !cache.IsMiss(err) {
		return t, err
	}
	lock, err := c.Lock(ctx, "tree", key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()
	if t, err := c.Tree(key); !cache.IsMiss(err) { // another process has made it meanwhile
		return t, err
	}
	dir, err := c.TempDir()
	if err != nil {
		return nil, err
	}
	n, err := unpackInto(ctx, dir, mode, layer, l)
	if err != nil {
		return nil, errors.Join(err, RemoveAll(dir))
	}
	return c.PutTree(key, dir, n)
}

// unpackInto makes dir/root. The bytes are checked here, where they come from; a child whose
// root is dir/root makes the files, so that nothing in the archive leads anywhere else.
func unpackInto(ctx context.Context, dir string, mode Mode, layer Layer, l UnpackLimits) (sizeBytes int64, err error) {
	if err := os.Mkdir(filepath.Join(dir, "root"), 0o755); err != nil {
		return 0, err
	}
	rc, err := layer.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	pr, pw, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	var said bytes.Buffer
	s := start{mode: mode, user: mode != Privileged, stdin: pr, stderr: &said, flags: unix.CLONE_NEWNS}
	child, err := s.run(order{Act: actUnpack, Dir: filepath.Join(dir, "root"), DiffID: layer.DiffID.String(), Limits: l})
	pr.Close()
	if err != nil {
		pw.Close()
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = child.cmd.Process.Kill() })
	defer stop()
	verified := digest.NewReader(rc, digest.Want{SHA256: layer.DiffID})
	_, copyErr := io.CopyBuffer(struct{ io.Writer }{pw}, verified, make([]byte, 256<<10))
	copyErr = errors.Join(copyErr, pw.Close())
	n, err := child.finish()
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil && !errors.Is(copyErr, unix.EPIPE) && copyErr != nil:
		return 0, copyErr // what was read was wrong, and so the child stumbled
	case err != nil:
		if said.Len() > 0 {
			err = fmt.Errorf("%w\n%s", err, said.Bytes())
		}
		return 0, err
	}
	return n.Bytes, copyErr
}
