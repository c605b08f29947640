package simple

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/transport"
)

// Kinds of values in the cache: docs/formats/cache.md.
const (
	kindPage     = "pypi-page"     // key: the page's URL; what it said
	kindMetadata = "pypi-metadata" // key: the file's SHA-256, or its URL; METADATA without the description
)

// stored is a page as the cache keeps it: a line of JSON about the answer, then a line for each
// file. Text that is cut at tabs is read ten times as fast as JSON, and a warm resolve reads
// hundreds of pages.
type stored struct {
	Missing      bool      `json:"missing,omitempty"` // there is no such page
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	CheckedUnix  int64     `json:"checked"` // this machine's clock, in seconds
	FreshSeconds int64     `json:"fresh,omitempty"`
	LeftOut      []LeftOut `json:"left_out,omitempty"`
	Files        []File    `json:"-"`
}

const storedVersion = 1

// pageKey depends on what the page was read as, too: a URL may be an index's and find-links'.
func pageKey(where, project string) digest.SHA256 {
	return digest.NewKey("pypi page").Int("version", storedVersion).Str("url", where).Str("project", project).Key()
}

// answered notes what an answer says about asking again.
func (s *stored) answered(res *http.Response, now time.Time) {
	h := res.Header
	if v := h.Get("ETag"); v != "" || res.StatusCode == http.StatusOK {
		s.ETag = v
	}
	if v := h.Get("Last-Modified"); v != "" || res.StatusCode == http.StatusOK {
		s.LastModified = v
	}
	s.CheckedUnix, s.FreshSeconds = now.Unix(), transport.FreshSeconds(h)
}

// fresh tells whether the server said that the page may be used without asking. A clock that
// has been set back since tells nothing.
func (s *stored) fresh(now time.Time) bool {
	age := now.Unix() - s.CheckedUnix
	return s.FreshSeconds > 0 && age >= 0 && age < s.FreshSeconds
}

// project is the page as it is handed out; nil: there is none.
func (s *stored) project(place string) *Project {
	if s.Missing {
		return nil
	}
	p := &Project{Files: s.Files, LeftOut: s.LeftOut}
	for i := range p.Files {
		p.Files[i].Place = place
	}
	return p
}

func (c *Client) writePage(key digest.SHA256, s *stored) error {
	head, err := json.Marshal(s)
	if err != nil {
		return err
	}
	b := append(head, '\n')
	for i := range s.Files {
		b = s.Files[i].append(b)
	}
	return c.cache.PutBytes(kindPage, key, b)
}

// readPage returns what is remembered. Anything odd is as good as never seen.
func (c *Client) readPage(key digest.SHA256) (*stored, bool) {
	b, err := c.cache.GetBytes(kindPage, key)
	if err != nil {
		return nil, false
	}
	head, rest, _ := strings.Cut(string(b), "\n")
	s := &stored{}
	if json.Unmarshal([]byte(head), s) != nil {
		return nil, false
	}
	s.Files = make([]File, 0, strings.Count(rest, "\n"))
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		f, ok := parseStored(line)
		if !ok {
			return nil, false
		}
		s.Files = append(s.Files, f)
	}
	return s, true
}

// append prints f as a line. None of its texts holds a tab or a line feed: names and texts were
// checked, and URLs escape them.
func (f *File) append(b []byte) []byte {
	field := func(s string) { b = append(append(b, s...), '\t') }
	field(f.Name)
	field(f.Project)
	field(string(f.Kind))
	field(f.Version)
	field(f.URL)
	if f.SHA256.IsZero() {
		field("")
	} else {
		field(f.SHA256.String())
	}
	var hashes []string
	for _, name := range []string{"md5", "sha1", "sha224", "sha384", "sha512"} {
		if v := f.Hashes[name]; v != "" {
			hashes = append(hashes, name+"="+v)
		}
	}
	field(strings.Join(hashes, ","))
	field(strconv.FormatInt(f.SizeBytes, 10))
	field(f.RequiresPython)
	if f.Yanked {
		field("y" + f.YankedReason)
	} else {
		field("")
	}
	if f.Uploaded.IsZero() {
		field("")
	} else {
		field(strconv.FormatInt(f.Uploaded.UnixMicro(), 10))
	}
	switch {
	case !f.HasMetadata:
	case f.MetadataSHA256.IsZero():
		b = append(b, 'm')
	default:
		b = append(append(b, 'm'), f.MetadataSHA256.String()...)
	}
	return append(b, '\n')
}

func parseStored(line string) (f File, ok bool) {
	var t [12]string
	rest := line
	for i := range t {
		t[i], rest, ok = strings.Cut(rest, "\t")
		if ok != (i < len(t)-1) {
			return f, false
		}
	}
	f = File{Name: t[0], Project: t[1], Kind: Kind(t[2]), Version: t[3], URL: t[4], RequiresPython: t[8]}
	var err error
	if t[5] != "" {
		if f.SHA256, err = digest.Parse(t[5]); err != nil {
			return f, false
		}
	}
	if t[6] != "" {
		f.Hashes = map[string]string{}
		for part := range strings.SplitSeq(t[6], ",") {
			k, v, _ := strings.Cut(part, "=")
			f.Hashes[k] = v
		}
	}
	if f.SizeBytes, err = strconv.ParseInt(t[7], 10, 64); err != nil {
		return f, false
	}
	f.YankedReason, f.Yanked = strings.CutPrefix(t[9], "y")
	if !f.Yanked {
		f.YankedReason = ""
	}
	if t[10] != "" {
		micros, err := strconv.ParseInt(t[10], 10, 64)
		if err != nil {
			return f, false
		}
		f.Uploaded = time.UnixMicro(micros).UTC()
	}
	if sum, has := strings.CutPrefix(t[11], "m"); has {
		f.HasMetadata = true
		if sum != "" {
			if f.MetadataSHA256, err = digest.Parse(sum); err != nil {
				return f, false
			}
		}
	}
	return f, true
}
