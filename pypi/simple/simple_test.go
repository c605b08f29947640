package simple_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/indextest"
	"github.com/nasa-openscapes/corn/pypi/simple"
	"github.com/nasa-openscapes/corn/transport"
)

const world = `
-- tool-1.0-py3-none-any.whl --
requires: click>=8
requires: rich; extra == "pretty"
extra: pretty
requires-python: >=3.8
upload-time: 2024-01-02T03:04:05Z
-- tool-1.0-py3-none-any.whl/tool/__init__.py --
print("tool")
-- tool-1.1-py3-none-any.whl --
requires: click>=8.1
yanked: it <broke> everything
upload-time: 2024-03-02T03:04:05Z
-- tool-1.1.tar.gz --
upload-time: 2024-03-02T03:04:05Z
-- tool-1.1.tar.gz/setup.py --
-- Other.Name-2.0+local.1-py3-none-any.whl --
version: 2.0+local.1
-- Other.Name-2.0+local.1-py3-none-any.whl/other.py --
`

func openCache(t testing.TB, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// client asks with short pauses.
func client(t testing.TB, c *cache.Cache, o simple.Options) *simple.Client {
	t.Helper()
	o.Transport.RetryWait = time.Millisecond
	cl, err := simple.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func names(p *simple.Project) []string {
	var out []string
	for _, f := range p.Files {
		out = append(out, f.Name)
	}
	return out
}

// Both forms say the same but for what HTML has no place for.
func TestJSONAndHTMLSayTheSame(t *testing.T) {
	var got [2]*simple.Project
	for i, o := range []indextest.ServeOptions{{JSONOnly: true}, {HTMLOnly: true}} {
		s := indextest.NewWith(t, indextest.Options{}, o, world)
		p, err := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}}).Project(t.Context(), "Tool")
		if err != nil {
			t.Fatal(err)
		}
		p.Place = strings.ReplaceAll(p.Place, s.URL, "URL")
		for j := range p.Files {
			f := &p.Files[j]
			f.URL, f.Place = strings.ReplaceAll(f.URL, s.URL, "URL"), strings.ReplaceAll(f.Place, s.URL, "URL")
			if o.JSONOnly && (f.SizeBytes == 0 || f.Uploaded.IsZero()) {
				t.Errorf("JSON: %s has size %d, uploaded %v", f.Name, f.SizeBytes, f.Uploaded)
			}
			f.SizeBytes, f.Uploaded = 0, time.Time{}
		}
		got[i] = p
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("JSON and HTML differ (-JSON +HTML):\n%s", diff)
	}
	f := got[0].Files[0]
	if f.Kind != simple.Wheel || f.Version != "1.0" || f.RequiresPython != ">=3.8" || !f.HasMetadata || f.MetadataSHA256.IsZero() || f.SHA256.IsZero() || f.URL != "URL/files/tool-1.0-py3-none-any.whl" {
		t.Errorf("first file: %+v", f)
	}
	if f := got[0].Files[1]; !f.Yanked || f.YankedReason != "it <broke> everything" {
		t.Errorf("yanked: %+v", f)
	}
	if f := got[0].Files[2]; f.Kind != simple.Sdist || f.Version != "1.1" {
		t.Errorf("sdist: %+v", f)
	}
}

