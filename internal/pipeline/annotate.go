package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
)

// An image that is pushed says where it comes from, in annotations of its manifest (OCI
// image-spec v1.1.1, annotations.md). They change the manifest's digest and nothing else: image
// id, layers and config know nothing of commits. Images that are written to this machine have
// only the annotations that are asked for, so that their digest depends on the project alone.

// An origin is what git and CI say of the project that is built.
type origin struct {
	commit  string    // empty: there is none
	changed []string  // what is not as the commit has it
	known   bool      // changed is the truth
	date    time.Time // of the commit; zero: not known
	source  string    // page of the repository; empty: not known
}

// revision names the commit, and says if the project is not as it has it.
func (o *origin) revision() string {
	if len(o.changed) > 0 {
		return o.commit + dirtyMark
	}
	return o.commit
}

// readOrigin asks git about the project.
func (b *builder) readOrigin(ctx context.Context) {
	b.origin = origin{commit: b.checkout.Commit}
	if b.origin.commit == "" {
		return
	}
	changed, err := checkout.Changed(ctx, b.project.Dir, b.mayRead)
	if err != nil {
		b.talk.Say("tag        whether the project is as commit %s has it is not known: %v", checkout.Short(b.origin.commit), err)
	}
	b.origin.changed, b.origin.known = changed, err == nil
	if date, err := checkout.Date(ctx, b.project.Dir, b.origin.commit); err == nil {
		b.origin.date = date
	}
	if b.origin.source = checkout.Remote(ctx, b.project.Dir); b.origin.source == "" {
		b.origin.source = sourceInCI(os.Getenv)
	}
}

// sourceInCI is the repository's page as CI names it (GitHub, GitLab: see checkout.Branches).
func sourceInCI(getenv func(string) string) string {
	switch {
	case getenv("GITHUB_ACTIONS") == "true" && getenv("GITHUB_REPOSITORY") != "":
		return checkout.Page(getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY"))
	case getenv("GITLAB_CI") == "true":
		return checkout.Page(getenv("CI_PROJECT_URL"))
	}
	return ""
}

// releaseTag is the date of the commit, as releases are tagged with it: "2026.01.15".
func (b *builder) releaseTag() (string, error) {
	o := &b.origin
	switch {
	case o.commit == "":
		return "", errors.New("--release tags the image with the date of the commit, and the project has no git commit")
	case len(o.changed) > 0:
		return "", report.Hinted(report.Usage, "commit first, or give the tag with --tag",
			fmt.Errorf("--release: the project is not as commit %s has it (%s changed)", checkout.Short(o.commit), some(o.changed)))
	case o.date.IsZero() || !o.known:
		return "", errors.New("--release tags the image with the date of the commit, and git does not tell it")
	}
	return o.date.Format("2006.01.02"), nil
}

// annotationKey is what the OCI wants of keys: a reverse domain name, in letters that every
// registry takes.
var annotationKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// ownAnnotations begin the keys that a build needs for itself.
const ownAnnotations = "io.github.nasa-openscapes.corn."

// parseAnnotations reads "KEY=VALUE" of the request. An empty value takes an annotation away.
func parseAnnotations(texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range texts {
		key, value, ok := strings.Cut(t, "=")
		if !ok || !annotationKey.MatchString(key) {
			return nil, fmt.Errorf("--annotation %q: want KEY=VALUE, as in org.opencontainers.image.title=Hackweek; KEY= leaves one out", t)
		}
		if strings.HasPrefix(key, ownAnnotations) || key == image.AnnotationBase {
			return nil, fmt.Errorf("--annotation %q: later builds rely on what corn says in %s", t, key)
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("--annotation %s is given twice", key)
		}
		out[key] = value
	}
	return out, nil
}

// annotations are those of an image's manifest besides the ones that it always has.
func (b *builder) annotations(kind image.RefKind) map[string]string {
	all := map[string]string{}
	if kind == image.Registry {
		o := &b.origin
		if ref, err := image.ParseRef(b.settings.base); err == nil {
			all[image.AnnotationBaseName] = ref.Name()
		}
		all[image.AnnotationSource], all[image.AnnotationRevision] = o.source, o.revision()
		all[image.AnnotationVersion] = b.version
		if !o.date.IsZero() && len(o.changed) == 0 {
			all[image.AnnotationCreated] = o.date.Format(time.RFC3339)
		}
	}
	maps.Copy(all, b.asked)
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// versionOf is what the image is a version of the project by: the release's date, else a tag of the
// repository that CI builds, else a tag that was asked for. A commit is none.
func (b *builder) versionOf(release string, getenv func(string) string) string {
	switch {
	case release != "":
		return release
	case getenv("GITHUB_ACTIONS") == "true" && getenv("GITHUB_REF_TYPE") == "tag":
		return getenv("GITHUB_REF_NAME")
	case getenv("GITLAB_CI") == "true" && getenv("CI_COMMIT_TAG") != "":
		return getenv("CI_COMMIT_TAG")
	case len(b.req.Tags) > 0:
		_, tag := splitTag(b.req.Tags[0])
		return tag
	}
	return ""
}

// readsAsOther matches tags that YAML, in its version 1.1 or 1.2, takes for a number, a date or a
// truth value where they are not quoted.
var readsAsOther = regexp.MustCompile(`^(?:[0-9][0-9_]*|0o[0-7]+|0[xX][0-9a-fA-F]+|[0-9][0-9_]*\.?[0-9_]*(?:[eE]-?[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}` +
	`|(?i:true|false|yes|no|on|off|y|n|null))$`)
