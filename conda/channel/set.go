package channel

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nasa-openscapes/corn/conda/record"
	"github.com/nasa-openscapes/corn/conda/repodata"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/transport"
)

// Options of Open. The zero value is the default.
type Options struct {
	Config      Config
	Credentials Credentials // from files; those in channels' URLs come by themselves
	Dir         string      // what relative paths of channels start from; empty means the working folder
	Offline     bool        // nothing but the cache, however old it is
	Refresh     bool        // ask the servers even where the cache is fresh
	Jobs        int         // requests at a time; zero means 16
	UserAgent   string
	RetryWait   time.Duration     // the first pause before a request is made again; zero means 500 ms
	Transport   http.RoundTripper // for the bytes; nil means Go's, with Config's proxies and TLS
	Now         func() time.Time  // nil means time.Now
	// Warn is told what went wrong and was got around, Received of bytes as they come from the network.
	// Both may be nil and are called concurrently. Neither is shown a secret.
	Warn     func(format string, args ...any)
	Received func(bytes int64)
}

// A Set is the open indexes of some channels and subdirs. It is safe for concurrent use.
type Set struct {
	channels []Channel
	sources  []*source // in the order of channels, then subdirs
	client   *transport.Client
	jobs     int

	mu       sync.Mutex
	names    map[string]*loaded
	mentions map[string]bool // names that constrains and conditions of what is loaded speak of
	err      error           // the first one of Records

	all     sync.Once
	allList []string
}

// loaded is what is known of one name.
type loaded struct {
	shards  []placed // emptied once they are decoded
	depends []string

	once   sync.Once
	groups []record.Group

	makeAll sync.Once
	recs    []*record.Record
}

type placed struct {
	shard *repodata.Shard
	in    *source
}

