package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Restart is a server that is to be stopped and started again, or was.
type Restart struct {
	User   string `json:"user"`
	Server string `json:"server"` // empty: the default one
	Result string `json:"result"` // "restarted", "not running", "failed", "put back"
	Millis int64  `json:"ms"`

	options map[string]any // that it runs with
}

// Idle lists the servers that run and were not used for a time, in order of users: no trials, and none
// whose user chose an image of another repository.
func Idle(users []User, since time.Time, image Ref) []Restart {
	var out []Restart
	for _, u := range users {
		for _, name := range slices.Sorted(maps.Keys(u.Servers)) {
			s := u.Servers[name]
			used := s.LastActivity
			if used.IsZero() {
				used = s.Started
			}
			if s.Ready && s.Pending == "" && !used.After(since) && !used.IsZero() && !strings.HasPrefix(name, trialPrefix) && !otherImage(s.UserOptions, image) {
				out = append(out, Restart{User: u.Name, Server: name})
			}
		}
	}
	return out
}

// otherImage tells whether options name an image of another repository.
func otherImage(options map[string]any, image Ref) bool {
	for key, v := range options {
		text, _ := v.(string)
		ref, err := ParseRef(text)
		if strings.Contains(key, "image") && err == nil && (ref.Tag != "" || ref.Digest != "") && ref.Normal() != image.Normal() {
			return true
		}
	}
	return false
}

// ParseServer reads USER or USER/SERVER.
func ParseServer(s string) (Restart, error) {
	user, server, _ := strings.Cut(s, "/")
	if user == "" || strings.Contains(server, "/") {
		return Restart{}, fmt.Errorf("server %q: want USER, or USER/SERVER for a named one", s)
	}
	return Restart{User: user, Server: server}, nil
}

// Restarted stops a server and starts it again. The options that its user chose stay, but for
// images of the repository, which become the new one: a saved option pins the image of last time.
// A server that does not run is left. One that does not start again is started with what it had
// before, and the error says how that went.
func (c *Client) Restarted(ctx context.Context, r *Restart, to Ref, limit time.Duration, say func(string, ...any)) error {
	began := time.Now()
	defer func() { r.Millis = time.Since(began).Milliseconds() }()
	ctx, cancel := context.WithTimeout(ctx, orElse(limit, 10*time.Minute))
	defer cancel()
	u, err := c.User(ctx, r.User)
	if err != nil {
		r.Result = "failed"
		return err
	}
	s, there := u.Servers[r.Server]
	if !there || !s.Ready && s.Pending == "" {
		r.Result = "not running"
		return nil
	}
	r.options = s.UserOptions
	next, _ := repoint(s.UserOptions, to).(map[string]any)
	if err := c.Stop(ctx, r.User, r.Server, false); err != nil {
		r.Result = "failed"
		return err
	}
	if err := c.startAndFollow(ctx, r, next, say); err != nil {
		r.Result = "failed"
		return errors.Join(err, c.PutBack(ctx, r, say))
	}
	r.Result = "restarted"
	return nil
}

// PutBack starts a server that a restart stopped with the options that it had. Also when ctx has
// ended: nobody is left without a server.
func (c *Client) PutBack(ctx context.Context, r *Restart, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	if err := c.Stop(ctx, r.User, r.Server, false); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := c.startAndFollow(ctx, r, r.options, say); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	r.Result = "put back"
	say("%s runs again as it did before", ShowServer(r.User, r.Server))
	return nil
}

func (c *Client) startAndFollow(ctx context.Context, r *Restart, options map[string]any, say func(string, ...any)) error {
	if err := c.Start(ctx, r.User, r.Server, options); err != nil {
		return err
	}
	return c.Follow(ctx, r.User, r.Server, func(e Event) {
		if e.Message != "" {
			say("%s: %s", ShowServer(r.User, r.Server), e.Message)
		}
	})
}

// repoint copies options with every image of the repository made the new one.
func repoint(v any, to Ref) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, sub := range v {
			out[k] = repoint(sub, to)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, sub := range v {
			out[i] = repoint(sub, to)
		}
		return out
	case string:
		ref, err := ParseRef(v)
		if err == nil && (ref.Tag != "" || ref.Digest != "") && ref.Normal() == to.Normal() {
			return ref.with(to).String()
		}
	}
	return v
}
