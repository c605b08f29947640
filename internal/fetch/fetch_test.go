package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/fetch"
)

// archive is what the servers of these tests serve.
var archive = bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB

func want() digest.Want {
	return digest.Want{SHA256: digest.Sum(archive), SizeBytes: int64(len(archive))}
}

func openCache(t *testing.T) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func options() fetch.Options { return fetch.Options{RetryWait: time.Millisecond} }

// serve answers with handlers in turn; the last one answers for ever.
func serve(t *testing.T, handlers ...http.HandlerFunc) (string, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(n.Add(1)) - 1
		handlers[min(i, len(handlers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/linux-64/numpy-1-0.conda", &n
}

func whole(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// breakAfter sends n bytes of what was asked for and drops the connection.
func breakAfter(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if v := r.Header.Get("Range"); v != "" {
			from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(v, "bytes="), "-"))
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(len(archive)-1)+"/"+strconv.Itoa(len(archive)))
			w.Header().Set("Content-Length", strconv.Itoa(len(archive)-from))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
		}
		_, _ = w.Write(archive[from : from+n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestOne(t *testing.T) {
	for _, c := range []struct {
		why      string
		handlers []http.HandlerFunc
		want     digest.Want
		requests int64
		fails    string // part of the error, "" when it works
	}{
		{"plain", []http.HandlerFunc{whole}, want(), 1, ""},
		{"md5 only, as old explicit locks", []http.HandlerFunc{whole}, digest.Want{MD5: digest.SumMD5(archive)}, 1, ""},
		{"server is busy twice", []http.HandlerFunc{status(503), status(429), whole}, want(), 3, ""},
		{"server stays broken", []http.HandlerFunc{status(500)}, want(), 5, "500 Internal Server Error"},
		{"not there is not tried again", []http.HandlerFunc{status(404)}, want(), 1, "404 Not Found"},
		{"forbidden", []http.HandlerFunc{status(403)}, want(), 1, "403 Forbidden"},
		{"connection breaks twice", []http.HandlerFunc{breakAfter(1000), breakAfter(2000), whole}, want(), 3, ""},
		{"connection always breaks", []http.HandlerFunc{breakAfter(10)}, want(), 5, "unexpected EOF"},
		{"wrong bytes", []http.HandlerFunc{whole}, digest.Want{SHA256: digest.Sum(nil)}, 1, "sha256 mismatch: want e3b0c442"},
		{"a page in place of the file", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>log in</html>"))
		}}, want(), 1, "size mismatch"},
		{"ranges ignored after a break", []http.HandlerFunc{breakAfter(1000), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }}, want(), 2, ""},
		{"wrong range served", []http.HandlerFunc{breakAfter(1000), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/10")
			w.WriteHeader(http.StatusPartialContent)
		}, whole}, want(), 3, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			url, n := serve(t, c.handlers...)
			ca := openCache(t)
			b, err := fetch.New(ca, options()).One(t.Context(), fetch.Request{Name: "numpy-1-0.conda", URL: url, Want: c.want, Origin: "x.lock:3"})
			if got := n.Load(); got != c.requests {
				t.Errorf("asked %d times, want %d", got, c.requests)
			}
			if c.fails != "" {
				var fe *fetch.Error
				if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "numpy-1-0.conda (x.lock:3)") || fe.Hint() == "" {
					t.Fatalf("err = %v, want one with %q, the file and who asked", err, c.fails)
				}
				if _, err := ca.Find(want()); !cache.IsMiss(err) {
					t.Errorf("the cache holds what failed: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(b.Path); err != nil || !bytes.Equal(got, archive) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			before := n.Load()
			if _, err := fetch.New(ca, fetch.Options{Offline: true}).One(t.Context(), fetch.Request{URL: url, Want: c.want}); err != nil || n.Load() != before {
				t.Errorf("second time offline: %v, %d requests more", err, n.Load()-before)
			}
		})
	}
}

func TestResumeInAnotherProcess(t *testing.T) {
	ca := openCache(t)
	o := options()
	o.MaxTries = 1
	url, _ := serve(t, breakAfter(100_000), breakAfter(0), func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.Header.Get("Range"), "bytes=100000-"; got != want {
			t.Errorf("Range = %q, want %q", got, want)
		}
		whole(w, r)
	})
	req := fetch.Request{Name: "n", URL: url, Want: want()}
	for range 2 {
		if _, err := fetch.New(ca, o).One(t.Context(), req); err == nil {
			t.Fatal("a broken transfer succeeded")
		}
	}
	if _, err := fetch.New(ca, o).One(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

func TestAliasFilesAndOffline(t *testing.T) {
	url, n := serve(t, whole)
	host := strings.TrimSuffix(url, "/linux-64/numpy-1-0.conda")
	o := options()
	o.ChannelAlias = host + "/"
	req := fetch.Request{Name: "n", URL: fetch.DefaultAlias + "/linux-64/numpy-1-0.conda", Want: want()}
	if _, err := fetch.New(openCache(t), o).One(t.Context(), req); err != nil || n.Load() != 1 {
		t.Errorf("through the alias: %v, %d requests", err, n.Load())
	}

	o.Offline = true
	_, err := fetch.New(openCache(t), o).One(t.Context(), req)
	if !errors.Is(err, fetch.ErrOffline) {
		t.Errorf("offline and not cached: err = %v, want ErrOffline", err)
	}

	file := filepath.Join(t.TempDir(), "a file.conda")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{file, "file://" + strings.ReplaceAll(file, " ", "%20")} {
		if _, err := fetch.New(openCache(t), o).One(t.Context(), fetch.Request{URL: u, Want: want()}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := fetch.New(openCache(t), o).One(t.Context(), fetch.Request{URL: file + "x", Want: want()}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestSecretsStayOut(t *testing.T) {
	url, _ := serve(t, status(401))
	secret := strings.Replace(url, "http://", "http://user:hunter2@", 1)
	secret = strings.Replace(secret, "/linux-64", "/t/tk-1234/linux-64", 1) + "?sig=abcd"
	_, err := fetch.New(openCache(t), options()).One(t.Context(), fetch.Request{Name: "n", URL: secret, Want: want()})
	for _, s := range []string{"hunter2", "tk-1234", "abcd"} {
		if err == nil || strings.Contains(err.Error(), s) {
			t.Errorf("the error shows %q: %v", s, err)
		}
	}
	_, err = fetch.New(openCache(t), fetch.Options{MaxTries: 1}).One(t.Context(), fetch.Request{Name: "n", URL: "http://user:hunter2@127.0.0.1:1/t/tk-1234/x", Want: want()})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "tk-1234") {
		t.Errorf("connection refused: %v", err)
	}
}

// stall sends n bytes of what was asked for and then nothing, until the client goes away.
func stall(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
		_, _ = w.Write(archive[:n])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func TestSlowServers(t *testing.T) {
	askedToWait := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	for _, c := range []struct {
		why      string
		handlers []http.HandlerFunc
		warns    string
	}{
		{"no byte comes any more", []http.HandlerFunc{stall(1000), whole}, "stopped sending"},
		{"no header comes", []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, whole}, "does not answer"},
		{"an hour's pause is asked for", []http.HandlerFunc{askedToWait, whole}, "answers 429"},
	} {
		url, n := serve(t, c.handlers...)
		var warnings []string
		o := options()
		o.StallTime = 100 * time.Millisecond
		o.Warn = func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := fetch.New(openCache(t), o).One(ctx, fetch.Request{Name: "n", URL: url, Want: want()})
		cancel()
		if err != nil || n.Load() != 2 {
			t.Errorf("%s: %v after %d requests, want none after 2", c.why, err, n.Load())
		}
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, c.warns) {
			t.Errorf("%s: warned of %q, want something of %q", c.why, got, c.warns)
		}
	}
}

func TestRedirectsCarryNoToken(t *testing.T) {
	var referer string
	store, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		referer = r.Header.Get("Referer")
		whole(w, r)
	})
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, store, http.StatusFound) })
	url = strings.Replace(url, "/linux-64", "/t/tk-1234/linux-64", 1)
	if _, err := fetch.New(openCache(t), options()).One(t.Context(), fetch.Request{Name: "n", URL: url, Want: want()}); err != nil {
		t.Fatal(err)
	}
	if referer != "" {
		t.Errorf("the next server is told of %q", referer)
	}
	loop, n := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	if _, err := fetch.New(openCache(t), options()).One(t.Context(), fetch.Request{Name: "n", URL: loop, Want: want()}); err == nil || n.Load() > 10 {
		t.Errorf("redirected for ever: %v after %d requests", err, n.Load())
	}
}

