package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A DeployHubRequest says which hub tries and takes which image. The token is in the environment
// (hub.TokenVariable).
type DeployHubRequest struct {
	Hub      string // address
	Image    string // of a registry
	User     string // whose trial server it is; empty: the token's own user
	Default  bool   // try with the user's default server, where a hub has no named ones
	Profile  string // slug of a profile that takes any image; empty: the spawner takes the option "image"
	Option   string // of the profile, for the image; empty: "image"
	Options  []string
	Platform string
	Values   []string // files to edit when the trial worked
	Restart  []string // USER[/SERVER]
	Idle     time.Duration
	NoTrial  bool // restart only
	CacheDir string

	StartLimit time.Duration // of a server; 0: 10 minutes
}

// A DeployHubResult is what --json prints. docs/formats/deploy-json.md describes it.
type DeployHubResult struct {
	Format   int              `json:"format"` // 1
	Hub      string           `json:"hub"`
	Version  string           `json:"version"` // of the hub
	Image    string           `json:"image"`   // with its digest
	Warnings []string         `json:"warnings"`
	Trial    *hub.TrialResult `json:"trial,omitempty"`
	Values   []*hub.Edited    `json:"values"`
	Restarts []hub.Restart    `json:"restarts"`
}

// deployHub is a deploy in progress.
type deployHub struct {
	req    DeployHubRequest
	client *hub.Client
	image  *deployed
	edits  []valuesEdit
	res    *DeployHubResult
	talk   *report.Printer
}

// DeployHub tries an image on a hub, then edits values files, then restarts servers. A step that
// fails ends it, and what was changed is put back: the files, and the server that did not start.
// Those that were restarted before it are named in the error.
func DeployHub(ctx context.Context, req DeployHubRequest, talk *report.Printer) (*DeployHubResult, error) {
	d := &deployHub{req: req, talk: talk}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	if !req.NoTrial {
		if err := d.try(ctx); err != nil {
			return nil, err
		}
	}
	if err := writeValues(d.edits); err != nil {
		return nil, errors.Join(err, restoreWritten(d.edits))
	}
	if err := d.restart(ctx); err != nil {
		if back := restoreValues(d.edits); back != nil {
			err = errors.Join(err, fmt.Errorf("roll back the values files: %w", back))
		} else if len(d.edits) > 0 {
			talk.Say("hub        the values files are as they were")
		}
		return nil, report.In(report.Hub, err)
	}
	return d.res, nil
}

// restoreWritten puts back those files that a write that broke off had changed already.
func restoreWritten(edits []valuesEdit) error {
	var written []valuesEdit
	for _, e := range edits {
		if now, err := os.ReadFile(e.path); err == nil && string(now) == string(e.After) {
			written = append(written, e)
		}
	}
	return restoreValues(written)
}

// prepare looks at everything that can be wrong before anything is changed.
func (d *deployHub) prepare(ctx context.Context) error {
	var err error
	if d.client, err = connectHub(d.req.Hub, d.talk); err != nil {
		return err
	}
	for _, text := range d.req.Restart {
		if _, err := hub.ParseServer(text); err != nil {
			return report.In(report.Usage, err)
		}
	}
	if d.image, err = openDeployed(ctx, d.req.Image, "", d.req.Platform, d.req.CacheDir, d.talk); err != nil {
		return err
	}
	d.talk.Say("registry   %s is there", d.image.ref)
	for _, w := range d.image.warnings {
		d.talk.Warn("%s", w)
	}
	d.res = &DeployHubResult{
		Format: 1, Hub: d.client.URL, Image: d.image.ref.String(), Warnings: append([]string{}, d.image.warnings...),
		Values: []*hub.Edited{}, Restarts: []hub.Restart{},
	}
	if len(d.req.Values) > 0 {
		values := d.image.ref
		if values.Tag != "" && !strings.Contains(d.req.Image, "@") {
			values.Digest = "" // as the image was named
		}
		if d.edits, err = planValues(DeployValuesRequest{Images: []string{values.String()}, Files: d.req.Values}, d.talk); err != nil {
			return err
		}
		for _, e := range d.edits {
			d.res.Values = append(d.res.Values, e.Edited)
		}
	}
	return d.meet(ctx)
}

// connectHub returns a client with the token of the environment.
func connectHub(address string, talk *report.Printer) (*hub.Client, error) {
	client, err := hub.NewClient(address, os.Getenv(hub.TokenVariable))
	if errors.Is(err, hub.ErrNoToken) {
		return nil, report.Hinted(report.Usage, "make a token on the hub's token page, or one of a service; corn deploy hub --help has the scopes", err)
	}
	if err != nil {
		return nil, report.In(report.Usage, err)
	}
	if u, err := url.Parse(client.URL); err == nil && u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		talk.Warn("%s is not https: everybody on the way can read the token", client.URL)
	}
	return client, nil
}