// Whatever a server can do, the metadata comes out the same, and the cache is asked first.
func TestMetadata(t *testing.T) {
	big := world + "-- big-1.0-py3-none-any.whl --\nrequires: click\n"
	for i := range 900 { // a directory that does not fit into the first range
		big += fmt.Sprintf("-- big-1.0-py3-none-any.whl/big/a_rather_long_name_of_a_module_%04d.py --\nx = %d\n", i, i)
	}
	for _, c := range []struct {
		name      string
		o         indextest.Options
		so        indextest.ServeOptions
		requests  int // at most, for the metadata of big
		wholeGets bool
	}{
		{"a file beside it", indextest.Options{}, indextest.ServeOptions{}, 1, false},
		{"ranges", indextest.Options{NoMetadata: true}, indextest.ServeOptions{}, 5, false},
		{"ranges, size unknown", indextest.Options{NoMetadata: true}, indextest.ServeOptions{HTMLOnly: true}, 5, false},
		{"the whole wheel", indextest.Options{NoMetadata: true}, indextest.ServeOptions{NoRanges: true}, 2, true},
		{"the whole wheel without a hash", indextest.Options{NoMetadata: true, NoHashes: true}, indextest.ServeOptions{NoRanges: true}, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := indextest.NewWith(t, c.o, c.so, big)
			ca := openCache(t, t.TempDir())
			cl := client(t, ca, simple.Options{Indexes: []string{s.Index()}})
			for _, name := range []string{"tool", "big", "other_name"} {
				p, err := cl.Project(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				s.Forget()
				m, err := cl.Metadata(t.Context(), &p.Files[0])
				if err != nil {
					t.Fatal(err)
				}
				if m.Name != s.Dist(t, p.Files[0].Name).Name || name == "tool" && cmp.Diff([]string{"click>=8", `rich; extra == "pretty"`}, m.Requires) != "" {
					t.Errorf("metadata of %s: %+v", name, m)
				}
				if n := len(s.Requests()); n > c.requests {
					t.Errorf("%s: %d requests, want at most %d", name, n, c.requests)
				}
				if name == "big" && !c.wholeGets {
					for _, r := range s.Requests() {
						if strings.HasSuffix(r.Path, ".whl") && r.Status != http.StatusPartialContent {
							t.Errorf("%s was fetched whole", r.Path)
						}
					}
				}
				s.Forget()
				again := client(t, ca, simple.Options{Indexes: []string{s.Index()}})
				m2, err := again.Metadata(t.Context(), &p.Files[0])
				if diff := cmp.Diff(m, m2); err != nil || diff != "" {
					t.Errorf("from the cache: %v, (-first +second)\n%s", err, diff)
				}
				if n := len(s.Requests()); n != 0 {
					t.Errorf("%d requests for what the cache holds", n)
				}
			}
		})
	}
}

// The first place that has the name is the one it comes from: a public index cannot
// offer a newer version of a private project.
func TestFirstPlaceWins(t *testing.T) {
	private := indextest.New(t, "-- acme-1.0-py3-none-any.whl --\n")
	public := indextest.New(t, "-- acme-99.0-py3-none-any.whl --\n-- click-8.1-py3-none-any.whl --\n")
	o := simple.Options{Indexes: []string{private.Index(), public.Index()}}
	cl := client(t, openCache(t, t.TempDir()), o)
	p, err := cl.Project(t.Context(), "acme")
	if err != nil || cmp.Diff([]string{"acme-1.0-py3-none-any.whl"}, names(p)) != "" {
		t.Errorf("acme: %v, %v", p, err)
	}
	if p, err = cl.Project(t.Context(), "click"); err != nil || p.Place != public.Index() {
		t.Errorf("click: %v, %v; want it from the second index", p, err)
	}
	var nf *simple.NotFoundError
	if _, err := cl.Project(t.Context(), "nobody"); !errors.As(err, &nf) || len(nf.Places) != 2 {
		t.Errorf("nobody: %v, want a *NotFoundError of two places", err)
	}
	// A place that does not answer, or refuses to, is not passed over.
	for _, fault := range []channeltest.FaultKind{channeltest.Status500, channeltest.Status429} {
		private.Fail(channeltest.Fault{Path: "/simple/*/*", Kind: fault})
		var e *simple.Error
		if p, err := client(t, openCache(t, t.TempDir()), o).Project(t.Context(), "acme"); !errors.As(err, &e) || e.Status == 0 {
			t.Errorf("acme of an index that is down: %v, %v; want an *Error", p, err)
		}
		private.Heal()
	}
	locked := indextest.NewWith(t, indextest.Options{}, indextest.ServeOptions{User: "u", Password: "hunter2"}, "-- acme-1.0-py3-none-any.whl --\n")
	var e *simple.Error
	_, err = client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{locked.Index(), public.Index()}}).Project(t.Context(), "acme")
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized || !strings.Contains(e.Hint(), "netrc") {
		t.Errorf("acme of an index that wants a password: %v", err)
	}
}

