package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A DeployValuesRequest says which files get which images.
type DeployValuesRequest struct {
	Images       []string // REPO[:TAG][@DIGEST], a tag or digest in each
	Files        []string
	DisplayNames bool
	DryRun       bool // write nothing
	Check        bool // write nothing; files that would change are a *DriftError
}

// A DeployValuesResult is what --json prints. docs/formats/deploy-json.md describes it.
type DeployValuesResult struct {
	Format  int           `json:"format"` // 1
	Images  []string      `json:"images"`
	Files   []*hub.Edited `json:"files"`
	Drift   bool          `json:"drift"` // some file does not have the images, or had not
	Written bool          `json:"written"`
}

// A DriftError reports files that do not have the image.
type DriftError struct{ Files []string }

func (e *DriftError) Error() string {
	return fmt.Sprintf("%s would change: %q", report.Count(len(e.Files), "file"), e.Files)
}

// Hint says what changes them.
func (e *DriftError) Hint() string { return "run the same command without --check" }

// DeployValues edits values files. A *DriftError comes with a result. All files are planned before
// the first is written; each appears at once, with its mode.
func DeployValues(req DeployValuesRequest, talk *report.Printer) (*DeployValuesResult, error) {
	res := &DeployValuesResult{Format: 1, Images: req.Images}
	edits, err := planValues(req, talk)
	if err != nil {
		return nil, err
	}
	var drift []string
	for _, e := range edits {
		res.Files = append(res.Files, e.Edited)
		if len(e.Changes) > 0 {
			drift = append(drift, e.File)
		}
	}
	res.Drift = len(drift) > 0
	switch {
	case req.Check && res.Drift:
		return res, report.In(report.Drift, &DriftError{drift})
	case req.Check || req.DryRun:
		return res, nil
	}
	res.Written = res.Drift
	return res, writeValues(edits)
}

// A valuesEdit is a planned edit and where its file really is.
type valuesEdit struct {
	*hub.Edited
	path string
}

// planValues reads the files and plans their edits.
func planValues(req DeployValuesRequest, talk *report.Printer) ([]valuesEdit, error) {
	o := hub.Options{DisplayNames: req.DisplayNames}
	for _, text := range req.Images {
		im, err := hub.ParseRef(text)
		if err == nil && im.Tag == "" && im.Digest == "" {
			err = fmt.Errorf("image %q: want a tag or a digest with it", text)
		}
		if err == nil && slices.ContainsFunc(o.Images, func(have hub.Ref) bool { return have.Normal() == im.Normal() }) {
			err = fmt.Errorf("image %q: its repository is given twice", text)
		}
		if err != nil {
			return nil, report.In(report.Usage, err)
		}
		o.Images = append(o.Images, im)
	}
	files, paths, err := readValues(req.Files)
	if err != nil {
		return nil, report.In(report.Hub, err)
	}
	planned, err := hub.Edit(files, o)
	if err != nil {
		return nil, report.In(report.Hub, err)
	}
	var edits []valuesEdit
	for i, e := range planned {
		tellValues(e, talk)
		edits = append(edits, valuesEdit{e, paths[i]})
	}
	for _, text := range hub.HiddenLists(planned) {
		talk.Warn("%s", text)
	}
	return edits, nil
}

// writeValues writes what was planned.
func writeValues(edits []valuesEdit) error {
	for _, e := range edits {
		if len(e.Changes) == 0 {
			continue
		}
		if err := replaceFile(e.path, e.Before, e.After); err != nil {
			return report.In(report.Hub, err)
		}
	}
	return nil
}

// restoreValues puts back what writeValues wrote.
func restoreValues(edits []valuesEdit) error {
	var errs []error
	for _, e := range edits {
		if len(e.Changes) > 0 {
			errs = append(errs, replaceFile(e.path, e.After, e.Before))
		}
	}
	return errors.Join(errs...)
}

// readValues reads the files, and says where each really is: what a link leads to is changed.
func readValues(names []string) ([]hub.File, []string, error) {
	var files []hub.File
	var paths []string
	for _, name := range names {
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			return nil, nil, readError(name, err)
		}
		if slices.Contains(paths, real) {
			return nil, nil, &hub.FileError{File: name, Reason: "given twice, maybe through a link"}
		}
		info, err := os.Stat(real)
		if err != nil {
			return nil, nil, readError(name, err)
		}
		if !info.Mode().IsRegular() {
			return nil, nil, &hub.FileError{File: name, Reason: "not a file", Advice: "name the files, as config/*.values.yaml"}
		}
		if info.Size() > 16<<20 {
			return nil, nil, &hub.FileError{File: name, Reason: "larger than 16 MiB: no values file"}
		}
		data, err := os.ReadFile(real)
		if err != nil {
			return nil, nil, readError(name, err)
		}
		files, paths = append(files, hub.File{Name: filepath.ToSlash(name), Data: data}), append(paths, real)
	}
	return files, paths, nil
}

func readError(name string, err error) error {
	reason := "cannot be read"
	if errors.Is(err, fs.ErrNotExist) {
		reason = "there is no such file"
	}
	return &hub.FileError{File: name, Reason: reason, Err: err}
}

func replaceFile(name string, before, after []byte) error {
	now, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if !bytes.Equal(now, before) {
		return &hub.FileError{File: name, Reason: "changed by somebody else in the meantime", Advice: "run the command again"}
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := renameio.WriteFile(name, after, info.Mode().Perm(), renameio.IgnoreUmask(), renameio.WithExistingPermissions()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func tellValues(f *hub.Edited, talk *report.Printer) {
	for _, l := range f.Left {
		talk.Say("%s:%d: %s: %s is left: %s", f.File, l.Line, l.Path, l.Image, l.Reason)
	}
	for _, o := range f.Offers {
		if o.ByHand {
			talk.Warn("%s:%d: %s names an old tag, and stands there in a way that corn does not edit: %q", f.File, o.Line, o.Path, o.Text)
		} else {
			talk.Say("%s:%d: %s names an old tag: --display-names makes it %q", f.File, o.Line, o.Path, o.New)
		}
	}
	if len(f.Changes) == 0 && f.Current == 0 {
		talk.Warn("%s has none of these images; it names %s", f.File, listOr(f.Seen, "none at all"))
	}
}

func listOr(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	if len(words) > 10 {
		return fmt.Sprintf("%q and %d more", words[:10], len(words)-10)
	}
	return fmt.Sprintf("%q", words)
}
