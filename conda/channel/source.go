package channel

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/transport"
)

// A source is one subdir of one channel. After open it does not change, and is safe for
// concurrent use.
type source struct {
	cache  Cache
	client *transport.Client
	opts   *Options
	ch     Channel
	subdir record.Subdir
	url    string // of the subdir in the channel, without a final slash
	key    digest.SHA256

	st     state
	stale  bool // the server could not be asked
	origin repodata.Origin

	// One of the two, or none where the channel lacks the subdir.
	index *repodata.Index
	value *cache.Value // what index reads
	// shards is the index of shards, and shardsAt where they lie.
	shards   *repodata.ShardIndex
	shardsAt string
}

func (s *source) close() {
	if s.value != nil {
		s.value.Close()
	}
}

func (s *source) fail(act, where string, status int, err error) error {
	return &Error{Act: act, Channel: s.ch.Name, Subdir: string(s.subdir), URL: record.Redact(where), Status: status, Err: err, now: s.opts.Now()}
}

const actRead = "read the index"

// open finds the best index there is.
func (s *source) open(ctx context.Context) error {
	if at := s.nearest(); at != "" {
		return s.openFolder(ctx, at)
	}
	st, known := readState(s.cache, s.key)
	now := s.opts.Now()
	if known && (s.opts.Offline || !s.opts.Refresh && st.fresh(now)) && s.use(st) == nil {
		return nil
	}
	if s.opts.Offline {
		return s.fail(actRead, s.url, 0, ErrOffline)
	}
	// One process asks; the others wait and use what it found.
	lock, err := s.cache.Lock(ctx, kindState, s.key)
	if err != nil {
		return err
	}
	defer lock.Unlock() //nolint:errcheck // closing releases it whatever it returns
	if again, ok := readState(s.cache, s.key); ok {
		changed := again.CheckedUnix != st.CheckedUnix || again.SHA256 != st.SHA256
		st, known = again, true
		if changed && !s.opts.Refresh && st.fresh(now) && s.use(st) == nil {
			return nil
		}
	}
	held := known && st.Form != formNone && s.use(st) == nil
	return s.update(ctx, st, held)
}

// use opens what st names from the cache. Any error means that it is not there.
func (s *source) use(st state) error {
	s.close()
	s.index, s.value, s.shards = nil, nil, nil
	base := ""
	switch st.Form {
	case formNone:
	case formShards:
		b, err := s.cache.GetBytes(kindShards, shardsKey(st.SHA256))
		if err != nil {
			return err
		}
		if s.shards, err = repodata.DecodeShardIndex(b); err != nil {
			return err
		}
		base = s.shards.BaseURL
		if s.shardsAt, err = resolve(st.At+"/"+string(formShards), s.shards.ShardsBaseURL); err != nil {
			return err
		}
		// A mirror holds a copy of an index that may name the channel's own place.
		if rest, own := strings.CutPrefix(s.shardsAt, s.url+"/"); own {
			s.shardsAt = st.At + "/" + rest
		}
	default:
		v, err := s.cache.Get(kindIndex, indexKey(st.SHA256))
		if err != nil {
			return err
		}
		ix, err := repodata.OpenIndex(v, v.SizeBytes)
		if err != nil {
			v.Close()
			return err
		}
		s.index, s.value = ix, v
		base = ix.Info().BaseURL
	}
	at, err := resolve(s.url+"/", base)
	if err != nil {
		return err
	}
	s.origin = repodata.Origin{Channel: s.ch.URL, Subdir: s.subdir, BaseURL: at}
	s.st = st
	return nil
}

// resolve puts a URL that an index gives to the index's own. It has to stay on the network, or
// lead from a folder to wherever: what a server sends never reads this machine's files.
func resolve(at, ref string) (string, error) {
	base, err := url.Parse(at)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(ref)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != base.Scheme || u.Host == "" && u.Scheme != "file" {
		return "", &repodata.FormatError{What: "index", Offset: -1, Reason: fmt.Sprintf("base_url %q leads nowhere", record.Redact(ref))}
	}
	clean, _, _ := transport.Split(u.String())
	return strings.TrimRight(clean, "/"), nil
}

// names returns every name that the source holds, sorted.
func (s *source) names(yield func(string) bool) {
	switch {
	case s.index != nil:
		s.index.Names()(yield)
	case s.shards != nil:
		s.shards.Names()(yield)
	}
}

// local tells whether shard needs no network for any name.
func (s *source) local() bool { return s.shards == nil }

// shard returns the records of a name, or nil.
func (s *source) shard(ctx context.Context, name string) (*repodata.Shard, error) {
	switch {
	case s.index != nil:
		sh, err := s.index.Shard(name)
		if err != nil {
			err = s.fail("read the records of "+name, "", 0, err)
		}
		return sh, err
	case s.shards == nil:
		return nil, nil
	}
	sum, ok := s.shards.Sum(name)
	if !ok {
		return nil, nil
	}
	key := shardKey(name, sum)
	if b, err := s.cache.GetBytes(kindShard, key); err == nil {
		if sh, err := repodata.ParseShard(b); err == nil {
			return sh, nil
		}
	} else if !cache.IsMiss(err) {
		return nil, err
	}
	sh, err := s.fetchShard(ctx, name, sum)
	if err != nil {
		return nil, err
	}
	return sh, s.cache.PutBytes(kindShard, key, sh.Bytes())
}

// fetchShard brings a shard from the network or the folder. Bytes that are not those the index
// names are asked for once more, past what caches on the way hold.
func (s *source) fetchShard(ctx context.Context, name string, sum digest.SHA256) (*repodata.Shard, error) {
	where := s.shardsAt + "/" + sum.String() + ".msgpack.zst"
	act := "fetch the records of " + name
	for try := 1; ; try++ {
		b, status, err := s.bytesAt(ctx, where, try > 1)
		if status != 0 {
			return nil, s.fail(act, where, status, err)
		}
		if err == nil && digest.Sum(b) != sum {
			err = &digest.MismatchError{What: "sha256", Want: sum.String(), Got: digest.Sum(b).String(), ReadBytes: int64(len(b))}
		}
		var mismatch *digest.MismatchError
		var broken *transport.BrokenError
		if (errors.As(err, &mismatch) || errors.As(err, &broken)) && try < 2 {
			s.opts.Warn("%s: %v; asking again", record.Redact(where), err)
			continue
		}
		if err != nil {
			return nil, s.fail(act, where, 0, err)
		}
		sh, err := repodata.DecodeShard(name, b)
		if err != nil {
			return nil, s.fail(act, where, 0, err)
		}
		return sh, nil
	}
}

// snapshot says what is used.
func (s *source) snapshot() Source {
	src := Source{Channel: s.ch.URL, Subdir: s.subdir, Form: string(s.st.Form), SHA256: s.st.SHA256, ETag: s.st.ETag, Stale: s.stale}
	if s.st.Form != formNone {
		src.URL = record.Redact(s.url + "/" + string(s.st.Form))
	}
	for _, v := range []string{s.st.LastModified, s.st.Date} {
		if t, err := time.Parse(time.RFC1123, v); err == nil {
			src.Time = t.UTC()
			break
		}
	}
	if s.shards != nil {
		if t, err := time.Parse(time.RFC3339, s.shards.CreatedAt); err == nil {
			src.Time = t.UTC()
		}
	}
	return src
}
