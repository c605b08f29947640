package channel_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/channel"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// world is a channel of a few packages: app needs lib and tool, lib needs base.
const world = `
-- app-1.0-h0_0.conda --
depends: lib >=1
depends: tool
depends: __glibc >=2.17
constrains: bystander >=2
-- app-1.1-h0_0.conda --
depends: lib >=2
-- lib-2.0-h0_0.conda --
depends: base
-- lib-1.0-h0_0.tar.bz2 --
depends: base
-- base-1.0-h0_0.conda --
-- tool-3.0-pyh_0.conda --
noarch: python
-- bystander-1.0-h0_0.conda --
-- island-1.0-h0_0.conda --
`

// publish writes the world into a folder and returns it.
func publish(t testing.TB, txtar string) string {
	t.Helper()
	archives, err := channeltest.FromTxtar([]byte(txtar))
	if err != nil {
		t.Fatalf("FromTxtar: %v", err)
	}
	dir := t.TempDir()
	if _, err := channeltest.Publish(dir, archives); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return dir
}

// served is a channel on a real server, and what is needed to open it.
type served struct {
	*channeltest.Handler
	dir, url string
	cache    *cache.Cache
	opts     channel.Options

	mu       sync.Mutex
	warnings []string
}

func serve(t testing.TB, o channeltest.Options) *served {
	t.Helper()
	s := &served{dir: publish(t, world), cache: openCache(t)}
	s.Handler = channeltest.NewHandler(s.dir, o)
	srv := httptest.NewServer(s.Handler)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	s.opts = channel.Options{RetryWait: time.Millisecond, Warn: s.warn}
	return s
}

func (s *served) warn(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

func (s *served) warned(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.warnings, func(w string) bool { return strings.Contains(w, part) })
}

