package hub

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// A Notebook is a file of a git repository that a link opens.
type Notebook struct {
	Repository string // https address, as users clone it
	Branch     string
	Path       string // slash path in the repository; empty: the folder itself
}

// GitAddress is a remote of git's as an https address without user and password: people who follow
// a link have no SSH key of its maker's.
func GitAddress(remote string) (string, error) {
	remote = strings.TrimSpace(remote)
	if m := scpForm.FindStringSubmatch(remote); m != nil && !strings.Contains(remote, "://") {
		remote = "https://" + m[1] + "/" + strings.TrimPrefix(m[2], "/")
	}
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh" && u.Scheme != "git" {
		return "", errors.New("want the address of a git repository that everybody can clone, https://HOST/OWNER/NAME")
	}
	if u.Scheme == "ssh" || u.Scheme == "git" {
		u.Scheme, u.Host = "https", u.Hostname()
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimSuffix(u.String(), "/"), nil
}

var scpForm = regexp.MustCompile(`^(?:[^@/]+@)?([A-Za-z0-9.-]{2,}):([^:\\]+)$`)

// folder is what git clone calls the repository's folder.
func (n Notebook) folder() string {
	return strings.TrimSuffix(path.Base(n.Repository), ".git")
}

// lab is JupyterLab's address of the file below a server's root.
func (n Notebook) lab(folder string) string {
	parts := strings.Split(path.Join("lab/tree", folder, n.Path), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// pull is the link of nbgitpuller below a server: it clones or updates the repository, and leads to
// the file (nbgitpuller's docs/topic/url-options.rst: repo, urlpath, branch).
func (n Notebook) pull() string {
	s := "git-pull?repo=" + url.QueryEscape(n.Repository) + "&urlpath=" + url.QueryEscape(n.lab(n.folder()))
	if n.Branch != "" {
		s += "&branch=" + url.QueryEscape(n.Branch)
	}
	return s
}

// HubLink opens the notebook on a hub, on whatever server the user has.
func (n Notebook) HubLink(hub string) (string, error) {
	u, err := hubURL(hub)
	if err != nil {
		return "", err
	}
	return u + "/hub/user-redirect/" + n.pull(), nil
}

// BinderLink opens the notebook on Binder, in the image of a repository that Binder builds. Where
// that is the notebook's own at that branch, the file is there; else nbgitpuller brings it.
func (n Notebook) BinderLink(binder, repository, ref string) (string, error) {
	u, err := hubURL(binder)
	if err != nil {
		return "", err
	}
	provider, err := binderProvider(repository)
	if err != nil {
		return "", err
	}
	at := n.pull()
	if trimGit(repository) == trimGit(n.Repository) && ref == n.Branch {
		at = n.lab("")
	}
	return fmt.Sprintf("%s/v2/%s/%s?urlpath=%s", u, provider, url.PathEscape(ref), url.QueryEscape(at)), nil
}

// binderProvider is how Binder's addresses name a repository: gh/OWNER/NAME, gl/OWNER%2FNAME, and
// git/ADDRESS for others (BinderHub's repoproviders).
func binderProvider(repository string) (string, error) {
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("repository %q: want https://HOST/OWNER/NAME", repository)
	}
	name := strings.Trim(trimGit(u.Path), "/")
	switch {
	case u.Host == "github.com" && strings.Count(name, "/") == 1:
		return "gh/" + name, nil
	case u.Host == "gitlab.com":
		return "gl/" + url.QueryEscape(name), nil
	}
	return "git/" + url.QueryEscape(repository), nil
}

func trimGit(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "/"), ".git") }

// hubURL is a hub's address without what people copy with it.
func hubURL(hub string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(hub))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("hub %q: want its address, https://HOST", hub)
	}
	if u.User != nil {
		return "", errors.New("the hub's address has a user or password in it: give the token in " + TokenVariable)
	}
	p := strings.TrimSuffix(u.Path, "/")
	for _, end := range []string{"/hub/home", "/hub/admin", "/hub/login", "/hub/token", "/hub/spawn", "/hub"} {
		p = strings.TrimSuffix(p, end)
	}
	return u.Scheme + "://" + u.Host + p, nil
}

// TokenVariable is the environment variable that has the token of the hub's API.
const TokenVariable = "JUPYTERHUB_API_TOKEN"
