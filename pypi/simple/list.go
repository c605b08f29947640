package simple

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/transport"
)

// maxPageBytes bounds one page: the greatest of PyPI has 30 MB.
const maxPageBytes = 256 << 20

// accept prefers JSON, which has sizes and upload times (PEP 691, "Version + format selection").
const accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

// list returns what the page at a URL holds, from the cache or the server; nil: there is no
// such page. Project is what it has to be about; empty: it is of find-links.
func (c *Client) list(ctx context.Context, p place, where, project string) (*Project, error) {
	act := "look for " + project
	if project == "" {
		act = "read the list of files"
	}
	if dir, ok := local(where); ok {
		return c.listFolder(act, p, dir, where, project)
	}
	key := pageKey(where, project)
	old, known := c.readPage(key)
	now := c.opts.Now()
	if known && (c.opts.Offline || !c.opts.Refresh && old.fresh(now)) {
		return old.project(p.url), nil
	}
	if c.opts.Offline {
		return nil, &Error{Act: act, URL: redact(where), Err: ErrOffline}
	}
	next, err := c.askPage(ctx, where, project, old, known)
	if err == nil {
		if err := c.writePage(key, next); err != nil {
			return nil, err
		}
		return next.project(p.url), nil
	}
	e := &Error{Act: act, URL: redact(where), Err: err}
	if status, ok := err.(statusError); ok { //nolint:errorlint // askPage returns it as it is
		e.Status, e.Err = int(status), nil
	}
	if ctx.Err() == nil && known && (e.Status == 0 && !isFormat(err) || transport.Again(e.Status)) {
		c.opts.Warn("%v; using what it said before", e)
		return old.project(p.url), nil
	}
	return nil, e
}

// A statusError is an answer that does not help.
type statusError int

func (s statusError) Error() string { return fmt.Sprint(int(s)) }

func isFormat(err error) bool {
	var format *FormatError
	var version *VersionError
	var limit *LimitError
	return errors.As(err, &format) || errors.As(err, &version) || errors.As(err, &limit)
}

// askPage asks the server. What breaks off, or is no page, is asked for again past the
// caches on the way.
func (c *Client) askPage(ctx context.Context, where, project string, old *stored, known bool) (*stored, error) {
	for try := 1; ; try++ {
		header := http.Header{"Accept": {accept}, "Accept-Encoding": {"gzip"}}
		if c.opts.Refresh || try > 1 {
			header.Set("Cache-Control", "no-cache")
		}
		if known && try == 1 {
			if old.ETag != "" {
				header.Set("If-None-Match", old.ETag)
			} else if old.LastModified != "" {
				header.Set("If-Modified-Since", old.LastModified)
			}
		}
		res, err := c.http.Get(ctx, where, header, known)
		if err != nil {
			return nil, err
		}
		next, err := c.takePage(res, project, old)
		var broken *transport.BrokenError
		if errors.As(err, &broken) && try < 3 {
			c.opts.Warn("%s: %v; asking again", redact(where), err)
			continue
		}
		return next, err
	}
}

func (c *Client) takePage(res *http.Response, project string, old *stored) (*stored, error) {
	defer res.Body.Close()
	now := c.opts.Now()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		next := *old
		next.answered(res, now)
		return &next, nil
	case http.StatusNotFound, http.StatusGone:
		// The only answers that mean that another place may have it: a place that refuses to say is
		// not passed over.
		next := &stored{Missing: true}
		next.answered(res, now)
		return next, nil
	default:
		_, _ = io.CopyN(io.Discard, res.Body, 1<<16) // so that the connection can be used again
		return nil, statusError(res.StatusCode)
	}
	at := res.Request.URL // after redirects, without credentials that were shown
	if err := c.secure(at); err != nil {
		return nil, err
	}
	body, err := readPage(res)
	if err != nil {
		return nil, err
	}
	next := &stored{}
	next.answered(res, now)
	where := *at
	where.User = nil
	next.Files, next.LeftOut, err = parsePage(body, res.Header.Get("Content-Type"), where.String(), project)
	c.leaveOutInsecure(next)
	return next, err
}

// leaveOutInsecure takes out files that would come over http with no hash to hold them against.
func (c *Client) leaveOutInsecure(s *stored) {
	s.Files = slices.DeleteFunc(s.Files, func(f File) bool {
		u, err := url.Parse(f.URL)
		if err != nil || !f.SHA256.IsZero() {
			return err != nil
		}
		insecure := c.secure(u)
		if insecure != nil {
			s.LeftOut = append(s.LeftOut, LeftOut{f.Name, insecure.Error() + ", and the page gives no sha256"})
		}
		return insecure != nil
	})
}

// readPage reads a body, which may be compressed.
func readPage(res *http.Response) ([]byte, error) {
	var r io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, &FormatError{Reason: "it cannot be decompressed: " + err.Error()}
		}
		r = z
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPageBytes+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &transport.BrokenError{Err: err}
	case err != nil:
		return nil, err
	case len(b) > maxPageBytes:
		return nil, &LimitError{What: "page", Limit: maxPageBytes}
	}
	return b, nil
}

// parsePage reads a page in either form. The type says which; a server that knows neither
// name is believed by what the body begins with, as is one that calls JSON what is HTML.
func parsePage(body []byte, contentType, at, project string) ([]File, []LeftOut, error) {
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	kind, params, _ := mime.ParseMediaType(contentType)
	var links []link
	var err error
	switch {
	case strings.HasPrefix(kind, "application/vnd.pypi.simple.") && !strings.HasPrefix(kind, "application/vnd.pypi.simple.v1+"):
		return nil, nil, &VersionError{Got: kind}
	case bytes.HasPrefix(trimmed, []byte("{")):
		links, err = parseJSON(trimmed, project)
	case strings.HasSuffix(kind, "json"):
		if bytes.HasPrefix(trimmed, []byte("<")) {
			return nil, nil, &FormatError{Reason: "it says that it is JSON, and it is a web page"}
		}
		links, err = parseJSON(trimmed, project)
	case kind == "" || strings.HasSuffix(kind, "html") || bytes.HasPrefix(trimmed, []byte("<")):
		if cs := strings.ToLower(params["charset"]); cs != "" && cs != "utf-8" && cs != "us-ascii" && cs != "iso-8859-1" {
			return nil, nil, &FormatError{Reason: "its charset is " + quoted(cs)}
		}
		links, at, err = parseHTML(trimmed, at, project != "")
	default:
		return nil, nil, &FormatError{Reason: fmt.Sprintf("it is of the type %s and begins with %s", quoted(contentType), quoted(start(trimmed)))}
	}
	if err != nil {
		return nil, nil, err
	}
	files, leftOut := filesOf(links, at, "", project)
	return files, leftOut, nil
}