// User info of an index is shown to its host, for files too, and never told.
func TestCredentials(t *testing.T) {
	s := indextest.NewWith(t, indextest.Options{}, indextest.ServeOptions{User: "u", Password: "hunter2"}, world)
	with := strings.Replace(s.Index(), "http://", "http://u:hunter2@", 1)
	cl := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{with}})
	p, err := cl.Project(t.Context(), "tool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Metadata(t.Context(), &p.Files[0]); err != nil {
		t.Error(err)
	}
	if all := fmt.Sprintf("%+v %v", p, cl.Places()); strings.Contains(all, "hunter2") {
		t.Errorf("the password stands in %s", all)
	}
	wrong := strings.Replace(s.Index(), "http://", "http://u:hunter3@", 1)
	_, err = client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{wrong}}).Project(t.Context(), "tool")
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("a wrong password: %v", err)
	}
	cs, err := transport.ParseNetrc([]byte("machine 127.0.0.1 login u password hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}, Transport: transport.Options{Credentials: cs}}).Project(t.Context(), "tool"); err != nil {
		t.Errorf("with netrc: %v", err)
	}
}

// Fresh pages are not asked for, old ones with their tag, and offline what is there counts.
func TestCacheAndOffline(t *testing.T) {
	s := indextest.New(t, world)
	dir := t.TempDir()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ask := func(o simple.Options) (*simple.Project, error) {
		o.Indexes, o.Now = []string{s.Index()}, func() time.Time { return now }
		return client(t, openCache(t, dir), o).Project(t.Context(), "tool")
	}
	if _, err := ask(simple.Options{Offline: true}); !errors.Is(err, simple.ErrOffline) {
		t.Errorf("offline with nothing: %v", err)
	}
	first, err := ask(simple.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Forget()
	second, err := ask(simple.Options{})
	if diff := cmp.Diff(first, second); err != nil || diff != "" || len(s.Requests()) != 0 {
		t.Errorf("fresh: %v, %d requests, (-first +second)\n%s", err, len(s.Requests()), diff)
	}
	now = now.Add(time.Hour)
	if _, err := ask(simple.Options{}); err != nil {
		t.Error(err)
	}
	if r := s.Requests(); len(r) != 1 || r[0].Status != http.StatusNotModified {
		t.Errorf("an hour later: %+v, want one 304", r)
	}
	now = now.Add(time.Hour)
	s.Fail(channeltest.Fault{Path: "/simple/*/*", Kind: channeltest.Status500})
	var warned []string
	var mu sync.Mutex
	got, err := ask(simple.Options{Warn: func(f string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		warned = append(warned, fmt.Sprintf(f, args...))
	}})
	if diff := cmp.Diff(first, got); err != nil || diff != "" || !strings.Contains(strings.Join(warned, "\n"), "using what it said before") {
		t.Errorf("a broken server: %v, warned %q\n%s", err, warned, diff)
	}
	if got, err = ask(simple.Options{Offline: true}); err != nil || len(got.Files) != 3 {
		t.Errorf("offline: %v, %v", got, err)
	}
	s.Heal()
	s.Forget()
	if _, err := ask(simple.Options{Refresh: true}); err != nil || len(s.Requests()) != 1 {
		t.Errorf("refresh: %v, %d requests", err, len(s.Requests()))
	}
}

// Broken connections, faults and lies.
func TestFaults(t *testing.T) {
	s := indextest.New(t, world)
	ask := func() error {
		cl := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}})
		p, err := cl.Project(t.Context(), "tool")
		if err == nil {
			_, err = cl.Metadata(t.Context(), &p.Files[0])
		}
		return err
	}
	meta := "/files/tool-1.0-py3-none-any.whl.metadata"
	for _, f := range []channeltest.Fault{
		{Path: "/simple/*/*", Kind: channeltest.Truncate, After: 20, Times: 1},
		{Path: "/simple/*/*", Kind: channeltest.Status500, Times: 2},
		{Path: "/simple/*/*", Kind: channeltest.Status429, Times: 2},
		{Path: meta, Kind: channeltest.Truncate, After: 5, Times: 1},
		{Path: meta, Kind: channeltest.Corrupt, After: 70, Times: 1},
		{Path: meta, Kind: channeltest.NotFound}, // the wheel is read
	} {
		s.Fail(f)
		if err := ask(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		s.Heal()
	}
	s.Fail(channeltest.Fault{Path: meta, Kind: channeltest.Corrupt, After: 70})
	var mismatch *digest.MismatchError
	if err := ask(); !errors.As(err, &mismatch) || mismatch.What != "sha256" {
		t.Errorf("wrong metadata twice: %v, want a *digest.MismatchError", err)
	}
}

