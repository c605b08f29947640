package base

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/nasa-openscapes/corn/demo/deb"
)

// recipe is raised when a change here changes the root file system, so that
// cached ones are made again.
const recipe = 1

// DebianOptions vary the Debian base. Cache is needed; the rest defaults.
type DebianOptions struct {
	Config
	// Suite is a Debian release; "" means trixie.
	Suite string
	// Include are packages besides minbase; nil means ca-certificates, and
	// with OnBuild some tools.
	Include []string
	// Mirror is the archive to download from; "" means DEBIAN_MIRROR, else
	// what the host's apt uses. It leaves no trace in the image.
	Mirror string
	// Cache is a folder that keeps root file systems between runs. The image
	// reads its layer from there.
	Cache string
	// Refresh makes the root file system anew, with the versions of today.
	Refresh bool
	// Log receives what mmdebstrap says; nil drops it.
	Log io.Writer
}

// Debian returns a base image of a Debian release: mmdebstrap's minbase variant,
// normalised. It takes a minute the first time, and nothing but reading after that.
// mmdebstrap must be installed; it runs as root, or without in a user namespace.
func Debian(ctx context.Context, o DebianOptions) (v1.Image, error) {
	if o.Suite == "" {
		o.Suite = "trixie"
	}
	if o.Include == nil && o.OnBuild {
		o.Include = onBuildTools
	}
	if o.Include == nil {
		o.Include = []string{"ca-certificates"}
	}
	if o.Mirror == "" {
		o.Mirror = deb.Mirror("/etc/apt")
	}
	layer, err := o.rootfs(ctx)
	if err != nil {
		return nil, err
	}
	l, err := o.fileLayer(layer)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", layer, err)
	}
	return o.image([]v1.Layer{l})
}

// rootfs returns the path of the layer file, made if it is not in the cache.
func (o DebianOptions) rootfs(ctx context.Context) (string, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %q %t", recipe, o.Suite, o.Include, o.Start))
	kind := "base"
	if o.OnBuild {
		kind = "onbuild-base"
	}
	file := filepath.Join(o.Cache, fmt.Sprintf("%s-%s-%x.tar.gz", kind, o.Suite, sum[:6]))
	if _, err := os.Stat(file); err == nil && !o.Refresh {
		return file, nil
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return "", fmt.Errorf("create cache: %w", err)
	}
	dir, err := os.MkdirTemp(o.Cache, ".base-*")
	if err != nil {
		return "", fmt.Errorf("create cache: %w", err)
	}
	defer os.RemoveAll(dir)
	raw := filepath.Join(dir, "root.tar")
	if err := o.mmdebstrap(ctx, raw); err != nil {
		return "", err
	}
	packed := filepath.Join(dir, "layer.tar.gz")
	if err := o.pack(packed, raw); err != nil {
		return "", fmt.Errorf("make base of %s: %w", o.Suite, err)
	}
	if err := os.Rename(packed, file); err != nil {
		return "", fmt.Errorf("keep base of %s: %w", o.Suite, err)
	}
	return file, nil
}

func (o DebianOptions) mmdebstrap(ctx context.Context, out string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=minbase",
		"--include="+strings.Join(o.Include, ","), o.Suite, out, o.Mirror)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch), "LC_ALL=C", "TZ=UTC")
	cmd.Stdout, cmd.Stderr = o.Log, &stderr
	if o.Log != nil {
		cmd.Stderr = io.MultiWriter(&stderr, o.Log)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mmdebstrap %s from %s: %w: %s", o.Suite, o.Mirror, err, lastLines(stderr.String(), 3))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

func (o DebianOptions) pack(dst, raw string) error {
	in, err := os.Open(raw)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	defer out.Close()
	zw, err := gzip.NewWriterLevel(out, gzipLevel)
	if err != nil {
		return err
	}
	if err := o.normalise(zw, in, o.Suite); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	return out.Close()
}