// without removes forms of the index.
func (s *served) without(t testing.TB, names ...string) {
	t.Helper()
	for _, sub := range []string{"linux-64", "noarch"} {
		for _, n := range names {
			if err := os.RemoveAll(filepath.Join(s.dir, sub, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (s *served) open(t testing.TB) *channel.Set {
	t.Helper()
	set, err := channel.Open(context.Background(), s.cache, []string{s.url}, linux, s.opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(set.Close)
	return set
}

// files are the names of the records of names.
func files(t testing.TB, set *channel.Set, names ...string) string {
	t.Helper()
	var all []string
	for _, n := range names {
		for _, r := range set.Records(n) {
			all = append(all, string(r.Subdir)+"/"+r.FileName)
		}
	}
	if err := set.Err(); err != nil {
		t.Errorf("Err() = %v", err)
	}
	return strings.Join(all, " ")
}

const allFiles = "linux-64/app-1.0-h0_0.conda linux-64/app-1.1-h0_0.conda linux-64/lib-1.0-h0_0.tar.bz2 linux-64/lib-2.0-h0_0.conda linux-64/base-1.0-h0_0.conda noarch/tool-3.0-pyh_0.conda"

// check asks for the closure of app and compares.
func check(t testing.TB, set *channel.Set) {
	t.Helper()
	if err := set.Closure(context.Background(), "app >=1"); err != nil {
		t.Fatalf("Closure: %v", err)
	}
	if got := files(t, set, "app", "lib", "base", "tool"); got != allFiles {
		t.Errorf("got  %s\nwant %s", got, allFiles)
	}
}

var formNames = []string{"repodata_shards.msgpack.zst", "repodata.json.zst", "repodata.json"}

func TestEveryFormGivesTheSameRecords(t *testing.T) {
	var first []*record.Record
	for i, form := range formNames {
		s := serve(t, channeltest.Options{})
		s.without(t, formNames[:i]...)
		set := s.open(t)
		check(t, set)
		snap := set.Snapshot()
		if len(snap) != 2 || snap[0].Form != form || snap[0].Subdir != "linux-64" || snap[0].URL != s.url+"/linux-64/"+form || snap[0].Time.IsZero() || snap[0].ETag == "" {
			t.Errorf("Snapshot() = %+v, want %s", snap, form)
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "linux-64", form))
		if err != nil || digest.Sum(b) != snap[0].SHA256 {
			t.Errorf("Snapshot has sha256 %s, the file %s (%v)", snap[0].SHA256, digest.Sum(b), err)
		}
		var recs []*record.Record
		for _, n := range []string{"app", "lib", "base", "tool"} {
			for _, r := range set.Records(n) {
				if r.Channel != s.url || r.URL != s.url+"/"+string(r.Subdir)+"/"+r.FileName || r.SHA256.IsZero() {
					t.Errorf("%s: channel %s, url %s, sha256 %s", form, r.Channel, r.URL, r.SHA256)
				}
				c := *r
				c.Channel, c.URL = "", ""
				recs = append(recs, &c)
			}
		}
		if first == nil {
			first = recs
		}
		if got, want := fmt.Sprintf("%+v", deref(recs)), fmt.Sprintf("%+v", deref(first)); got != want {
			t.Errorf("%s gives other records:\n%s\n%s", form, got, want)
		}
	}
}

func deref(recs []*record.Record) []record.Record {
	var out []record.Record
	for _, r := range recs {
		out = append(out, *r)
	}
	return out
}

func TestOnlyReachableShardsAreFetchedAndOnce(t *testing.T) {
	s := serve(t, channeltest.Options{})
	check(t, s.open(t))
	if n := s.Count("/*/shards/*"); n != 4 {
		t.Errorf("%d shards were asked for, want app, lib, base and tool", n)
	}
	set := s.open(t)
	check(t, set)
	if got := files(t, set, "bystander"); got != "" {
		t.Errorf("a name that constrains alone mention: %q, want nothing and no error", got)
	}
	if n := s.Count("/*/repodata.json*"); n != 0 {
		t.Errorf("repodata.json was asked for %d times though there are shards", n)
	}
	s.Forget()
	check(t, s.open(t))
	if r := s.Requests(); len(r) != 0 {
		t.Errorf("the second time %d requests were made, want none: the server said max-age=30 (%+v)", len(r), r)
	}
	s.opts.Refresh = true
	check(t, s.open(t))
	for _, r := range s.Requests() {
		if r.Status != http.StatusNotModified || r.IfNoneMatch == "" {
			t.Errorf("refresh: %+v, want a conditional request answered 304", r)
		}
	}
	if n := len(s.Requests()); n != 2 {
		t.Errorf("refresh: %d requests, want 2", n)
	}
}

func TestRecordsThatWereNotLoadedAreAnError(t *testing.T) {
	s := serve(t, channeltest.Options{})
	set := s.open(t)
	if recs := set.Records("island"); recs != nil {
		t.Errorf("Records = %v, want none", recs)
	}
	var e *channel.NotLoadedError
	if err := set.Err(); !errors.As(err, &e) || e.Name != "island" {
		t.Errorf("Err() = %v, want a *NotLoadedError", err)
	}
	s.without(t, formNames[0])
	s.opts.Refresh = true
	set = s.open(t)
	if got := files(t, set, "island", "nobody"); got != "linux-64/island-1.0-h0_0.conda" {
		t.Errorf("from an index without Load: %q", got)
	}
}

func TestAskingAgainWhenStale(t *testing.T) {
	now := time.Now()
	s := serve(t, channeltest.Options{})
	s.opts.Now = func() time.Time { return now }
	check(t, s.open(t))
	s.Forget()
	now = now.Add(31 * time.Second) // max-age is 30
	check(t, s.open(t))
	if n := s.Count("/*/repodata_shards.msgpack.zst"); n != 2 {
		t.Errorf("after max-age: %d requests for the index, want 2", n)
	}
	// A clock that went back to another year: nobody knows how old the cache is, so it is asked.
	s.Forget()
	now = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	check(t, s.open(t))
	if n := s.Count("/*/repodata_shards.msgpack.zst"); n != 2 {
		t.Errorf("with a clock in the past: %d requests for the index, want 2", n)
	}
	for _, src := range s.open(t).Snapshot() {
		if src.Time.Year() == 2001 {
			t.Errorf("the snapshot has this machine's time: %+v", src)
		}
	}
}

func TestWhatAChannelLacksIsRemembered(t *testing.T) {
	now := time.Now()
	s := serve(t, channeltest.Options{})
	s.opts.Now = func() time.Time { return now }
	s.without(t, formNames[:2]...)
	check(t, s.open(t))
	if n := len(s.Requests()); n != 6 {
		t.Errorf("%d requests, want three forms of two subdirs", n)
	}
	s.Forget()
	now = now.Add(time.Hour)
	check(t, s.open(t))
	if n := len(s.Requests()); n != 2 {
		t.Errorf("an hour later: %d requests (%+v), want repodata.json of two subdirs", n, s.Requests())
	}
	s.Forget()
	now = now.Add(15 * 24 * time.Hour)
	check(t, s.open(t))
	if n := len(s.Requests()); n != 6 {
		t.Errorf("two weeks later: %d requests, want all forms again", n)
	}
}

func TestNewPackagesAreSeen(t *testing.T) {
	for i, form := range formNames {
		now := time.Now()
		s := serve(t, channeltest.Options{})
		s.opts.Now = func() time.Time { return now }
		s.without(t, formNames[:i]...)
		check(t, s.open(t))
		archives, err := channeltest.FromTxtar([]byte(world + "-- lib-3.0-h0_0.conda --\ndepends: extra\n-- extra-1.0-h0_0.conda --\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := channeltest.Publish(s.dir, archives); err != nil {
			t.Fatal(err)
		}
		s.without(t, formNames[:i]...)
		now = now.Add(time.Minute)
		set := s.open(t)
		if err := set.Closure(context.Background(), "app"); err != nil {
			t.Fatal(err)
		}
		if got, want := files(t, set, "lib", "extra"), "linux-64/lib-1.0-h0_0.tar.bz2 linux-64/lib-2.0-h0_0.conda linux-64/lib-3.0-h0_0.conda linux-64/extra-1.0-h0_0.conda"; got != want {
			t.Errorf("%s: got %s, want %s", form, got, want)
		}
	}
}

func TestNoNetwork(t *testing.T) {
	for _, offline := range []bool{true, false} {
		s := serve(t, channeltest.Options{})
		dead := httptest.NewServer(s.Handler)
		s.url = dead.URL
		cold := s.cache
		if !offline {
			check(t, s.open(t))
		}
		dead.Close()
		s.opts.Offline = offline
		_, err := channel.Open(context.Background(), openCache(t), []string{s.url}, linux, s.opts)
		var e *channel.Error
		if !errors.As(err, &e) || e.Hint() == "" || offline != errors.Is(err, channel.ErrOffline) {
			t.Errorf("offline %v with a cold cache: %v, want an *Error", offline, err)
		}
		if offline {
			continue
		}
		// A warm one: with the network gone, and without being allowed to use it.
		s.opts.Now = func() time.Time { return time.Now().Add(time.Hour) }
		start := time.Now()
		set, err := channel.Open(context.Background(), cold, []string{s.url}, linux, s.opts)
		if err != nil {
			t.Fatalf("Open with a warm cache: %v", err)
		}
		check(t, set)
		if !s.warned("using the index of before") || !set.Snapshot()[0].Stale || time.Since(start) > 10*time.Second {
			t.Errorf("warnings %q, snapshot %+v, after %v", s.warnings, set.Snapshot(), time.Since(start))
		}
		if err := set.Closure(context.Background(), "island"); err == nil || !strings.Contains(err.Error(), "fetch the records of island") {
			t.Errorf("Closure of what the cache lacks = %v, want an error that names it", err)
		}
		set.Close()
		s.opts.Offline = true
		set = s.open(t)
		check(t, set)
		if err := set.Closure(context.Background(), "island"); !errors.Is(err, channel.ErrOffline) {
			t.Errorf("offline Closure of what the cache lacks = %v, want ErrOffline", err)
		}
	}
}

func TestFaultsThatPass(t *testing.T) {
	for _, c := range []struct {
		why   string
		form  int
		fault channeltest.Fault
		warn  string
	}{
		{"500 twice", 0, channeltest.Fault{Path: "/*/repodata_shards.msgpack.zst", Kind: channeltest.Status500, Times: 3}, "500"},
		{"429", 2, channeltest.Fault{Path: "/*/repodata.json", Kind: channeltest.Status429, Times: 2}, "429"},
		{"a shard with a flipped bit", 0, channeltest.Fault{Path: "/*/shards/*", Kind: channeltest.Corrupt, After: 40, Times: 1}, "sha256"},
		{"a shard that breaks off", 0, channeltest.Fault{Path: "/*/shards/*", Kind: channeltest.Truncate, After: 20, Times: 2}, "going on from there"},
		{"an index that breaks off", 1, channeltest.Fault{Path: "/linux-64/repodata.json.zst", Kind: channeltest.Truncate, After: 300, Times: 3}, "going on from there"},
		{"a repodata.json that breaks off", 2, channeltest.Fault{Path: "/linux-64/repodata.json", Kind: channeltest.Truncate, After: 700, Times: 2}, "going on from there"},
		{"an index with a flipped bit", 1, channeltest.Fault{Path: "/linux-64/repodata.json.zst", Kind: channeltest.Corrupt, After: 200, Times: 1}, "asking again"},
	} {
		s := serve(t, channeltest.Options{})
		s.without(t, formNames[:c.form]...)
		s.Fail(c.fault)
		check(t, s.open(t))
		if !s.warned(c.warn) {
			t.Errorf("%s: warnings %q, want %q", c.why, s.warnings, c.warn)
		}
	}
}

func TestFaultsThatStay(t *testing.T) {
	cut := func(n int) func(t *testing.T, s *served) {
		return func(t *testing.T, s *served) {
			for _, sub := range []string{"linux-64", "noarch"} {
				name := filepath.Join(s.dir, sub, "repodata.json")
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, b[:len(b)-n], 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	replace := func(form, text string) func(t *testing.T, s *served) {
		return func(t *testing.T, s *served) {
			for _, sub := range []string{"linux-64", "noarch"} {
				if err := os.WriteFile(filepath.Join(s.dir, sub, form), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	var format *repodata.FormatError
	for _, c := range []struct {
		why   string
		form  int
		do    func(t *testing.T, s *served)
		fault channeltest.Fault
		is    error
		want  string
	}{
		{"an index that is cut", 2, cut(10), channeltest.Fault{}, repodata.ErrTruncated, "the file ends in the middle"},
		{"a web page", 2, replace("repodata.json", "<!DOCTYPE html><title>Log in</title>"), channeltest.Fault{}, repodata.ErrHTML, "this is a web page"},
		{"another JSON", 2, replace("repodata.json", `{"detail":"Not authenticated"}`), channeltest.Fault{}, nil, `it holds "detail"`},
		{"zstd that is none", 1, replace("repodata.json.zst", "\x28\xB5\x2F\xFDxxxxxxxxxx"), channeltest.Fault{}, nil, "cannot be decompressed"},
		{"msgpack that is none", 0, replace("repodata_shards.msgpack.zst", "\xc1"), channeltest.Fault{}, nil, "shard index at byte 0"},
		{"500 for ever", 0, nil, channeltest.Fault{Path: "/*/*", Kind: channeltest.Status500}, nil, "the server answers 500"},
		{"a shard with a wrong hash", 0, nil, channeltest.Fault{Path: "/*/shards/*", Kind: channeltest.Corrupt, After: 40}, nil, "sha256 mismatch: want"},
		{"a shard that is gone", 0, nil, channeltest.Fault{Path: "/*/shards/*", Kind: channeltest.NotFound}, nil, "the server answers 404"},
	} {
		s := serve(t, channeltest.Options{})
		s.without(t, formNames[:c.form]...)
		if c.do != nil {
			c.do(t, s)
		}
		if c.fault.Path != "" {
			s.Fail(c.fault)
		}
		set, err := channel.Open(context.Background(), s.cache, []string{s.url}, linux, s.opts)
		if err == nil {
			err = set.Closure(context.Background(), "app")
			set.Close()
		}
		var e *channel.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) || e.Hint() == "" || e.Status == 404 && e.Err != nil {
			t.Errorf("%s: got %v, want an *Error with %q and a hint", c.why, err, c.want)
		}
		if c.is != nil && !errors.As(err, &format) {
			t.Errorf("%s: got %v, want a *repodata.FormatError inside", c.why, err)
		}
	}
}

func TestAServerThatAnswersEveryPathWithItsFrontPage(t *testing.T) {
	dir := publish(t, world)
	h := channeltest.NewHandler(dir, channeltest.Options{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".zst") {
			fmt.Fprint(w, "<html>welcome</html>")
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	set, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer set.Close()
	check(t, set)
}

func TestChannelsThatAreNotThere(t *testing.T) {
	s := serve(t, channeltest.Options{})
	_, err := channel.Open(context.Background(), s.cache, []string{s.url + "/conda-fogre"}, linux, s.opts)
	if !errors.Is(err, channel.ErrNoIndex) {
		t.Errorf("a misspelt channel: %v, want ErrNoIndex", err)
	}
	if _, err := channel.Open(context.Background(), s.cache, []string{filepath.Join(t.TempDir(), "none")}, linux, s.opts); !errors.Is(err, channel.ErrNoIndex) {
		t.Errorf("a folder that is not there: %v, want ErrNoIndex", err)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "linux-64")); err != nil {
		t.Fatal(err)
	}
	set := s.open(t)
	if err := set.Closure(context.Background(), "tool", "app"); err != nil {
		t.Fatal(err)
	}
	if got := files(t, set, "tool", "app"); got != "noarch/tool-3.0-pyh_0.conda" {
		t.Errorf("without linux-64: %s", got)
	}
	if snap := set.Snapshot(); snap[0].Form != "none" || snap[0].URL != "" {
		t.Errorf("Snapshot() = %+v, want none for linux-64", snap)
	}
}

func TestLyingCompression(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, channeltest.Options{})
	s.without(t, formNames[:2]...)
	b, err := os.ReadFile(filepath.Join(s.dir, "linux-64", "repodata.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "linux-64", "repodata.json"), z.EncodeAll(b, nil), 0o644); err != nil {
		t.Fatal(err)
	}
	check(t, s.open(t)) // the bytes say what they are
	// Fewer bytes than there were.
	packed := z.EncodeAll(b, nil)
	if err := os.WriteFile(filepath.Join(s.dir, "linux-64", "repodata.json"), packed[:len(packed)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	s.opts.Refresh = true
	if _, err := channel.Open(context.Background(), s.cache, []string{s.url}, linux, s.opts); !errors.Is(err, repodata.ErrTruncated) {
		t.Errorf("a frame that is cut: %v, want ErrTruncated", err)
	}
}

func TestGzipOnTheWay(t *testing.T) {
	s := serve(t, channeltest.Options{})
	s.without(t, formNames[:2]...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(filepath.Join(s.dir, r.URL.Path))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".json") && !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Errorf("%s: Accept-Encoding is %q", r.URL.Path, r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(b)
		_ = z.Close()
	}))
	defer srv.Close()
	set, err := channel.Open(context.Background(), s.cache, []string{srv.URL}, linux, s.opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer set.Close()
	check(t, set)
}

func TestBaseURL(t *testing.T) {
	dir := t.TempDir()
	for sub, base := range map[string]string{"linux-64": "https://files.example/x/linux-64/", "noarch": "../pool"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf(`{"info":{"base_url":%q},"packages.conda":{"a-1-0.conda":{"name":"a","version":"1","build":"0"}},"repodata_version":2}`, base)
		if err := os.WriteFile(filepath.Join(dir, sub, "repodata.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	set, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer set.Close()
	var got []string
	for _, r := range set.Records("a") {
		got = append(got, r.URL)
	}
	if want := "https://files.example/x/linux-64/a-1-0.conda " + srv.URL + "/pool/a-1-0.conda"; strings.Join(got, " ") != want {
		t.Errorf("URLs %v, want %s", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "noarch", "repodata.json"), []byte(`{"info":{"base_url":"file:///etc"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{}); err == nil || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("a base_url of this machine: %v, want an error", err)
	}
}

func TestTwoProcessesOneCache(t *testing.T) {
	s := serve(t, channeltest.Options{})
	s.without(t, formNames[0])
	s.Fail(channeltest.Fault{Path: "/*/repodata.json.zst", Kind: channeltest.Slow, Delay: 5 * time.Millisecond})
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := cache.Open(dir, cache.Options{}) // each as a process of its own would
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			set, err := channel.Open(context.Background(), c, []string{s.url}, linux, s.opts)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			defer set.Close()
			var inner sync.WaitGroup
			for range 3 {
				inner.Go(func() { check(t, set) })
			}
			inner.Wait()
		})
	}
	wg.Wait()
	if n := s.Count("/linux-64/repodata.json.zst"); n != 1 {
		t.Errorf("the index was asked for %d times, want once: who waits uses what the first one got", n)
	}
}

func TestDamagedCacheIsFetchedAgain(t *testing.T) {
	for i := range formNames[:2] {
		s := serve(t, channeltest.Options{})
		s.without(t, formNames[:i]...)
		check(t, s.open(t))
		err := filepath.WalkDir(filepath.Join(s.cache.Dir(), cache.Version, "value"), func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(b)/3] ^= 0x20
			os.Remove(p)
			return os.WriteFile(p, b, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s.open(t))
	}
}

func TestCancel(t *testing.T) {
	s := serve(t, channeltest.Options{})
	s.Fail(channeltest.Fault{Path: "/*/*", Kind: channeltest.Slow, Delay: 100 * time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := channel.Open(ctx, s.cache, []string{s.url}, linux, s.opts); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v, want the context's error", err)
	}
}

func TestSearchAndNearest(t *testing.T) {
	s := serve(t, channeltest.Options{})
	set := s.open(t)
	for pattern, want := range map[string]string{"*": "app base bystander island lib tool", "b*": "base bystander", "?ib": "lib", "APP": "app", "zz*": "", "[": ""} {
		if got := strings.Join(set.Search(pattern), " "); got != want {
			t.Errorf("Search(%q) = %q, want %q", pattern, got, want)
		}
	}
	for name, want := range map[string]string{"appp": "app", "bsae": "base", "by_standr": "bystander", "qqqq": "", "isalnd": "island"} {
		if got := strings.Join(set.Nearest(name, 2), " "); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if !set.Has("app") || set.Has("ap") {
		t.Error("Has is wrong")
	}
	if n := s.Count("/*/shards/*"); n != 0 {
		t.Errorf("searching fetched %d shards", n)
	}
	if err := set.Load(context.Background(), "app"); err != nil {
		t.Fatal(err)
	}
	if n := s.Count("/*/shards/*"); n != 1 {
		t.Errorf("Load of one name fetched %d shards", n)
	}
}

func TestShardsElsewhere(t *testing.T) {
	// shards_base_url may lead to another server; hashes hold wherever the bytes come from.
	dir := publish(t, world)
	shards := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer shards.Close()
	moveShards(t, dir, shards.URL+"/linux-64/shards/")
	srv := httptest.NewServer(channeltest.Serve(dir))
	defer srv.Close()
	set, err := channel.Open(context.Background(), openCache(t), []string{srv.URL}, linux, channel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	check(t, set)
}

// moveShards writes another shards_base_url into the index of linux-64.
func moveShards(t *testing.T, dir, at string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "linux-64", formNames[0]))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain, err := z.DecodeAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(plain), "\xa9./shards/", "\xd9"+string([]byte{byte(len(at))})+at, 1)
	if text == string(plain) {
		t.Fatal("the index has changed its form")
	}
	if err := os.WriteFile(filepath.Join(dir, "linux-64", formNames[0]), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