func TestLies(t *testing.T) {
	for _, c := range []struct{ name, world, want string }{
		{"metadata of another project", "-- a-1.0-py3-none-any.whl --\nmetadata: Name: b\\nVersion: 1.0\\n\n", "sha256"},
		{"the wheel's own metadata is of another project", "-- a-1.0-py3-none-any.whl --\nname: b\n", "is of \"b 1.0\""},
		{"the wheel's own metadata is of another version", "-- a-1.0-py3-none-any.whl --\nversion: 2.0\n", "is of \"a 2.0\""},
		{"size", "-- a-1.0-py3-none-any.whl --\nmetadata: none\nsize: 100000\n", "want 100000, got 792"},
		{"size, too small", "-- a-1.0-py3-none-any.whl --\nmetadata: none\nsize: 10\n", "want 10, got"},
		{"a wheel without metadata", "-- a-1.0-py3-none-any.whl --\nmetadata: none\n-- a-1.0-py3-none-any.whl/@info/METADATA --\n", "no Name or no Version"},
		{"two dist-info", "-- a-1.0-py3-none-any.whl --\nmetadata: none\n-- a-1.0-py3-none-any.whl/b-1.0.dist-info/METADATA --\nName: b\nVersion: 1\n", "the wheel has"},
	} {
		s := indextest.New(t, c.world)
		cl := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}})
		p, err := cl.Project(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		var e *simple.Error
		_, err = cl.Metadata(t.Context(), &p.Files[0])
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an *Error with %q", c.name, err, c.want)
		}
	}
}

