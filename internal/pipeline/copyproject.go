package pipeline

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
	"github.com/nasa-openscapes/corn/oci/layer"
)

// With copy_project the project's folder is a layer, right below the metadata: it changes with
// every commit, and what stands above a layer that changed is unpacked again by every node.

// projectID is the id and the kind of that layer.
const projectID = "project"

// A copiedProject is that layer before it is made.
type copiedProject struct {
	*exec.Folder
	at      string           // "home/jovyan", with the base's links followed
	parents []filetree.Entry // as the base has them, the home among them
	key     digest.SHA256
}

// planCopy lists the folder once more: what is hidden from steps is no secret in the home.
func (b *builder) planCopy(ctx context.Context) error {
	if !b.project.Settings.Steps.CopyProject || b.copied != nil {
		return nil
	}
	home := strings.TrimPrefix(b.baseFacts.User.Home, "/")
	if home == "" {
		return report.Hinted(report.Base, "give the base image's user a home in its etc/passwd, or take copy_project out of corn.yaml",
			fmt.Errorf("copy_project: the user %d of base image %s has no home", b.uid, b.settings.base))
	}
	at, parents, err := b.baseFacts.ResolveDir(home)
	if err != nil {
		return report.In(report.Base, fmt.Errorf("copy_project: %w", err))
	}
	if exists, err := b.baseFacts.Exists(at); err != nil {
		return report.In(report.Base, err)
	} else if !exists {
		parents[len(parents)-1].UID, parents[len(parents)-1].GID = b.uid, b.gid
	}
	f, err := exec.OpenFolder(ctx, b.project.Dir, b.isOutput, exec.FolderLimits{})
	if err != nil {
		return report.In(report.Project, err)
	}
	sum, err := f.Sum(ctx)
	if err != nil {
		_ = f.Close()
		return report.In(report.Project, err)
	}
	key := digest.NewKey("copied project").Sum("folder", sum).Str("at", at).Int("uid", int64(b.uid)).Int("gid", int64(b.gid)).Key()
	b.copied = &copiedProject{f, at, parents, key}
	return nil
}

// copySpec is the layer in a compression.
func (b *builder) copySpec(c frame.Compression) layer.Spec {
	return layer.Spec{ID: projectID, Kind: projectID, Compression: c, Prelude: b.copied.parents, Frames: []layer.Frame{b.lazyFrame(frameKey(b.copied.key, c))}}
}

// storeCopy makes the layer's frame.
func (b *builder) storeCopy(ctx context.Context, c frame.Compression) error {
	w, err := layer.CreateFrame(b.cache, frameKey(b.copied.key, c), c, frame.Options{Pool: &b.encoders})
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := b.copied.Each(ctx, b.copied.at, b.uid, b.gid, func(e filetree.Entry, r io.Reader) error { return w.Add(e, r) }); err != nil {
		return report.In(report.Project, err)
	}
	_, err = w.Commit()
	return err
}
