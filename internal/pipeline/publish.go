package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/exec"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/oci/frame"
)

// nameImages gives the image in registries a tag where the request has none: the commit.
// Hubs do not pull a tag again that they have, so one that moves is a trap.
func (b *builder) nameImages(ctx context.Context) (err error) {
	if b.asked, err = parseAnnotations(b.req.Annotations); err != nil {
		return report.In(report.Usage, err)
	}
	if len(b.pushedRepositories()) == 0 {
		if b.req.Release {
			return report.In(report.Usage, errors.New("--release tags an image in a registry, and none is pushed to: give --push"))
		}
		return nil
	}
	b.checkout = checkout.Read(b.project.Dir)
	b.branches = b.checkout.Branches(os.Getenv)
	b.shown = b.shownToSteps(ctx)
	b.readOrigin(ctx)
	release := ""
	if b.req.Release {
		if release, err = b.releaseTag(); err != nil {
			return report.In(report.Usage, err)
		}
	}
	b.version = b.versionOf(release, os.Getenv)
	tag := ""
	for i, o := range b.outputs {
		if o.Kind != image.Registry {
			continue
		}
		if release != "" {
			b.outputs[i].Tags = append(slices.Clone(o.Tags), release)
			continue
		}
		if len(o.Tags) > 0 || repository(o) != o.Path {
			continue
		}
		if tag == "" {
			tag = b.defaultTag()
		}
		b.outputs[i].Tags = []string{tag}
	}
	return nil
}

// dirtyMark ends the tag of an image whose project is not as the commit has it.
const dirtyMark = "-dirty"

func (b *builder) defaultTag() string {
	o := &b.origin
	if o.commit == "" {
		b.warn("the project has no git commit: the image gets the tag latest, and hubs do not pull a tag again that they have; name one with --tag")
		return "latest"
	}
	tag := checkout.Short(o.commit)
	if len(o.changed) > 0 {
		b.warn("the project is not as commit %s has it (%s changed): the image gets the tag %s", tag, some(o.changed), tag+dirtyMark)
		tag += dirtyMark
	}
	return tag
}

