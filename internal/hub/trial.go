package hub

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/jupyter"
)

// A Trial is a server that is started with an image to see that it works, and stopped.
type Trial struct {
	User    string
	Default bool // the user's default server, not a named one; it must not run
	Options map[string]any
	Image   Ref
	Kernels []Kernel // that the image says it has; none: those that it lists are run
	Prefix  map[string]string
	// MetadataSum is the SHA-256 of the image's /opt/corn/image.json in hexadecimal, by which Python
	// kernels prove which image they run in. Empty: not known.
	MetadataSum string

	StartLimit  time.Duration // of the server; zero: 10 minutes
	KernelLimit time.Duration // of one kernel; zero: 2 minutes
}

// trialPrefix begins the names of trial servers. Each run has its own: two deploys at once do not
// meet.
const trialPrefix = "corn-trial-"

// A TrialResult is what became of a trial.
type TrialResult struct {
	User    string         `json:"user"`
	Server  string         `json:"server"` // name; empty: the default one
	Events  []string       `json:"events"` // what the spawner said
	Millis  int64          `json:"start_ms"`
	Kernels []KernelResult `json:"kernels"`
}

// A KernelResult is how one kernel did.
type KernelResult struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Result      string `json:"result"` // "passed", "failed", "missing"
	Detail      string `json:"detail,omitempty"`
	Millis      int64  `json:"ms"`
}

// A TrialError reports an image whose kernels do not work on the hub.
type TrialError struct{ Kernels []KernelResult } // those that failed

func (e *TrialError) Error() string {
	s := "the image does not work on the hub:"
	for _, k := range e.Kernels {
		s += fmt.Sprintf("\nkernel %s %s", k.Name, k.Result)
		if k.Detail != "" {
			s += ": " + k.Detail
		}
	}
	return s
}

// cleanLimit is how long stopping a trial may take after the deploy itself was stopped.
const cleanLimit = time.Minute

// Try starts the trial's server, runs a cell in each kernel and stops it again, also when ctx ends
// meanwhile. say tells of progress and may not be nil. A *TrialError comes with a result.
func (c *Client) Try(ctx context.Context, t Trial, say func(format string, args ...any)) (res *TrialResult, err error) {
	res = &TrialResult{User: t.User, Events: []string{}, Kernels: []KernelResult{}}
	u, err := c.User(ctx, t.User)
	if err != nil {
		return nil, err
	}
	if t.Default {
		if s, there := u.Servers[""]; there && (s.Ready || s.Pending != "") {
			return nil, fmt.Errorf("the server of %s runs: a trial would end it", t.User)
		}
	} else {
		res.Server = trialPrefix + strings.ToLower(rand.Text()[:8])
		if err := c.sweep(ctx, u, say); err != nil {
			return nil, err
		}
	}
	began, server := time.Now(), res.Server
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
		defer cancel()
		if stopErr := c.Stop(stopCtx, t.User, server, true); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("the trial is left: %w", stopErr))
		}
	}()
	startCtx, cancel := context.WithTimeout(ctx, orElse(t.StartLimit, 10*time.Minute))
	defer cancel()
	if err := c.Start(startCtx, t.User, res.Server, t.Options); err != nil {
		return nil, err
	}
	err = c.Follow(startCtx, t.User, res.Server, func(e Event) {
		if e.Message != "" {
			res.Events = append(res.Events, e.Message)
			say("%3.0f %% %s", e.Progress, e.Message)
		}
	})
	if err != nil && ctx.Err() == nil && errors.Is(startCtx.Err(), context.DeadlineExceeded) {
		return nil, &SpawnError{ShowServer(t.User, server), append(reasons(res.Events), fmt.Sprintf("it was given %v", orElse(t.StartLimit, 10*time.Minute)))}
	}
	if err != nil {
		return nil, err
	}
	res.Millis = time.Since(began).Milliseconds()
	if u, err = c.User(ctx, t.User); err != nil {
		return nil, err
	}
	s := jupyter.Connect(c.URL+"/user/"+strings.Trim(ownPath(u, t.User, res.Server), "/"), c.token)
	return res, c.kernels(ctx, s, t, res, say)
}

// ownPath is a server's path behind /user/, from what the hub says, which knows how names are
// escaped.
func ownPath(u *User, user, server string) string {
	if _, p, ok := strings.Cut(u.Servers[server].URL, "/user/"); ok {
		return p
	}
	return ShowServer(user, server)
}

// sweep removes trials that a deploy left that was killed: they are an hour old, which no trial is.
func (c *Client) sweep(ctx context.Context, u *User, say func(string, ...any)) error {
	for _, name := range slices.Sorted(maps.Keys(u.Servers)) {
		if !strings.HasPrefix(name, trialPrefix) {
			continue
		}
		s := u.Servers[name]
		began := s.Started
		if began.IsZero() {
			began = s.LastActivity
		}
		if time.Since(began) < time.Hour && !s.Stopped {
			say("%s is the trial of another deploy, and is left", ShowServer(u.Name, name))
			continue
		}
		say("%s was left by a deploy that was killed, and is removed", ShowServer(u.Name, name))
		if err := c.Stop(ctx, u.Name, name, true); err != nil {
			return err
		}
	}
	return nil
}