// meet asks the hub who it is and what the token may do.
func (d *deployHub) meet(ctx context.Context) error {
	var err error
	if d.res.Version, err = d.client.Version(ctx); err != nil {
		return d.classify(err)
	}
	self, err := d.client.Self(ctx)
	if err != nil {
		return d.classify(err)
	}
	d.talk.Say("hub        %s, JupyterHub %s, token of %s %s", d.client.URL, d.res.Version, self.Kind, self.Name)
	if d.req.User == "" && !d.req.NoTrial {
		if self.Kind != "user" {
			return report.In(report.Usage, fmt.Errorf("the token is of the service %s: want --user, whose trial server it is to be", self.Name))
		}
		d.req.User = self.Name
	}
	if len(self.Scopes) == 0 {
		return nil // an old hub does not say; its 403 will
	}
	if d.req.Idle > 0 && !hub.MayScope(self.Scopes, "list:users", "") {
		return report.In(report.Hub, &hub.ScopeError{Scope: "list:users", Act: "restart idle servers"})
	}
	if d.req.NoTrial {
		return nil
	}
	for _, scope := range []string{"read:users:name", "read:servers", "servers", "access:servers"} {
		if !hub.MayScope(self.Scopes, scope, d.req.User) {
			return report.In(report.Hub, &hub.ScopeError{Scope: scope + "!user=" + d.req.User, Act: "try the image as " + d.req.User})
		}
	}
	return nil
}

// classify gives errors of the hub their class and hint.
func (d *deployHub) classify(err error) error {
	switch {
	case err == nil:
		return nil
	case isA[*hub.TrialError](err):
		return report.Hinted(report.Kernels, "nothing was changed on the hub; corn test shows what is wrong with the image on this machine", err)
	case isA[*hub.SpawnError](err):
		return report.Hinted(report.Hub, "nothing was changed on the hub; these are the spawner's own words", err)
	case isA[*url.Error](err):
		return report.Hinted(report.Hub, "look whether "+d.client.URL+" answers in a browser; nothing was changed", err)
	}
	return report.In(report.Hub, err)
}

func (d *deployHub) say(format string, args ...any) { d.talk.Say("hub        "+format, args...) }

// options are what the spawner takes the image from.
func (d *deployHub) options() (map[string]any, error) {
	name := d.req.Option
	if name == "" {
		name = "image"
	}
	o := map[string]any{name: d.image.ref.String()}
	if d.req.Profile != "" { // KubeSpawner 7, profile_options with unlisted_choice
		o = map[string]any{"profile": d.req.Profile, name + "--unlisted-choice": d.image.ref.String()}
	}
	for _, text := range d.req.Options {
		k, v, ok := strings.Cut(text, "=")
		if !ok || k == "" {
			return nil, report.In(report.Usage, fmt.Errorf("--option %q: want KEY=VALUE", text))
		}
		o[k] = v
	}
	return o, nil
}

func (d *deployHub) try(ctx context.Context) error {
	options, err := d.options()
	if err != nil {
		return err
	}
	return d.tryWith(ctx, options)
}

// tryWith starts a server with options and looks whether the image works in it.
func (d *deployHub) tryWith(ctx context.Context, options map[string]any) error {
	var err error
	stage := d.talk.Stage("trial", 0, report.Things)
	d.res.Trial, err = d.client.Try(ctx, hub.Trial{
		User: d.req.User, Default: d.req.Default, Options: options, Image: d.image.ref, Kernels: d.image.kernels,
		Prefix: d.image.prefixes, MetadataSum: d.image.sum, StartLimit: d.req.StartLimit,
	}, d.say)
	if err != nil {
		stage.Abort()
		return d.classify(err)
	}
	stage.Done("%s tried on %s", report.Count(len(d.res.Trial.Kernels), "kernel"), d.client.URL)
	return nil
}

// restart restarts the servers that were named, then the idle ones. The first that fails ends it.
func (d *deployHub) restart(ctx context.Context) error {
	var list []hub.Restart
	for _, text := range d.req.Restart {
		r, err := hub.ParseServer(text)
		if err != nil {
			return err
		}
		list = append(list, r)
	}
	if d.req.Idle > 0 {
		users, err := d.client.Running(ctx)
		if err != nil {
			return err
		}
		for _, r := range hub.Idle(users, time.Now().Add(-d.req.Idle), d.image.ref) {
			if !slices.ContainsFunc(list, func(have hub.Restart) bool { return have.User == r.User && have.Server == r.Server }) {
				list = append(list, r)
			}
		}
	}
	var done []string
	for i := range list {
		r := &list[i]
		err := d.client.Restarted(ctx, r, d.image.ref, d.req.StartLimit, d.say)
		d.res.Restarts = append(d.res.Restarts, *r)
		if err != nil {
			if len(done) > 0 {
				err = fmt.Errorf("%w\nthese run with the new image already: %s", err, strings.Join(done, ", "))
			}
			return err
		}
		if r.Result == "restarted" {
			done = append(done, hub.ShowServer(r.User, r.Server))
		}
		d.say("%s: %s", hub.ShowServer(r.User, r.Server), r.Result)
	}
	return nil
}
