package deb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/ulikunitz/xz"
	"golang.org/x/sync/errgroup"
)

// A Fetcher brings pinned packages into a folder. It is safe for concurrent use.
type Fetcher struct {
	Dir    string // where the .deb files are kept
	Mirror string // see [Mirror]
	// Notice hears of every pin that had to be replaced; nil writes to os.Stderr.
	Notice func(text string)

	mu      sync.Mutex
	indexes map[string]func() (Manifest, error)
}

// A GoneError reports a file that the mirror does not have, or not with these bytes.
type GoneError struct {
	URL    string
	Status int    // of HTTP; 200 where the bytes were others
	Want   string // sha256
	Got    string // sha256, "" where nothing came
}

func (e *GoneError) Error() string {
	if e.Status != http.StatusOK {
		return fmt.Sprintf("get %s: status %d", e.URL, e.Status)
	}
	return fmt.Sprintf("get %s: sha256 %s, want %s", e.URL, e.Got, e.Want)
}

// Path is where the package of a pin lies, or will.
func (f *Fetcher) Path(p Pin) string { return filepath.Join(f.Dir, p.SHA256+".deb") }

// All brings every pin, at most jobs at a time. The pins come back in their order, each
// as given, or the suite's present one where the mirror has dropped it.
func (f *Fetcher) All(ctx context.Context, pins []Pin, jobs int) ([]Pin, error) {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return nil, err
	}
	out := make([]Pin, len(pins))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(jobs, 1))
	for i, p := range pins {
		g.Go(func() error {
			got, err := f.one(ctx, p)
			if err != nil {
				return fmt.Errorf("package %s of %s: %w", p.Package, p.Suite, err)
			}
			out[i] = got
			return nil
		})
	}
	return out, g.Wait()
}

func (f *Fetcher) one(ctx context.Context, p Pin) (Pin, error) {
	if _, err := os.Stat(f.Path(p)); err == nil {
		return p, nil
	}
	err := f.get(ctx, p)
	var gone *GoneError
	if !errors.As(err, &gone) {
		return p, err
	}
	index, err := f.index(ctx, p.Suite)
	if err != nil {
		return p, errors.Join(gone, err)
	}
	now, ok := index[Name{p.Suite, p.Package}]
	if !ok {
		return p, fmt.Errorf("%w, and the suite has no such package now", gone)
	}
	if now.SHA256 == p.SHA256 {
		return p, gone
	}
	f.notice(fmt.Sprintf("WARNING: %s/%s %s is no longer on the mirror; taking %s. "+
		"Packages made of it get other hashes: lock again, and pin again.", p.Suite, p.Package, p.Version, now.Version))
	if _, err := os.Stat(f.Path(now)); err == nil {
		return now, nil
	}
	return now, f.get(ctx, now)
}

func (f *Fetcher) notice(text string) {
	if f.Notice != nil {
		f.Notice(text)
		return
	}
	fmt.Fprintln(os.Stderr, text)
}

// get downloads one pin and keeps it only where its digest is right.
func (f *Fetcher) get(ctx context.Context, p Pin) error {
	address := f.Mirror + "/" + p.Pool
	body, err := open(ctx, address)
	if err != nil {
		return err
	}
	defer body.Close()
	t, err := renameio.TempFile(f.Dir, f.Path(p))
	if err != nil {
		return err
	}
	defer t.Cleanup()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, h), body); err != nil {
		return fmt.Errorf("get %s: %w", address, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != p.SHA256 {
		return &GoneError{URL: address, Status: http.StatusOK, Want: p.SHA256, Got: got}
	}
	return t.CloseAtomicallyReplace()
}

// open asks up to three times: a mirror under load drops connections.
func open(ctx context.Context, address string) (io.ReadCloser, error) {
	var last error
	for try := range 3 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(try) * time.Second):
			}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err
			continue
		}
		if resp.StatusCode == http.StatusOK {
			return resp.Body, nil
		}
		resp.Body.Close()
		last = &GoneError{URL: address, Status: resp.StatusCode}
		if resp.StatusCode < 500 {
			break // the mirror has answered; asking again changes nothing
		}
	}
	return nil, last
}

// index is the suite's Packages file of today, read once.
func (f *Fetcher) index(ctx context.Context, suite string) (Manifest, error) {
	f.mu.Lock()
	if f.indexes == nil {
		f.indexes = map[string]func() (Manifest, error){}
	}
	read := f.indexes[suite]
	if read == nil {
		read = sync.OnceValues(func() (Manifest, error) { return readIndex(ctx, f.Mirror, suite, nil) })
		f.indexes[suite] = read
	}
	f.mu.Unlock()
	return read()
}

func readIndex(ctx context.Context, mirror, suite string, want func(string) bool) (Manifest, error) {
	address := mirror + "/dists/" + suite + "/main/binary-amd64/Packages.xz"
	body, err := open(ctx, address)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	r, err := xz.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	return parseIndex(r, suite, want)
}

// Resolve gives the present pins of names, out of the indexes of their suites on mirror.
func Resolve(ctx context.Context, mirror string, names []Name) (Manifest, error) {
	bySuite := map[string]map[string]bool{}
	for _, n := range names {
		if bySuite[n.Suite] == nil {
			bySuite[n.Suite] = map[string]bool{}
		}
		bySuite[n.Suite][n.Package] = true
	}
	out := Manifest{}
	for suite, want := range bySuite {
		m, err := readIndex(ctx, mirror, suite, func(name string) bool { return want[name] })
		if err != nil {
			return nil, err
		}
		for name, p := range m {
			out[name] = p
		}
	}
	for _, n := range names {
		if _, ok := out[n]; !ok {
			return nil, fmt.Errorf("suite %s has no package %s in main", n.Suite, n.Package)
		}
	}
	return out, nil
}