func TestAllKeepsOrderAndStopsAtTheFirstFailure(t *testing.T) {
	url, _ := serve(t, whole)
	ca := openCache(t)
	reqs := make([]fetch.Request, 20)
	for i := range reqs {
		reqs[i] = fetch.Request{Name: "n", URL: url, Want: want()}
	}
	blobs, err := fetch.New(ca, options()).All(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blobs {
		if b.SHA256 != want().SHA256 {
			t.Errorf("blob %d = %s", i, b.SHA256)
		}
	}
	reqs[7].Want = digest.Want{SHA256: digest.Sum([]byte("other"))}
	reqs[7].URL = url + "x"
	if _, err := fetch.New(ca, options()).All(t.Context(), reqs); err == nil {
		t.Error("a wrong archive among many went unnoticed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fetch.New(openCache(t), options()).All(ctx, reqs); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: err = %v", err)
	}
}

func TestMirrorsAreAskedInTurn(t *testing.T) {
	gone, nGone := serve(t, status(http.StatusNotFound))
	good, _ := serve(t, whole)
	var asked, warned string
	o := options()
	o.Warn = func(f string, a ...any) { warned = fmt.Sprintf(f, a...) }
	o.Mirrored = func(u string) []string {
		asked = u
		return []string{gone, good}
	}
	b, err := fetch.New(openCache(t), o).One(context.Background(), fetch.Request{Name: "x", URL: "https://conda.example/c/linux-64/x-1-0.conda", Want: want()})
	if err != nil || b.SizeBytes != int64(len(archive)) {
		t.Fatalf("One = %+v, %v", b, err)
	}
	if asked != "https://conda.example/c/linux-64/x-1-0.conda" || nGone.Load() != 1 || !strings.Contains(warned, "asking the next mirror") {
		t.Errorf("asked about %q, the first mirror %d times, warned %q", asked, nGone.Load(), warned)
	}
	o.Mirrored = func(string) []string { return []string{gone, gone} }
	if _, err := fetch.New(openCache(t), o).One(context.Background(), fetch.Request{Name: "x", URL: good, Want: want()}); err == nil {
		t.Error("One worked though no mirror has the file")
	}
}

// TestUnchecked fetches what nobody has hashed: always, and after a break from its start.
func TestUnchecked(t *testing.T) {
	url, n := serve(t, breakAfter(1000), status(503), whole)
	ca := openCache(t)
	req := fetch.Request{Name: "numpy-1-0.conda", URL: url, Unchecked: true}
	for i := range 2 {
		b, err := fetch.New(ca, options()).One(t.Context(), req)
		if err != nil || b.SHA256 != digest.Sum(archive) {
			t.Fatalf("One: %v, %v, want the blob of the whole archive", b, err)
		}
		if got, want := n.Load(), int64(3+i); got != want {
			t.Errorf("asked %d times, want %d", got, want)
		}
	}
	for _, c := range []struct {
		why     string
		handler http.HandlerFunc
		size    int64
		fails   string
	}{
		{"not there", status(404), 0, "404 Not Found"},
		{"connection always breaks", breakAfter(10), 0, "unexpected EOF"},
		{"another size than the channel gives", whole, 10, "size mismatch"},
	} {
		url, _ := serve(t, c.handler)
		_, err := fetch.New(ca, options()).One(t.Context(), fetch.Request{Name: "x", URL: url, Unchecked: true, Want: digest.Want{SizeBytes: c.size}})
		if err == nil || !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v, want %q", c.why, err, c.fails)
		}
	}
}
