package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/report"
)

// hashes are those of one archive.
type hashes struct {
	md5    digest.MD5
	sha256 digest.SHA256
}

// addMD5 gives records an MD5 that their channel does not: conda-lock.yml demands one. The
// archive is fetched for it, which a build would do later anyway.
//
// Of an archive that the channel gives no hash of at all, the hashes of the lock of before count. Without those,
// what the server gives now is hashed: from then on it is checked, and a warning says so.
func (l *envLocker) addMD5(ctx context.Context, answers []*solved) error {
	sums := map[string]hashes{}
	var lack []*record.Record
	var reqs []fetch.Request
	blind := map[string][]string{} // by channel: files without any hash
	for _, s := range answers {
		for _, r := range s.solution.Records() {
			key := artifactKey(r)
			if _, seen := sums[key]; seen || !r.MD5.IsZero() {
				continue
			}
			req := fetch.Request{Name: r.FileName, URL: r.URL, Want: digest.Want{SHA256: r.SHA256, SizeBytes: r.SizeBytes}}
			if r.SHA256.IsZero() {
				if old := hashedBefore(s.locked, r); !old.md5.IsZero() {
					sums[key] = old
					continue
				} else if !old.sha256.IsZero() {
					req.Want.SHA256 = old.sha256
				} else {
					req.Unchecked = true
					blind[r.Channel] = append(blind[r.Channel], r.FileName)
				}
			}
			sums[key] = hashes{}
			lack = append(lack, r)
			reqs = append(reqs, req)
		}
	}
	if len(reqs) > 0 {
		if err := l.hash(ctx, lack, reqs, sums); err != nil {
			return err
		}
	}
	for channel, files := range blind {
		slices.Sort(files)
		l.talk.Warn("%s gives no hash of %s (%s): what it served now is locked, and nobody could check that",
			record.Redact(channel), report.Count(len(files), "archive"), strings.Join(files[:min(3, len(files))], ", "))
	}
	for _, s := range answers {
		for i := range s.solution.Packages {
			p := &s.solution.Packages[i]
			if sum, ok := sums[artifactKey(p.Record)]; ok {
				own := *p.Record // it belongs to the index
				own.MD5 = sum.md5
				if own.SHA256.IsZero() {
					own.SHA256 = sum.sha256
				}
				p.Record = &own
			}
		}
	}
	return nil
}

// hashedBefore finds the hashes that a lock has of r's archive.
func hashedBefore(locked []*record.Record, r *record.Record) hashes {
	for _, old := range locked {
		if artifactKey(old) == artifactKey(r) {
			return hashes{old.MD5, old.SHA256}
		}
	}
	return hashes{}
}

// hash fetches archives and puts their hashes into sums.
func (l *envLocker) hash(ctx context.Context, lack []*record.Record, reqs []fetch.Request, sums map[string]hashes) error {
	stage := l.talk.Stage("md5", 0, report.Things)
	f, err := l.fetcher(nil)
	if err != nil {
		stage.Abort()
		return report.In(report.Fetch, err)
	}
	blobs, err := f.All(ctx, reqs)
	if err != nil {
		stage.Abort()
		return report.In(report.Fetch, err)
	}
	for i, r := range lack {
		sum, err := md5Of(blobs[i])
		if err != nil {
			stage.Abort()
			return err
		}
		sums[artifactKey(r)] = hashes{sum, blobs[i].SHA256}
	}
	stage.Done("of %s without one in their channel", report.Count(len(lack), "archive"))
	return nil
}

func md5Of(b cache.Blob) (digest.MD5, error) {
	f, err := b.Open()
	if err != nil {
		return digest.MD5{}, err
	}
	defer f.Close()
	r := digest.NewBothReader(f, digest.Want{SHA256: b.SHA256, SizeBytes: b.SizeBytes})
	if _, err := io.Copy(io.Discard, r); err != nil {
		return digest.MD5{}, fmt.Errorf("hash %s: %w", b.SHA256, err)
	}
	return r.MD5(), nil
}
