package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A URLRequest says for which notebooks links are made.
type URLRequest struct {
	Paths      []string // notebooks, or folders of some; none: "."
	Kernel     string   // only notebooks of that kernel; empty: all
	Hub        string   // address; empty: no links to a hub
	Binder     string   // repository that Binder builds, OWNER/NAME[/REF] or an address; empty: no links to Binder
	BinderHub  string   // empty: https://mybinder.org
	Repository string   // of the notebooks; empty: the checkout's origin
	Branch     string   // empty: the checkout's
}

// A URLResult is what corn url --json prints. docs/formats/deploy-json.md describes it.
type URLResult struct {
	Format     int        `json:"format"` // 1
	Repository string     `json:"repository"`
	Branch     string     `json:"branch"`
	Notebooks  []URLLinks `json:"notebooks"`
}

// URLLinks are the links of one notebook.
type URLLinks struct {
	Path   string `json:"path"`   // in the repository
	Kernel string `json:"kernel"` // name that the notebook asks for; may be empty
	Hub    string `json:"hub,omitempty"`
	Binder string `json:"binder,omitempty"`
}

// maxNotebookBytes bounds what is read of a notebook for its kernel's name.
const maxNotebookBytes = 256 << 20

// URL makes links that open notebooks on a hub or on Binder.
func URL(ctx context.Context, req URLRequest) (*URLResult, error) {
	if len(req.Paths) == 0 {
		req.Paths = []string{"."}
	}
	root, err := topLevel(req.Paths[0])
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	res := &URLResult{Format: 1, Branch: req.Branch, Notebooks: []URLLinks{}}
	if req.Repository == "" {
		if req.Repository, err = originURL(ctx, root); err != nil {
			return nil, report.Hinted(report.Usage, "give --repo https://HOST/OWNER/NAME", err)
		}
	}
	if res.Repository, err = hub.GitAddress(req.Repository); err != nil {
		return nil, report.In(report.Usage, fmt.Errorf("repository %q: %w", req.Repository, err))
	}
	if res.Branch == "" {
		state := checkout.Read(root)
		if res.Branch = state.Branch; res.Branch == "" {
			res.Branch = state.Default
		}
		if res.Branch == "" {
			return nil, report.Hinted(report.Usage, "give --branch", errors.New("no branch is checked out"))
		}
	}
	for _, p := range req.Paths {
		found, err := notebooks(p)
		if err != nil {
			return nil, report.In(report.Usage, err)
		}
		for _, file := range found {
			if err := res.add(req, root, file); err != nil {
				return nil, err
			}
		}
	}
	if len(res.Notebooks) == 0 {
		if req.Kernel != "" {
			return nil, report.In(report.Usage, fmt.Errorf("no notebook of kernel %q in %q", req.Kernel, req.Paths))
		}
		return nil, report.In(report.Usage, fmt.Errorf("no notebook in %q", req.Paths))
	}
	return res, nil
}

func (res *URLResult) add(req URLRequest, root, file string) error {
	kernel, err := kernelOf(file)
	if err != nil {
		return report.In(report.Usage, err)
	}
	if req.Kernel != "" && kernel != req.Kernel {
		return nil
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(real, filepath.Base(abs))
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || strings.HasPrefix(rel, "..") {
		return report.In(report.Usage, fmt.Errorf("%s is outside the repository in %s", file, root))
	}
	n := hub.Notebook{Repository: res.Repository, Branch: res.Branch, Path: filepath.ToSlash(rel)}
	links := URLLinks{Path: n.Path, Kernel: kernel}
	if req.Hub != "" {
		if links.Hub, err = n.HubLink(req.Hub); err != nil {
			return report.In(report.Usage, err)
		}
	}
	if req.Binder != "" {
		repository, ref := binderRepository(req.Binder, res.Branch)
		at := req.BinderHub
		if at == "" {
			at = "https://mybinder.org"
		}
		if links.Binder, err = n.BinderLink(at, repository, ref); err != nil {
			return report.In(report.Usage, err)
		}
	}
	res.Notebooks = append(res.Notebooks, links)
	return nil
}

// binderRepository reads OWNER/NAME[/REF], GitHub's, or an address with @REF.
func binderRepository(s, branch string) (repository, ref string) {
	if strings.Contains(s, "://") {
		if i := strings.LastIndexByte(s, '@'); i > strings.LastIndexByte(s, '/') {
			return s[:i], s[i+1:]
		}
		return s, branch
	}
	parts := strings.SplitN(s, "/", 3)
	if len(parts) == 3 {
		return "https://github.com/" + parts[0] + "/" + parts[1], parts[2]
	}
	return "https://github.com/" + s, branch
}

// topLevel is the checkout that a path is in.
func topLevel(at string) (string, error) {
	abs, err := filepath.Abs(at)
	if err != nil {
		return "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("%s: there is no such file or folder", at)
	}
	for dir := abs; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is in no git checkout: a link leads to a file of a repository", at)
		}
	}
}

func originURL(ctx context.Context, root string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "config", "--get", "remote.origin.url").Output()
	if err != nil {
		return "", fmt.Errorf("the checkout in %s has no remote called origin", root)
	}
	return strings.TrimSpace(string(out)), nil
}

// notebooks lists a notebook, or those below a folder; hidden folders hold Jupyter's checkpoints.
func notebooks(at string) ([]string, error) {
	info, err := os.Stat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file or folder", at)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{at}, nil
	}
	var found []string
	err = filepath.WalkDir(at, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != at && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(p, ".ipynb"):
			found = append(found, p)
		}
		return nil
	})
	slices.Sort(found)
	return found, err
}

// kernelOf is the kernel that a notebook asks for; a file that is none asks for none.
func kernelOf(file string) (string, error) {
	if !strings.HasSuffix(file, ".ipynb") {
		return "", nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Size() > maxNotebookBytes {
		return "", fmt.Errorf("%s: larger than %s", file, report.Size(maxNotebookBytes))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var n struct {
		Metadata struct {
			Kernelspec struct{ Name string }
		}
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return "", fmt.Errorf("%s: no notebook: %w", file, err)
	}
	return n.Metadata.Kernelspec.Name, nil
}
