package pipeline

import (
	"context"
	"fmt"
	"io"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/fetch"
	"github.com/nasa-openscapes/corn/internal/report"
)

// addMD5 gives records an MD5 that their channel does not: conda-lock.yml demands one. The
// archive is fetched for it, which a build would do later anyway.
func (l *envLocker) addMD5(ctx context.Context, answers []*solved) error {
	var lack []*record.Record
	var reqs []fetch.Request
	seen := map[string]bool{}
	for _, s := range answers {
		for _, r := range s.solution.Records() {
			if !r.MD5.IsZero() || seen[artifactKey(r)] {
				continue
			}
			if r.SHA256.IsZero() {
				return report.Hinted(report.Lock, "tell who runs the channel: without a hash nobody can check what is fetched",
					fmt.Errorf("environment %q: channel %s gives neither md5 nor sha256 of %s", s.id, record.Redact(r.Channel), r.FileName))
			}
			seen[artifactKey(r)] = true
			lack = append(lack, r)
			reqs = append(reqs, fetch.Request{Name: r.FileName, URL: r.URL, Want: digest.Want{SHA256: r.SHA256, SizeBytes: r.SizeBytes}})
		}
	}
	if len(reqs) == 0 {
		return nil
	}
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
	sums := map[string]digest.MD5{}
	for i, r := range lack {
		if sums[artifactKey(r)], err = md5Of(blobs[i]); err != nil {
			stage.Abort()
			return err
		}
	}
	stage.Done("of %s without one in their channel", report.Count(len(lack), "archive"))
	for _, s := range answers {
		for i := range s.solution.Packages {
			p := &s.solution.Packages[i]
			if sum, ok := sums[artifactKey(p.Record)]; ok {
				own := *p.Record // it belongs to the index
				own.MD5 = sum
				p.Record = &own
			}
		}
	}
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
		return digest.MD5{}, err
	}
	return r.MD5(), nil
}
