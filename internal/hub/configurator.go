package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// DefaultService is what hubs call the configurator.
const DefaultService = "configurator"

// A Configuration is what a hub's configurator has saved: the older one answers with the values
// alone, the newer one with values and a schema that says which traitlet each sets.
type Configuration struct {
	Service string
	Key     string // of the image among the values: "KubeSpawner.image", "z2jh.image"
	Values  map[string]json.RawMessage
}

// Image is the configured image; "" where none is.
func (c *Configuration) Image() string {
	var s string
	if json.Unmarshal(c.Values[c.Key], &s) != nil {
		return ""
	}
	return s
}

// A ConflictError reports that somebody else saved a configuration at the same time. The
// configurator replaces everything that it has, and has no way to tell.
type ConflictError struct{ Key, Want, Got string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("somebody else saves the configuration at the same time: %s is %s, want %s", e.Key, e.Got, e.Want)
}

// Hint says what to do.
func (e *ConflictError) Hint() string {
	return "look at the configurator's page, agree with the other admin, and run it again"
}

const olderKey = "KubeSpawner.image"

// Configuration asks a hub's configurator for what it has.
func (c *Client) Configuration(ctx context.Context, service string) (*Configuration, error) {
	act := "read the configuration"
	var raw json.RawMessage
	status, err := c.call(ctx, act, "access:services!service="+service, http.MethodGet, configPath(service), nil, &raw, http.StatusOK)
	if status == http.StatusNotFound {
		return nil, &APIError{act, status, "the hub has no service called " + service}
	}
	if err != nil {
		return nil, err
	}
	return parseConfiguration(service, raw)
}

func configPath(service string) string { return "/services/" + url.PathEscape(service) + "/config" }

func parseConfiguration(service string, raw json.RawMessage) (*Configuration, error) {
	fields, err := objectOf(raw)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	schema, newer := fields["schema"]
	config, both := fields["config"]
	if !newer || !both {
		return &Configuration{Service: service, Key: olderKey, Values: fields}, nil
	}
	out := &Configuration{Service: service}
	if out.Values, err = objectOf(config); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var s struct {
		Properties map[string]struct{ Traitlet string }
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("read the configuration's schema: %w", err)
	}
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if s.Properties[name].Traitlet == olderKey {
			return named(out, name), nil
		}
		if strings.HasSuffix(s.Properties[name].Traitlet, "Spawner.image") {
			keys = append(keys, name)
		}
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("the configurator's schema has %d keys that set the image %q, want one that sets %s", len(keys), keys, olderKey)
	}
	return named(out, keys[0]), nil
}

func named(c *Configuration, key string) *Configuration {
	c.Key = key
	return c
}

// objectOf reads an object, or one that was saved as a text; null is an empty one.
func objectOf(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		raw = json.RawMessage(text)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, errors.New("what the configurator has is no JSON object")
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	return fields, nil
}

// Configure sets the image: it reads what there is, replaces the image, writes all, and reads again.
// before is what there was. It is safe to run again: an image that is set already is not written.
func (c *Client) Configure(ctx context.Context, service, image string) (before *Configuration, err error) {
	if before, err = c.Configuration(ctx, service); err != nil || before.Image() == image {
		return before, err
	}
	value, err := json.Marshal(image)
	if err != nil {
		return before, err
	}
	return before, c.configure(ctx, before, value)
}

// Unconfigure puts the image back that before had, and leaves what others saved since.
func (c *Client) Unconfigure(ctx context.Context, before *Configuration, image string) error {
	now, err := c.Configuration(ctx, before.Service)
	if err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if now.Image() != image {
		return &ConflictError{now.Key, image, now.Image()}
	}
	if err := c.configure(ctx, now, before.Values[before.Key]); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// configure saves the values of a configuration with another image; nil is none.
func (c *Client) configure(ctx context.Context, now *Configuration, image json.RawMessage) error {
	next := maps.Clone(now.Values)
	want := &Configuration{Service: now.Service, Key: now.Key, Values: next}
	if next[now.Key] = image; image == nil {
		delete(next, now.Key)
	}
	_, err := c.call(ctx, "save the configuration", "access:services!service="+now.Service, http.MethodPost, configPath(now.Service), next, nil,
		http.StatusOK, http.StatusNoContent)
	if err != nil {
		return err
	}
	got, err := c.Configuration(ctx, now.Service)
	if err != nil {
		return err
	}
	if got.Image() != want.Image() {
		return &ConflictError{now.Key, want.Image(), got.Image()}
	}
	return nil
}
