package channel

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
)

// folder returns the path of a file URL.
func folder(rawURL string) (string, bool) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return filepath.FromSlash(u.Path), true
}

// settled is how old a file's time of change has to be before an unchanged time says that the
// bytes are unchanged: file systems count in steps.
const settled = 2 * time.Second

// nearest is the URL of the subdir's folder where the channel is one, or where its first mirror
// is; else "".
func (s *source) nearest() string {
	at := s.url
	if len(s.ch.Mirrors) > 0 {
		at = record.Join(s.ch.Mirrors[0], s.subdir, "")
	}
	if _, ok := folder(at); !ok {
		return ""
	}
	return at
}

// openFolder opens a subdir that is a folder, at a file URL. A channel that is a folder is
// asked anew every time, with and without the network: looking costs nothing.
func (s *source) openFolder(ctx context.Context, at string) error {
	dir, _ := folder(at)
	f, st, err := pick(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s.use(state{URL: s.url, Form: formNone})
	}
	if err != nil {
		return s.fail(actRead, s.url, 0, err)
	}
	name := filepath.Join(dir, string(f))
	now := s.opts.Now()
	if old, ok := readState(s.cache, s.key); ok && old.Form == f && old.SizeBytes == st.Size() && old.ModTimeNs == st.ModTime().UnixNano() &&
		time.Unix(old.CheckedUnix, 0).Sub(st.ModTime()) > settled && s.use(old) == nil {
		return nil
	}
	lock, err := s.cache.Lock(ctx, kindState, s.key) // so that two processes do not convert the same file
	if err != nil {
		return err
	}
	defer lock.Unlock() //nolint:errcheck // closing releases it whatever it returns
	next := state{URL: s.url, At: at, Form: f, SizeBytes: st.Size(), ModTimeNs: st.ModTime().UnixNano(), CheckedUnix: now.Unix()}
	if next.SHA256, err = sumFile(name); err != nil {
		return s.fail(actRead, s.url, 0, err)
	}
	if s.use(next) != nil {
		file, err := os.Open(name)
		if err != nil {
			return s.fail(actRead, s.url, 0, err)
		}
		defer file.Close()
		// What is read may be newer than what was hashed; its own digest counts.
		if next.SHA256, err = ingest(ctx, s.cache, f, file); err != nil {
			return s.fail(actRead, s.url+"/"+string(f), 0, err)
		}
		if err := s.use(next); err != nil {
			return s.fail(actRead, s.url+"/"+string(f), 0, err)
		}
	}
	if old, ok := readState(s.cache, s.key); ok && (old.SHA256 != next.SHA256 || old.Form != f) {
		s.drop(old)
	}
	return writeState(s.cache, s.key, next)
}

// pick chooses the best form in a folder. One that is older than repodata.json was left behind when
// that was written, and is not looked at.
func pick(dir string) (form, fs.FileInfo, error) {
	plain, plainErr := os.Stat(filepath.Join(dir, string(formJSON)))
	for _, f := range forms[:2] {
		st, err := os.Stat(filepath.Join(dir, string(f)))
		if err == nil && st.Mode().IsRegular() && (plainErr != nil || !st.ModTime().Before(plain.ModTime())) {
			return f, st, nil
		}
	}
	return formJSON, plain, plainErr
}

func sumFile(name string) (digest.SHA256, error) {
	f, err := os.Open(name)
	if err != nil {
		return digest.SHA256{}, err
	}
	defer f.Close()
	r := digest.NewReader(f, digest.Want{})
	_, err = io.Copy(io.Discard, r)
	return r.SHA256(), err
}
