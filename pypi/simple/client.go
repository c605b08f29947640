package simple

import (
	"context"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/pypi/wheel"
	"github.com/nasa-openscapes/corn/transport"
)

// PyPI is the index that is asked where none is named.
const PyPI = "https://pypi.org/simple"

// A Cache keeps answers between runs. *cache.Cache is one; the terms of its methods are
// those of that type. It has to be safe for concurrent use.
type Cache interface {
	GetBytes(kind string, key digest.SHA256) ([]byte, error)
	PutBytes(kind string, key digest.SHA256, b []byte) error
	Find(want digest.Want) (cache.Blob, error)
	Put(ctx context.Context, r io.Reader, want digest.Want) (cache.Blob, error)
}

// Options of a Client. The zero value asks PyPI.
type Options struct {
	// Indexes are base URLs with http, https or file, in the order in which they are asked. User
	// info in them is shown to their host. Nil means PyPI; empty and not nil means none.
	Indexes []string
	// FindLinks are URLs of pages and folders, with file:// for folders of this machine. They
	// are asked before the indexes.
	FindLinks []string
	// TrustedHosts ("host" or "host:port") may be asked over http.
	TrustedHosts []string
	// UploadedBefore leaves out files that were uploaded at that time or later, and those of
	// which it is not known; zero means no limit.
	UploadedBefore time.Time

	Offline bool // nothing but the cache, however old it is
	Refresh bool // ask servers even where the cache is fresh
	// Transport is how servers are asked; its credentials count after those in Indexes.
	Transport transport.Options
	Now       func() time.Time // nil means time.Now
	// Warn is told what went wrong and was got around. It may be nil, is called concurrently, and is
	// shown no secret.
	Warn func(format string, args ...any)
}

// A Client asks indexes. It is safe for concurrent use, and answers the same to the same question
// as long as it lives.
type Client struct {
	cache  Cache
	opts   Options
	http   *transport.Client
	places []place

	mu       sync.Mutex
	projects map[string]*asked[*Project]
	metadata map[string]*asked[*wheel.Metadata] // by the file's URL
}

// A place is an index or a find-links place.
type place struct {
	url   string // without credentials and final slash
	index bool   // else a page or a folder of files
}

// asked is a question that is asked once.
type asked[T any] struct {
	mu     sync.Mutex
	done   bool
	answer T
	err    error
}

// once returns what ask answered the first time. An answer that ctx cut off is none: another question
// may have more time.
func (a *asked[T]) once(ctx context.Context, ask func() (T, error)) (T, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done {
		answer, err := ask()
		if ctx.Err() != nil {
			var none T
			return none, ctx.Err()
		}
		a.done, a.answer, a.err = true, answer, err
	}
	return a.answer, a.err
}

// New returns a client. A place that is no URL is a *PlaceError, one that is not to be asked over
// http an *Error that wraps an *InsecureError.
func New(c Cache, o Options) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	if o.Indexes == nil {
		o.Indexes = []string{PyPI}
	}
	cl := &Client{cache: c, opts: o, projects: map[string]*asked[*Project]{}, metadata: map[string]*asked[*wheel.Metadata]{}}
	var own transport.Credentials
	add := func(raw string, index bool) error {
		clean, cred, ok := transport.Split(raw)
		if ok && cred.Token == "" {
			// Files lie beside the index as often as below it, so all of its host is shown them, as by
			// pip; where two indexes of a host have other ones, each path its own first.
			all := cred
			all.Path = ""
			own = append(own, cred, all)
		} else if ok {
			own = append(own, cred)
		}
		clean = strings.TrimRight(clean, "/")
		u, err := url.Parse(clean)
		if err != nil || !slices.Contains([]string{"http", "https", "file"}, u.Scheme) || u.Scheme != "file" && u.Host == "" {
			return &PlaceError{Text: redact(raw)}
		}
		if err := cl.secure(u); err != nil {
			return &Error{Act: "ask the index", URL: redact(clean), Err: err}
		}
		if p := (place{clean, index}); !slices.Contains(cl.places, p) {
			cl.places = append(cl.places, p)
		}
		return nil
	}
	for _, f := range o.FindLinks {
		if err := add(f, false); err != nil {
			return nil, err
		}
	}
	for _, i := range o.Indexes {
		if err := add(i, true); err != nil {
			return nil, err
		}
	}
	t := o.Transport
	t.Credentials = append(own, t.Credentials...)
	if t.Warn == nil {
		t.Warn = o.Warn
	}
	var err error
	cl.http, err = transport.New(t)
	return cl, err
}