// A page that is none is told from one that has nothing.
func TestPages(t *testing.T) {
	json := func(files string) string {
		return `{"meta":{"api-version":"1.0"},"name":"A","files":[` + files + `]}`
	}
	var format *simple.FormatError
	var version *simple.VersionError
	for _, c := range []struct {
		name, kind, body string
		err              any
		files, leftOut   int
		want             string
	}{
		{"a login page", "text/html", "<html><title>Please log in</title><form></form>", &format, 0, 0, "Please log in"},
		{"an empty project", "text/html", `<meta name="pypi:repository-version" content="1.0">`, nil, 0, 0, ""},
		{"JSON of version 2", "application/vnd.pypi.simple.v1+json", `{"meta":{"api-version":"2.0"},"name":"a","files":[]}`, &version, 0, 0, "2.0"},
		{"a type of version 2", "application/vnd.pypi.simple.v2+json", `{}`, &version, 0, 0, "v2"},
		{"HTML of version 2", "text/html", `<meta name="pypi:repository-version" content="2.0">`, &version, 0, 0, "2.0"},
		{"HTML that is called JSON", "application/json", "<html>", &format, 0, 0, "web page"},
		{"JSON that is called text", "text/plain", json(""), nil, 0, 0, ""},
		{"JSON that breaks off", "application/json", `{"meta":`, &format, 0, 0, "JSON"},
		{"JSON of another project", "application/json", `{"meta":{"api-version":"1.0"},"name":"b","files":[]}`, &format, 0, 0, `about "b"`},
		{"JSON of another shape", "application/json", `{"meta":{"api-version":"1.0"},"name":"a","files":{}}`, &format, 0, 0, "files"},
		{"something else", "image/png", "\x89PNG", &format, 0, 0, "image/png"},
		{"UTF-16", "text/html; charset=utf-16", "<", &format, 0, 0, "utf-16"},
		{"hostile names", "text/html", `<a href="../../../etc/passwd">x</a><a href="a-1.0-py3-none-any.whl">ok</a>` +
			`<a href="a-1.0%2f..%2f..%2fetc-py3-none-any.whl">x</a><a href="a-1.0-py3-none-any%0a.whl">x</a><a href="javascript:a-1.tar.gz">x</a>`, nil, 1, 2, ""},
		{"hostile names in JSON", "application/json", json(`{"filename":"../a-1.0.tar.gz","url":"a-1.0.tar.gz","hashes":{}},{"filename":"a-1.0.tar.gz","url":"file:///etc/passwd","hashes":{}},` +
			`{"filename":"a-1.0-py3-none-any.whl","url":"x.whl","hashes":{"sha256":"zz"}},{"filename":"b-1.0.tar.gz","url":"b-1.0.tar.gz","hashes":{}},{"filename":"a-2.0.tar.gz","url":"a-2.0.tar.gz","hashes":{}}`), nil, 1, 4, ""},
		{"eggs and others", "text/html", `<a href="a-1.0-py2.7.egg">x</a><a href="a-1.0.win32.exe">x</a><a href="a-1.0.zip">x</a><a href="/">up</a>`, nil, 1, 0, ""},
		{"a base", "text/html", `<base href="https://files.example/x/"><a href="a-1.0.zip">x</a>`, nil, 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				fmt.Fprint(w, c.body)
			}))
			defer srv.Close()
			p, err := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{srv.URL}}).Project(t.Context(), "a")
			switch {
			case c.err != nil:
				var e *simple.Error
				if !errors.As(err, &e) || !errors.As(err, c.err) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want an *Error around a %T with %q", err, c.err, c.want)
				}
			case err != nil:
				t.Error(err)
			case len(p.Files) != c.files || len(p.LeftOut) != c.leftOut:
				t.Errorf("%d files and %d left out, want %d and %d: %+v", len(p.Files), len(p.LeftOut), c.files, c.leftOut, p)
			}
		})
	}
}

func TestFindLinks(t *testing.T) {
	s := indextest.New(t, world)
	dir := filepath.Join(s.Dir, "files")
	page := `<a href="files/tool-1.0-py3-none-any.whl#sha256=` + s.SHA256(t, "tool-1.0-py3-none-any.whl") + `">t</a> <a href="x.html">x</a>`
	if err := os.WriteFile(filepath.Join(s.Dir, "links.html"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   string
		want []string
	}{
		{"file://" + dir, []string{"tool-1.0-py3-none-any.whl", "tool-1.1-py3-none-any.whl", "tool-1.1.tar.gz"}},
		{"file://" + filepath.Join(s.Dir, "links.html"), []string{"tool-1.0-py3-none-any.whl"}},
		{s.URL + "/links.html", []string{"tool-1.0-py3-none-any.whl"}},
	} {
		cl := client(t, openCache(t, t.TempDir()), simple.Options{FindLinks: []string{c.at}, Indexes: []string{}})
		p, err := cl.Project(t.Context(), "tool")
		if err != nil {
			t.Errorf("%s: %v", c.at, err)
			continue
		}
		if diff := cmp.Diff(c.want, names(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.at, diff)
		}
		if m, err := cl.Metadata(t.Context(), &p.Files[0]); err != nil || m.Version != "1.0" {
			t.Errorf("%s: metadata %v, %v", c.at, m, err)
		}
		sum, size, err := cl.Hash(t.Context(), &p.Files[0])
		if err != nil || sum.String() != s.SHA256(t, "tool-1.0-py3-none-any.whl") {
			t.Errorf("%s: Hash = %s, %d, %v", c.at, sum, size, err)
		}
	}
	if _, err := client(t, openCache(t, t.TempDir()), simple.Options{FindLinks: []string{"file:///nowhere/at/all"}, Indexes: []string{}}).Project(t.Context(), "a"); err == nil {
		t.Error("a folder that is not there is no error")
	}
	// An index that is a folder.
	p, err := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{"file://" + s.Dir + "/simple"}}).Project(t.Context(), "other.name")
	if err != nil || len(p.Files) != 1 || p.Files[0].Version != "2.0+local.1" {
		t.Errorf("a folder as an index: %+v, %v", p, err)
	}
}