// Open opens the indexes of channels, the one with the highest priority first, each for all of
// subdirs; a platform's and noarch, as a rule. Channels are as users write them ([Config.Resolve]).
// A channel that has none of the subdirs is an *Error that wraps ErrNoIndex. All indexes are
// opened side by side, and the first failure ends the rest. Close the Set when done.
func Open(ctx context.Context, c Cache, channels []string, subdirs []record.Subdir, o Options) (*Set, error) {
	o.Jobs = cmp.Or(max(o.Jobs, 0), 16)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	s := &Set{jobs: o.Jobs, names: map[string]*loaded{}, mentions: map[string]bool{}}
	var creds []Credential
	for _, text := range channels {
		chs, cs, err := o.Config.Resolve(text, o.Dir)
		if err != nil {
			return nil, err
		}
		creds = append(creds, cs...)
		for _, ch := range chs {
			if !slices.ContainsFunc(s.channels, func(have Channel) bool { return have.URL == ch.URL }) {
				s.channels = append(s.channels, ch)
			}
		}
	}
	var err error
	s.client, err = NewClient(ClientOptions{Config: o.Config, Credentials: o.Credentials, UserAgent: o.UserAgent,
		RetryWait: o.RetryWait, Transport: o.Transport, Warn: o.Warn, Received: o.Received}, creds...)
	if err != nil {
		return nil, err
	}
	for _, ch := range s.channels {
		for _, sub := range subdirs {
			at := record.Join(ch.URL, sub, "")
			s.sources = append(s.sources, &source{cache: c, client: s.client, opts: &o, ch: ch, subdir: sub, url: at, key: stateKey(at)})
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.jobs)
	for _, src := range s.sources {
		g.Go(func() error { return src.open(gctx) })
	}
	err = g.Wait()
	if err == nil {
		err = s.checkThere(len(subdirs))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// checkThere finds channels that have no subdir at all.
func (s *Set) checkThere(perChannel int) error {
	for group := range slices.Chunk(s.sources, max(1, perChannel)) {
		if !slices.ContainsFunc(group, func(src *source) bool { return src.st.Form != formNone }) {
			src := group[0]
			return &Error{Act: actRead, Channel: src.ch.Name, URL: record.Redact(src.ch.URL), Err: ErrNoIndex, now: src.opts.Now()}
		}
	}
	return nil
}

// Close closes the indexes. Records that were handed out stay valid.
func (s *Set) Close() {
	for _, src := range s.sources {
		src.close()
	}
}

// Channels are the channels in order of priority; their URLs are those in the records.
func (s *Set) Channels() []Channel { return slices.Clone(s.channels) }

// Client asks servers as the Set does, with the credentials of its channels.
func (s *Set) Client() *transport.Client { return s.client }

// Records returns the records of a name, in the order of channels, subdirs and file names; nil where
// there are none. They are decoded when they are first asked for, and shared: treat them as read-only.
// Equal lists of dependencies of one name in one subdir are the same slice.
//
// There is no network here: where shards have to be fetched, Closure has to have loaded the name. One that
// only constrains or conditions of loaded records mention has no records then, for nothing can bring
// it in; any other is a *NotLoadedError. What goes wrong is told by Err, for this method is what
// a solver calls.
func (s *Set) Records(name string) []*record.Record {
	l := s.find(name)
	if l == nil {
		return nil
	}
	l.makeAll.Do(func() {
		for _, g := range s.groups(l) {
			l.recs = append(l.recs, g.Records()...)
		}
	})
	return l.recs
}

// Groups returns what Records does, in groups whose records are made when they are asked for. It always can.
func (s *Set) Groups(name string) ([]record.Group, bool) {
	l := s.find(name)
	if l == nil {
		return nil, true
	}
	return s.groups(l), true
}

// find returns what is known of a name; nil where there is nothing.
func (s *Set) find(name string) *loaded {
	s.mu.Lock()
	l, mentioned := s.names[name], s.mentions[name]
	s.mu.Unlock()
	if l != nil {
		return l
	}
	for _, src := range s.sources {
		if !src.local() {
			if _, ok := src.shards.Sum(name); ok {
				if !mentioned {
					s.fail(&NotLoadedError{Name: name})
				}
				return nil
			}
		}
	}
	l, err := s.load(context.Background(), name) // reads the cache alone
	if err != nil {
		s.fail(err)
		return nil
	}
	return l
}

// groups decodes the shards of a name, once.
func (s *Set) groups(l *loaded) []record.Group {
	l.once.Do(func() {
		for _, p := range l.shards {
			groups, err := p.shard.Groups(p.in.origin)
			if err != nil {
				s.fail(err)
				continue
			}
			l.groups = append(l.groups, groups...)
		}
		l.shards = nil
	})
	return l.groups
}

// Loaded tells whether Closure or Load brought the name.
func (s *Set) Loaded(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[name] != nil
}

func (s *Set) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = cmp.Or(s.err, err)
}

// Err returns the first error of Records, nil if all was well. A solve that used the Set is worth
// nothing unless it is nil.
func (s *Set) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// load brings the shards of one name from all sources, once.
func (s *Set) load(ctx context.Context, name string) (*loaded, error) {
	s.mu.Lock()
	l := s.names[name]
	s.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l = &loaded{}
	for _, src := range s.sources {
		sh, err := src.shard(ctx, name)
		if err != nil {
			return nil, err
		}
		if sh == nil {
			continue
		}
		l.shards = append(l.shards, placed{sh, src})
		l.depends = append(l.depends, sh.DependNames()...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.names[name]; first != nil {
		return first, nil
	}
	s.names[name] = l
	for _, p := range l.shards {
		for _, m := range p.shard.MentionNames() {
			s.mentions[m] = true
		}
	}
	return l, nil
}

// Snapshot says what indexes a Set used, in the order of channels and subdirs.
type Snapshot []Source

// A Source is one index that was used. It holds no secret and no time of this machine's clock.
type Source struct {
	Channel string        `json:"channel"` // base URL
	Subdir  record.Subdir `json:"subdir"`
	URL     string        `json:"url,omitempty"` // of the index; empty where the channel lacks the subdir
	Form    string        `json:"form"`          // its file name, or "none"
	SHA256  digest.SHA256 `json:"sha256,omitzero"`
	ETag    string        `json:"etag,omitempty"`
	Time    time.Time     `json:"time,omitzero"` // the server's word for when it was made, else when it answered
	Stale   bool          `json:"stale,omitempty"`
}

// Snapshot says what indexes are used.
func (s *Set) Snapshot() Snapshot {
	var all Snapshot
	for _, src := range s.sources {
		all = append(all, src.snapshot())
	}
	return all
}
