package channel

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/transport"
)

// A Cache keeps indexes between runs. *cache.Cache is one; the terms of its methods are
// those of that type. It has to be safe for concurrent use.
type Cache interface {
	Get(kind string, key digest.SHA256) (*cache.Value, error)
	GetBytes(kind string, key digest.SHA256) ([]byte, error)
	PutBytes(kind string, key digest.SHA256, b []byte) error
	Create(kind string, key digest.SHA256) (*cache.Writer, error)
	Lock(ctx context.Context, kind string, key digest.SHA256) (*cache.Lock, error)
	Remove(kind string, key digest.SHA256) error
	TempFile() (*os.File, error)
}

// Kinds of values in the cache: docs/formats/cache.md.
const (
	kindState  = "channel"         // key: the subdir's URL; a state as JSON
	kindIndex  = "repodata-index"  // key: the bytes it was made of
	kindShards = "repodata-shards" // key: its bytes; a shard index as it came
	kindShard  = "repodata-shard"  // key: the name and the bytes it was made of; a repodata.Shard
)

// A form is one way to say what a subdir holds.
type form string

// The forms, the best first. "none" is a subdir that is not there.
const (
	formShards form = "repodata_shards.msgpack.zst"
	formZst    form = "repodata.json.zst"
	formJSON   form = "repodata.json"
	formNone   form = "none"
)

var forms = [...]form{formShards, formZst, formJSON}

// A state is what is remembered of one subdir of a channel.
type state struct {
	URL          string         `json:"url"`          // of the subdir, without credentials
	At           string         `json:"at,omitempty"` // where it was got: a mirror's URL, or the same
	Form         form           `json:"form"`
	SHA256       digest.SHA256  `json:"sha256,omitzero"` // of the file as it came
	ETag         string         `json:"etag,omitempty"`
	LastModified string         `json:"last_modified,omitempty"`
	Date         string         `json:"date,omitempty"` // the server's, when it last answered
	CheckedUnix  int64          `json:"checked"`        // this machine's clock then, in seconds
	FreshSeconds int64          `json:"fresh,omitempty"`
	Lacks        map[form]int64 `json:"lacks,omitempty"` // forms that were not there, and when, in Unix seconds
	// Of a folder's file.
	SizeBytes int64 `json:"size,omitempty"`
	ModTimeNs int64 `json:"mtime,omitempty"`
}

// stateVersion is in the key: another version of the fields is another state.
const stateVersion = 1

func stateKey(subdirURL string) digest.SHA256 {
	return digest.NewKey("channel state").Int("version", stateVersion).Str("url", subdirURL).Key()
}

func indexKey(sum digest.SHA256) digest.SHA256 {
	return digest.NewKey("repodata index").Int("version", repodata.IndexVersion).Sum("of", sum).Key()
}

func shardsKey(sum digest.SHA256) digest.SHA256 {
	return digest.NewKey("repodata shard index").Sum("of", sum).Key()
}

func shardKey(name string, sum digest.SHA256) digest.SHA256 {
	return digest.NewKey("repodata shard").Int("version", repodata.ShardVersion).Str("name", name).Sum("of", sum).Key()
}

// lacksFor is how long a form that was not there is not asked for again: conda and mamba wait as
// long before they look for repodata.json.zst anew.
const lacksFor = 14 * 24 * time.Hour

func (s *state) lacks(f form, now time.Time) bool {
	at, ok := s.Lacks[f]
	return ok && !outside(now, at, lacksFor)
}

func (s *state) lack(f form, now time.Time) {
	if s.Lacks == nil {
		s.Lacks = map[form]int64{}
	}
	s.Lacks[f] = now.Unix()
}

// fresh tells whether the server said that the file may be used without asking.
func (s *state) fresh(now time.Time) bool {
	return s.FreshSeconds > 0 && !outside(now, s.CheckedUnix, time.Duration(s.FreshSeconds)*time.Second)
}

// outside tells whether now is not within d after then. A clock that has been set back since is outside
// as well: how much time went by cannot be told.
func outside(now time.Time, then int64, d time.Duration) bool {
	age := now.Sub(time.Unix(then, 0))
	return age < 0 || age >= d
}

// answered notes what an answer says about the file and about asking again.
func (s *state) answered(res *http.Response, now time.Time) {
	h := res.Header
	if v := h.Get("ETag"); v != "" || res.StatusCode == http.StatusOK {
		s.ETag = v
	}
	if v := h.Get("Last-Modified"); v != "" || res.StatusCode == http.StatusOK {
		s.LastModified = v
	}
	s.Date, s.CheckedUnix, s.FreshSeconds = h.Get("Date"), now.Unix(), transport.FreshSeconds(h)
}

func readState(c Cache, key digest.SHA256) (state, bool) {
	var s state
	b, err := c.GetBytes(kindState, key)
	if err != nil || json.Unmarshal(b, &s) != nil {
		return state{}, false // not there, damaged or of another time: as good as never seen
	}
	return s, s.Form != ""
}

func writeState(c Cache, key digest.SHA256, s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return c.PutBytes(kindState, key, b)
}
