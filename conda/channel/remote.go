package channel

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/transport"
)

// update asks the channel, or its mirrors one after another. held says that what st names is in the
// cache and open: it serves where the network does not.
func (s *source) update(ctx context.Context, st state, held bool) error {
	places := s.ch.Mirrors
	if len(places) == 0 {
		places = []string{s.ch.URL}
	}
	var failed error
	for i, place := range places {
		err := s.ask(ctx, record.Join(place, s.subdir, ""), st, held)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if i+1 < len(places) {
			s.opts.Warn("%v; asking the next mirror", err)
		}
		failed = err
	}
	var e *Error
	if held && errors.As(failed, &e) && (e.Status == 0 && !isFormat(e.Err) || transport.Again(e.Status)) {
		s.opts.Warn("%v; using the index of before (%s)", failed, st.Date)
		s.stale = true
		return nil
	}
	return failed
}

// isFormat tells whether there was an answer, but not one that helps.
func isFormat(err error) bool {
	var format *repodata.FormatError
	var version *repodata.VersionError
	var limit *repodata.LimitError
	return errors.As(err, &format) || errors.As(err, &version) || errors.As(err, &limit)
}

// missing tells whether a status says that a file is not there. Buckets say 403 for that.
func missing(status int) bool {
	return status == http.StatusNotFound || status == http.StatusGone || status == http.StatusForbidden
}

// ask asks one place for each form in turn, the best first.
func (s *source) ask(ctx context.Context, at string, st state, held bool) error {
	next := st
	next.URL = s.url
	next.Lacks = maps.Clone(st.Lacks)
	status := 0
	for _, f := range forms {
		// repodata.json is what a channel must have, so it is always asked for.
		if f != formJSON && !(held && st.Form == f) && st.lacks(f, s.opts.Now()) {
			continue
		}
		done, code, err := s.askFor(ctx, at, f, &next, held && st.Form == f)
		if done || err != nil {
			return err
		}
		status = code
		next.lack(f, s.opts.Now())
	}
	if s.subdir == record.Noarch && status == http.StatusForbidden {
		return s.fail(actRead, at, status, nil)
	}
	next = state{URL: s.url, Form: formNone, Lacks: next.Lacks, CheckedUnix: s.opts.Now().Unix()}
	if err := writeState(s.cache, s.key, next); err != nil {
		return err
	}
	return s.use(next)
}

// askFor asks for one form. done means that s is open; neither done nor an error that this
// form is not there.
func (s *source) askFor(ctx context.Context, at string, f form, next *state, conditional bool) (done bool, status int, err error) {
	where := at + "/" + string(f)
	for try := 1; ; try++ {
		header := http.Header{}
		if f == formJSON {
			header.Set("Accept-Encoding", "gzip")
		}
		if s.opts.Refresh || try > 1 {
			header.Set("Cache-Control", "no-cache")
		}
		if conditional {
			if next.ETag != "" {
				header.Set("If-None-Match", next.ETag)
			} else if next.LastModified != "" {
				header.Set("If-Modified-Since", next.LastModified)
			}
		}
		res, err := s.client.Get(ctx, where, header, conditional)
		if err != nil {
			return false, 0, s.fail(actRead, where, 0, err)
		}
		status, err = s.take(ctx, f, where, res, next)
		var format *repodata.FormatError
		var broken *transport.BrokenError
		switch {
		case err == nil && status == 0:
			return true, 0, nil
		case err == nil && missing(status):
			return false, status, nil
		case f != formJSON && errors.Is(err, repodata.ErrHTML):
			// A server that answers every path with its front page has no shards either.
			s.opts.Warn("%s: %v; the channel does without", record.Redact(where), err)
			return false, http.StatusNotFound, nil
		case (errors.As(err, &broken) || errors.As(err, &format) && !errors.Is(err, repodata.ErrHTML)) && try < 3:
			s.opts.Warn("%s: %v; asking again", record.Redact(where), err)
			conditional = false
			continue
		}
		return false, status, s.fail(actRead, where, status, err)
	}
}

// take uses an answer. Status is 0 if that worked.
func (s *source) take(ctx context.Context, f form, where string, res *http.Response, next *state) (int, error) {
	defer res.Body.Close()
	now := s.opts.Now()
	old := *next
	switch res.StatusCode {
	case http.StatusNotModified:
		next.answered(res, now)
	case http.StatusOK:
		sum, err := ingest(ctx, s.cache, f, res.Body)
		if err != nil {
			return 0, err
		}
		delete(next.Lacks, f)
		next.Form, next.SHA256, next.At = f, sum, strings.TrimSuffix(where, "/"+string(f))
		next.answered(res, now)
	default:
		_, _ = io.CopyN(io.Discard, res.Body, 1<<16) // so that the connection can be used again
		return res.StatusCode, nil
	}
	if err := writeState(s.cache, s.key, *next); err != nil {
		return 0, err
	}
	if err := s.use(*next); err != nil {
		return 0, err
	}
	if old.SHA256 != next.SHA256 || old.Form != next.Form {
		s.drop(old)
	}
	return 0, nil
}

// drop removes the index of before: it may be large, and who reads it goes on reading.
func (s *source) drop(old state) {
	switch old.Form {
	case formShards:
		_ = s.cache.Remove(kindShards, shardsKey(old.SHA256)) // what stays is trimmed one day
	case formZst, formJSON:
		_ = s.cache.Remove(kindIndex, indexKey(old.SHA256))
	}
}

// bytesAt reads a small file from the network or a folder.
func (s *source) bytesAt(ctx context.Context, where string, noCache bool) ([]byte, int, error) {
	if name, ok := folder(where); ok {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, err
		}
		defer f.Close()
		b, err := readPacked(f)
		return b, 0, err
	}
	if s.opts.Offline {
		return nil, 0, ErrOffline
	}
	header := http.Header{}
	if noCache {
		header.Set("Cache-Control", "no-cache")
	}
	res, err := s.client.Get(ctx, where, header, false)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, res.StatusCode, nil
	}
	b, err := readPacked(res.Body)
	return b, 0, err
}
