package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/internal/target"
)

// A TransferRequest says which finished image goes where.
type TransferRequest struct {
	From        string   // a reference as for a base image
	To          string   // an output: "docker://REF", "oci:DIR", "docker-archive:FILE"
	Tags        []string // besides the one of To
	Platform    string   // picks the image of an index; empty: that of this machine
	CacheBranch string   // the branch whose moving tag is to point to the image as well; empty: none
	CacheDir    string   // empty: cache.DefaultDir
}

// A TransferResult is what corn push --json and corn pull --json print.
// docs/formats/transfer-json.md describes it.
type TransferResult struct {
	Format   int           `json:"format"` // 1
	From     string        `json:"from"`
	Output   string        `json:"output"`
	Tags     []string      `json:"tags"`     // that the image has there now, sorted as given
	Platform string        `json:"platform"` // of the image
	Digest   string        `json:"digest"`   // of the manifest
	ImageID  string        `json:"image_id"`
	Exact    bool          `json:"exact"` // the manifest is the source's, byte for byte
	Size     int64         `json:"size_bytes"`
	Written  int64         `json:"bytes_written"`
	Layers   LayerCounts   `json:"layers"`
	Network  NetworkResult `json:"registries"`
	Millis   int64         `json:"total_ms"`
}

// LayerCounts says what became of the layers.
type LayerCounts struct {
	Total   int `json:"total"`
	Written int `json:"written"` // sent, or written to the disk
	Mounted int `json:"mounted"` // taken from another repository of the same registry
}

// Push brings an image that was built before into a registry.
func Push(ctx context.Context, req TransferRequest, talk *report.Printer) (*TransferResult, error) {
	req.To = pushPrefix + strings.TrimPrefix(req.To, pushPrefix)
	return transfer(ctx, req, talk)
}

// Pull brings an image of a registry to this machine.
func Pull(ctx context.Context, req TransferRequest, talk *report.Printer) (*TransferResult, error) {
	ref, err := image.ParseRef(req.From)
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	if ref.Kind != image.Registry {
		return nil, report.In(report.Usage, fmt.Errorf("%s is on this machine: want an image of a registry, [docker://]NAME[:TAG|@sha256:DIGEST]", image.ShowRef(req.From)))
	}
	return transfer(ctx, req, talk)
}

// transferJobs is how many layers are on their way at once.
const transferJobs = 4

func transfer(ctx context.Context, req TransferRequest, talk *report.Printer) (*TransferResult, error) {
	began := time.Now()
	out, err := image.ParseOutput(req.To)
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	c, err := openCacheAt(req.CacheDir)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	tempDir, err := c.TempDir()
	if err != nil {
		return nil, err
	}
	out.Registries, out.Jobs = image.NewRegistries(image.RegistryOptions{}), transferJobs
	source, platform, err := openSource(ctx, req, image.OpenOptions{TempDir: tempDir, Registries: out.Registries}, talk)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := nameCopy(&out, source.Ref(), req.Tags); err != nil {
		return nil, report.In(report.Usage, err)
	}
	img, exact := source.Original()
	size, err := image.Size(img)
	if err != nil {
		return nil, err
	}
	stage := talk.Stage("copy", size, report.Bytes)
	out.Progress = stage.Add
	written, err := writeCopy(ctx, img, out, filepath.Join(tempDir, "pulled"), source.Ref().Kind)
	if err != nil {
		stage.Abort()
		return nil, classifyImage(err)
	}
	stage.Done("%s to %s, %s of %s new", req.From, out, report.Size(written.WrittenBytes), report.Size(written.SizeBytes))
	if !exact {
		talk.Say("copy       the source is in Docker's form: the manifest is a new one, in OCI's")
	}
	tags := out.Tags
	if out.Kind == image.Registry {
		tags = written.Tags
	}
	if req.CacheBranch != "" {
		moving := out
		moving.Path, moving.Tags = repository(out), []string{cacheTag + checkout.TagWord(req.CacheBranch)}
		if err := image.Tag(ctx, moving, written.Digest); err != nil {
			return nil, classifyImage(fmt.Errorf("move tag %s: %w", moving.Tags[0], err))
		}
		tags = append(tags, moving.Tags[0])
	}
	stats := out.Registries.Stats()
	res := &TransferResult{
		Format: 1, From: req.From, Output: out.String(), Tags: append([]string{}, tags...), Platform: platform,
		Digest: written.Digest.OCI(), ImageID: written.ConfigDigest.OCI(), Exact: exact,
		Size: written.SizeBytes, Written: written.WrittenBytes, Layers: LayerCounts{Total: len(written.Layers)},
		Network: NetworkResult{stats.Requests, stats.SentBytes, stats.ReceivedBytes}, Millis: time.Since(began).Milliseconds(),
	}
	for _, l := range written.Layers {
		if l.Written {
			res.Layers.Written++
		}
		if l.Mounted {
			res.Layers.Mounted++
		}
	}
	return res, nil
}