// A PlaceError reports a text that is no URL of an index.
type PlaceError struct{ Text string }

func (e *PlaceError) Error() string {
	return quoted(e.Text) + " is no URL of a package index: want http, https or file"
}

// secure refuses to ask over http where the answer leaves this machine.
func (c *Client) secure(u *url.URL) error {
	h := u.Hostname()
	if u.Scheme != "http" || h == "localhost" || h == "::1" || strings.HasPrefix(h, "127.") ||
		slices.Contains(c.opts.TrustedHosts, h) || slices.Contains(c.opts.TrustedHosts, u.Host) {
		return nil
	}
	return &InsecureError{Host: u.Host}
}

// Places are what the client asks, in order and without credentials.
func (c *Client) Places() []string {
	out := make([]string, len(c.places))
	for i, p := range c.places {
		out[i] = p.url
	}
	return out
}

// HTTP is how the client asks, with the credentials of its indexes.
func (c *Client) HTTP() *transport.Client { return c.http }

// Project returns what the first place that has the name has of it. The name may be written
// in any form. A project that no place has is a *NotFoundError; a place that cannot be asked
// an *Error, and no later one is asked then. The result is shared: it is not to be changed.
func (c *Client) Project(ctx context.Context, name string) (*Project, error) {
	name = wheel.NormalizeName(name)
	c.mu.Lock()
	a := c.projects[name]
	if a == nil {
		a = &asked[*Project]{}
		c.projects[name] = a
	}
	c.mu.Unlock()
	return a.once(ctx, func() (*Project, error) { return c.find(ctx, name) })
}

func (c *Client) find(ctx context.Context, name string) (*Project, error) {
	if !goodProject(name) {
		return nil, &NotFoundError{Name: quoted(name), Places: c.Places()}
	}
	for _, p := range c.places {
		found, err := c.at(ctx, p, name)
		if err != nil {
			return nil, err
		}
		if found != nil {
			found.Name, found.Place = name, p.url
			c.cutOff(found)
			return found, nil
		}
	}
	return nil, &NotFoundError{Name: name, Places: c.Places()}
}

// goodProject refuses names that would be other paths in a URL.
func goodProject(name string) bool {
	for i := range len(name) {
		b := name[i]
		if b != '-' && (b < '0' || b > '9') && (b < 'a' || b > 'z') {
			return false
		}
	}
	return name != "" && len(name) <= 200
}

// at asks one place; nil: it does not have the project.
func (c *Client) at(ctx context.Context, p place, name string) (*Project, error) {
	where, project := p.url+"/", ""
	if p.index {
		where, project = p.url+"/"+name+"/", name
	} else if isPage(p.url) {
		where = p.url
	}
	list, err := c.list(ctx, p, where, project)
	if err != nil || list == nil {
		return nil, err
	}
	if p.index {
		return list, nil
	}
	out := &Project{LeftOut: list.LeftOut}
	for _, f := range list.Files {
		if f.Kind == Sdist { // on a page of many its name has to be parted anew
			own, ok, other, reason := classify(f.Name, name)
			if !ok || other || reason != "" {
				continue
			}
			f.Project, f.Version = own.Project, own.Version
		}
		if f.Project == name {
			out.Files = append(out.Files, f)
		}
	}
	if len(out.Files) == 0 {
		return nil, nil
	}
	return out, nil
}

// isPage tells whether a find-links place is one page, as its name says.
func isPage(at string) bool {
	return strings.HasSuffix(at, ".html") || strings.HasSuffix(at, ".htm")
}

// cutOff leaves out what was uploaded too late.
func (c *Client) cutOff(p *Project) {
	if c.opts.UploadedBefore.IsZero() {
		return
	}
	kept := make([]File, 0, len(p.Files))
	for _, f := range p.Files {
		switch {
		case f.Uploaded.IsZero():
			p.LeftOut = append(p.LeftOut, LeftOut{f.Name, "the index does not say when it was uploaded"})
		case !f.Uploaded.Before(c.opts.UploadedBefore):
			p.LeftOut = append(p.LeftOut, LeftOut{f.Name, "it was uploaded at " + f.Uploaded.Format(time.RFC3339)})
		default:
			kept = append(kept, f)
		}
	}
	p.Files = kept
}

// local returns the path of a file URL.
func local(rawURL string) (string, bool) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return u.Path, true
}