func TestUploadedBefore(t *testing.T) {
	s := indextest.New(t, world)
	p, err := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}, UploadedBefore: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)}).Project(t.Context(), "tool")
	if err != nil || cmp.Diff([]string{"tool-1.0-py3-none-any.whl"}, names(p)) != "" || len(p.LeftOut) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestRefusedPlaces(t *testing.T) {
	c := openCache(t, t.TempDir())
	var place *simple.PlaceError
	var insecure *simple.InsecureError
	if _, err := simple.New(c, simple.Options{Indexes: []string{"pypi.org/simple"}}); !errors.As(err, &place) {
		t.Errorf("no URL: %v", err)
	}
	if _, err := simple.New(c, simple.Options{Indexes: []string{"http://u:SECRET@pypi.example/simple"}}); !errors.As(err, &insecure) || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("http: %v", err)
	}
	if _, err := simple.New(c, simple.Options{Indexes: []string{"http://pypi.example/simple"}, TrustedHosts: []string{"pypi.example"}}); err != nil {
		t.Errorf("a trusted host: %v", err)
	}
}

// A hash that is not SHA-256 is checked where it is all there is.
func TestHashOfOtherAlgorithms(t *testing.T) {
	s := indextest.New(t, world)
	for _, c := range []struct {
		md5  string
		good bool
	}{{"", true}, {strings.Repeat("0", 32), false}} {
		f := simple.File{Name: "tool-1.0-py3-none-any.whl", Kind: simple.Wheel, URL: s.URL + "/files/tool-1.0-py3-none-any.whl"}
		if c.md5 != "" {
			f.Hashes = map[string]string{"md5": c.md5}
		}
		sum, _, err := client(t, openCache(t, t.TempDir()), simple.Options{}).Hash(t.Context(), &f)
		var mismatch *digest.MismatchError
		if c.good != (err == nil) || !c.good && !errors.As(err, &mismatch) || c.good && sum.String() != s.SHA256(t, f.Name) {
			t.Errorf("md5 %q: %s, %v", c.md5, sum, err)
		}
	}
}

// A question that was given up does not answer those that come after it.
func TestCancelled(t *testing.T) {
	s := indextest.New(t, world)
	cl := client(t, openCache(t, t.TempDir()), simple.Options{Indexes: []string{s.Index()}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cl.Project(ctx, "tool"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := cl.Project(t.Context(), "tool"); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// What a real index's page of thousands of files costs out of the cache.
func BenchmarkWarmProject(b *testing.B) {
	var w strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&w, "-- many-%d.0-py3-none-any.whl --\nrequires-python: >=3.8\n", i)
	}
	s := indextest.New(b, w.String())
	dir := b.TempDir()
	if _, err := client(b, openCache(b, dir), simple.Options{Indexes: []string{s.Index()}}).Project(b.Context(), "many"); err != nil {
		b.Fatal(err)
	}
	c := openCache(b, dir)
	for b.Loop() {
		p, err := client(b, c, simple.Options{Indexes: []string{s.Index()}}).Project(b.Context(), "many")
		if err != nil || len(p.Files) != 1000 {
			b.Fatal(err)
		}
	}
}