// openSource opens the image for the platform. Where no platform was asked for, the only one
// that there is will do.
func openSource(ctx context.Context, req TransferRequest, o image.OpenOptions, talk *report.Printer) (*image.Base, string, error) {
	platform := target.Default()
	if req.Platform != "" {
		var err error
		if platform, err = target.Parse(req.Platform); err != nil {
			return nil, "", report.In(report.Usage, err)
		}
	}
	o.Platform = platform.String()
	source, err := image.OpenBase(ctx, req.From, o)
	if other, ok := errors.AsType[*image.PlatformError](err); ok && req.Platform == "" && len(other.Have) == 1 {
		o.Platform = other.Have[0]
		talk.Say("copy       the image is for %s", o.Platform)
		source, err = image.OpenBase(ctx, req.From, o)
	}
	switch {
	case err == nil:
		return source, o.Platform, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", report.Hinted(report.Usage, "look at the path; corn build -o oci:DIR or docker-archive:FILE makes such an image", err)
	case errors.Is(err, image.ErrNotFound):
		return nil, "", report.Hinted(report.Registry, "look at the name and the tag; a registry can say this, too, where a login is lacking", err)
	case isA[*image.AmbiguousError](err):
		return nil, "", report.Hinted(report.Usage, "add :TAG or @DIGEST to the image, or give --platform", err)
	case isA[*image.FormatError](err):
		return nil, "", report.In(report.Registry, err)
	}
	return nil, "", classifyImage(err)
}

// nameCopy says what the copy is called: as the destination and the tags say, else as the source.
func nameCopy(out *image.Output, source image.Ref, tags []string) error {
	out.Tags = append([]string{}, tags...)
	if source.Kind == image.Registry {
		out.Name = source.Path
	}
	own := source.Tag[strings.LastIndexByte(source.Tag, ':')+1:] // an archive's tag has the name before it
	if own == "" && source.Kind == image.Registry && source.Digest.IsZero() {
		own = "latest"
	}
	if len(out.Tags) == 0 && own != "" && (out.Kind != image.Registry || repository(*out) == out.Path) {
		out.Tags = []string{own}
	}
	if out.Kind == image.Registry && len(out.Tags) == 0 && repository(*out) == out.Path {
		return fmt.Errorf("%s has no tag: write %s:TAG, or give --tag", out, out)
	}
	return out.Check()
}

// writeCopy writes the image. A docker archive reads layers that it has to unpack twice; those
// of a registry come over the network once, into a folder.
func writeCopy(ctx context.Context, img image.Image, out image.Output, tempDir string, from image.RefKind) (image.Result, error) {
	if out.Kind != image.DockerArchive || from != image.Registry {
		return image.Write(ctx, img, out)
	}
	defer os.RemoveAll(tempDir)
	here := out
	here.Kind, here.Path, here.Name, here.Tags = image.OCILayout, tempDir, "", nil
	if _, err := image.Write(ctx, img, here); err != nil {
		return image.Result{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return image.Result{}, err
	}
	platform := config.OS + "/" + config.Architecture
	local, err := image.OpenBase(ctx, here.String(), image.OpenOptions{Platform: platform})
	if err != nil {
		return image.Result{}, err
	}
	defer local.Close()
	copied, _ := local.Original()
	return image.Write(ctx, copied, out)
}