// kernels compares the server's kernels with the build's, and runs a cell in each.
func (c *Client) kernels(ctx context.Context, s *jupyter.Server, t Trial, res *TrialResult, say func(string, ...any)) error {
	specs, _, err := s.Kernelspecs(ctx)
	if status, ok := errors.AsType[*jupyter.StatusError](err); ok && status.Got == http.StatusForbidden {
		return &ScopeError{Scope: "access:servers!user=" + t.User, Act: "use the server " + ShowServer(t.User, res.Server)}
	}
	if err != nil {
		return fmt.Errorf("list the kernels of %s: %w", ShowServer(t.User, res.Server), err)
	}
	want := t.Kernels
	if len(want) == 0 {
		for _, name := range slices.Sorted(maps.Keys(specs)) {
			want = append(want, Kernel{Name: name, DisplayName: specs[name].Spec.DisplayName, Language: specs[name].Spec.Language})
		}
	}
	var bad []KernelResult
	for _, k := range want {
		out := KernelResult{Name: k.Name, DisplayName: k.DisplayName, Result: "passed"}
		spec, there := specs[k.Name]
		began := time.Now()
		switch {
		case !there:
			out.Result, out.Detail = "missing", fmt.Sprintf("the server has %q: does it run another image?", slices.Sorted(maps.Keys(specs)))
		case spec.Spec.DisplayName != k.DisplayName:
			out.Result, out.Detail = "failed", fmt.Sprintf("it is called %q there, and %q in the build: does the server run another image?", spec.Spec.DisplayName, k.DisplayName)
		default:
			if problem := runCell(ctx, s, k, t); problem != "" {
				out.Result, out.Detail = "failed", problem
			} else if code, _ := cellOf(k.Language); code == "" {
				out.Detail = "it answers; corn knows no cell for the language " + k.Language
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out.Millis = time.Since(began).Milliseconds()
		say("kernel %s: %s", k.Name, out.Result)
		res.Kernels = append(res.Kernels, out)
		if out.Result != "passed" {
			bad = append(bad, out)
		}
	}
	if len(bad) > 0 {
		return &TrialError{bad}
	}
	return nil
}

// runCell starts a kernel and runs code in it; what is wrong, or "". A Python kernel says where it
// runs and in which image.
func runCell(ctx context.Context, s *jupyter.Server, k Kernel, t Trial) string {
	ctx, cancel := context.WithTimeout(ctx, orElse(t.KernelLimit, 2*time.Minute))
	defer cancel()
	kernel, err := s.StartKernel(ctx, k.Name)
	if err != nil {
		return err.Error()
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = kernel.Stop(stopCtx) // the server is stopped soon, and with it the kernel
	}()
	code, python := cellOf(k.Language)
	if code == "" {
		return "" // it answered: nothing more is known of its language
	}
	r, err := kernel.Execute(ctx, code, nil)
	switch {
	case err != nil:
		return err.Error()
	case r.Status != "ok":
		return fmt.Sprintf("the cell failed: %s: %s", r.ErrorName, r.ErrorValue)
	case !python && strings.TrimSpace(r.Stdout) != "42":
		return fmt.Sprintf("the cell printed %q, want 42", r.Stdout)
	case !python:
		return ""
	}
	var said struct{ Prefix, Sum string }
	if err := json.Unmarshal([]byte(strings.TrimSpace(r.Stdout)), &said); err != nil {
		return fmt.Sprintf("the cell printed %q, want JSON", r.Stdout)
	}
	if want := t.Prefix[k.Env]; want != "" && said.Prefix != want {
		return fmt.Sprintf("it runs in %s, want %s", said.Prefix, want)
	}
	if t.MetadataSum != "" && said.Sum != t.MetadataSum {
		return "the server runs another image: its /opt/corn/image.json is not this build's"
	}
	return ""
}

// cellOf is the code to run in a language.
func cellOf(language string) (code string, python bool) {
	switch strings.ToLower(language) {
	case "python", "ipython":
		return pythonCell, true
	case "r":
		return "cat(40 + 2)", false
	case "julia":
		return "print(40 + 2)", false
	case "bash":
		return "echo $((40 + 2))", false
	case "javascript", "typescript":
		return "console.log(40 + 2)", false
	}
	return "", false
}

const pythonCell = `import hashlib, json, sys
try:
    with open("/opt/corn/image.json", "rb") as f:
        s = hashlib.sha256(f.read()).hexdigest()
except OSError:
    s = ""
print(json.dumps({"prefix": sys.prefix, "sum": s}))`

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