// some names the first of a list and counts the others.
func some(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

// shownToSteps are the files and folders of the project that steps see, or that the home gets.
func (b *builder) shownToSteps(ctx context.Context) map[string]bool {
	shown := map[string]bool{}
	if !b.hasProjectSteps() && !b.project.Settings.Steps.CopyProject {
		return shown
	}
	f, err := exec.OpenFolder(ctx, b.project.Dir, b.isOutput, exec.FolderLimits{})
	if err != nil {
		return shown // who copies the folder says why it cannot be read
	}
	defer f.Close()
	for _, e := range f.Entries {
		shown[e.Path] = true
	}
	return shown
}

// mayRead tells whether a build may look at a new file or folder of the project.
func (b *builder) mayRead(p string) bool {
	if b.shown[strings.TrimSuffix(p, "/")] {
		return true
	}
	envs := path.Join(b.project.Config, "environments") + "/"
	if strings.HasPrefix(p, envs) || strings.HasSuffix(p, "/") && strings.HasPrefix(envs, p) {
		return true
	}
	dir := path.Dir(p)
	return (dir == "." || dir == path.Clean(b.project.Config)) && slices.ContainsFunc(topFiles, func(pattern string) bool {
		ok, err := path.Match(pattern, path.Base(p))
		return ok && err == nil
	})
}

// topFiles are names of files beside environments/ that a build reads.
var topFiles = []string{"corn.*", "environment.y*ml", "requirements.txt", "*.lock", "conda-lock.yml", "apt.txt", "postBuild", "start"}

// writeTo writes the image to one output and notes what came of it. A registry that takes
// nothing from this user ends no build.
func (b *builder) writeTo(ctx context.Context, img image.Image, o image.Output, v *variant, res *BuildResult) (image.Result, error) {
	c := v.compression
	total, err := image.Size(img)
	if err != nil {
		return image.Result{}, err
	}
	stage := b.talk.Stage("write", total, report.Bytes)
	o.Progress = stage.Add
	target, late := o, o.Kind == image.Registry && b.tagsLate()
	if late {
		target.Path, target.Tags = repository(o), nil
	}
	written, err := image.Write(ctx, img, target)
	r := OutputResult{Ref: o.String(), Digest: written.Digest.OCI(), Compression: c.String(), BytesWritten: written.WrittenBytes}
	if err == nil {
		b.timings["write"] += stage.Done("%s, %s of %s new", o, report.Size(written.WrittenBytes), report.Size(written.SizeBytes))
	} else {
		stage.Abort()
	}
	if o.Kind == image.Registry && err == nil {
		err = b.publish(ctx, img, v, o, written.Digest)
		if err == nil && late {
			written.Tags, err = tagsOf(o), image.Tag(ctx, o, written.Digest)
		}
	}
	if o.Kind == image.Registry {
		pushed := err == nil
		r.Pushed, r.Tags = &pushed, written.Tags
	}
	refused, isRefused := errors.AsType[*image.ReadOnlyError](err)
	failed, isFailed := errors.AsType[*KernelsError](err)
	switch {
	case isRefused:
		r.Reason, r.Tags = refused.Error(), nil
		b.warn("the image is built and not pushed: %v", refused)
	case isFailed:
		r.Reason = fmt.Sprintf("%s has no tag: %v", written.Digest.OCI(), failed)
		b.warn("the image is in %s by its digest, and gets no tag: a kernel does not work", repository(o))
	case err != nil:
		return image.Result{}, classifyImage(err)
	case o.Kind == image.Registry:
		b.sayPushed(o, written, c)
	}
	if o.Kind == image.Registry && !isRefused {
		b.moveCacheTag(ctx, o, written.Digest) // for its layers, whatever its kernels do
	}
	res.Outputs = append(res.Outputs, r)
	return written, nil
}

// tagsLate tells whether an image gets its tags after all that belongs to it, by a request of their
// own.
func (b *builder) tagsLate() bool { return b.mustTest() || b.signKey != nil }

// publish makes an image of a registry, where it lies by its digest, one that others use: it is
// tested, and what tells of it is attached.
func (b *builder) publish(ctx context.Context, img image.Image, v *variant, o image.Output, d digest.SHA256) error {
	if b.mustTest() {
		if err := b.testPushed(ctx, img, v, o, d); err != nil {
			return err
		}
	} else if err := b.noTest(ctx, o, d); err != nil {
		return err
	}
	return b.attachDocuments(ctx, v, o, d)
}

// tagsOf lists the tags that an output in a registry gets, each once.
func tagsOf(o image.Output) []string {
	var tags []string
	for _, t := range append([]string{strings.TrimPrefix(strings.TrimPrefix(o.Path, repository(o)), ":")}, o.Tags...) {
		if t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// sayPushed names the image as others pull it, and who can.
func (b *builder) sayPushed(o image.Output, written image.Result, c frame.Compression) {
	for _, t := range written.Tags {
		quote := ""
		if readsAsOther.MatchString(t) {
			quote = fmt.Sprintf("; in YAML write \"%s\", in quotes", t)
		}
		b.talk.Say("pushed     %s:%s%s", repository(o), t, quote)
	}
	engines := "every engine pulls them"
	if c.IsZstd() {
		engines = "Docker 23, containerd 1.5, podman 4 and later pull them; --compression gzip is for others"
	}
	b.talk.Say("pushed     %s layers: %s", c, engines)
}

// moveCacheTag points the branch's moving tag to what was pushed. The image is there; the next
// build only has to do without this one.
func (b *builder) moveCacheTag(ctx context.Context, o image.Output, d digest.SHA256) {
	if b.branches.Own == "" {
		b.talk.Say("previous   no branch is built: no %s tag is moved", cacheTag+"BRANCH")
		return
	}
	o.Path, o.Tags = repository(o), []string{cacheTag + checkout.TagWord(b.branches.Own)}
	if err := image.Tag(ctx, o, d); err != nil && ctx.Err() == nil {
		b.warn("the next build will not find this image by itself, name it with --from: %v", err)
	}
}

// A NotPushedError reports an image that is built, and registries that did not take it.
type NotPushedError struct {
	Reasons []string // one a registry, in the order of the outputs
}

func (e *NotPushedError) Error() string {
	return "the image is built and not pushed: " + strings.Join(e.Reasons, "\n")
}

// Hint says how to get further.
func (e *NotPushedError) Hint() string {
	return "log in with docker login or podman login; where pushing is not expected to work, as in a pull request of a fork, --push-optional makes this a warning"
}

// notPushed is the error of a build that could not push as it had to; nil otherwise.
func (b *builder) notPushed(res *BuildResult) error {
	if b.req.PushOptional {
		return nil
	}
	e := &NotPushedError{}
	for _, o := range res.Outputs {
		if o.Pushed != nil && !*o.Pushed {
			e.Reasons = append(e.Reasons, o.Reason)
		}
	}
	if len(e.Reasons) == 0 {
		return nil
	}
	return report.In(report.Registry, e)
}

// classifyImage gives errors of writing or reading an image their class.
func classifyImage(err error) error {
	switch {
	case isA[*image.RefError](err), errors.Is(err, image.ErrBadTag):
		return report.In(report.Usage, err)
	case isA[*image.CredentialError](err):
		return report.Hinted(report.Registry, "look at Docker's config.json and its credential helper, or log in again with docker login", err)
	case isA[*image.RegistryError](err), isA[*image.ReadOnlyError](err), isA[*image.LostBlobError](err), isA[*image.PlatformError](err):
		return report.In(report.Registry, err)
	}
	return err
}
