package simple

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listFolder reads an index or a find-links place that is on this machine: an HTML page, or
// else a folder whose files are what there is. It is looked at anew every time, with and
// without the network.
func (c *Client) listFolder(act string, p place, dir, where, project string) (*Project, error) {
	bad := func(err error) (*Project, error) {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err // the URL says which file
		}
		return nil, &Error{Act: act, URL: redact(where), Err: err}
	}
	name := filepath.FromSlash(dir)
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && project != "" {
		root, _ := local(p.url)
		if _, err := os.Stat(filepath.FromSlash(root)); err != nil {
			return bad(err)
		}
		return nil, nil
	}
	if err != nil {
		return bad(err)
	}
	page := name
	if st.IsDir() {
		page = filepath.Join(name, "index.html")
	}
	if body, err := readFile(page); err == nil {
		if st.IsDir() {
			where = strings.TrimRight(where, "/") + "/index.html"
		}
		files, leftOut, err := parsePage(body, "text/html", where, project)
		if err != nil {
			return bad(err)
		}
		return (&stored{Files: files, LeftOut: leftOut}).project(p.url), nil
	} else if !st.IsDir() || !errors.Is(err, fs.ErrNotExist) {
		return bad(err)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return bad(err)
	}
	var links []link
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(name, e.Name())) // follows links
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		links = append(links, link{href: (&url.URL{Path: e.Name()}).EscapedPath(), sizeBytes: info.Size()})
	}
	slices.SortFunc(links, func(a, b link) int { return strings.Compare(a.href, b.href) })
	for i := range links { // "a:b.whl" would be a scheme
		links[i].href = "./" + links[i].href
	}
	files, leftOut := filesOf(links, strings.TrimRight(where, "/")+"/", "", project)
	return (&stored{Files: files, LeftOut: leftOut}).project(p.url), nil
}

func readFile(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxPageBytes {
		return nil, &LimitError{What: "page", Limit: maxPageBytes}
	}
	return os.ReadFile(name)
}
