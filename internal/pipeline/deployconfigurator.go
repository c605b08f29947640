package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A DeployConfiguratorRequest says which hub's configurator gets which image. The token is in the
// environment (hub.TokenVariable).
type DeployConfiguratorRequest struct {
	DeployHubRequest        // Hub, Image, User, Default, Platform, CacheDir, StartLimit, NoTrial
	Service          string // empty: hub.DefaultService
}

// A DeployConfiguratorResult is what --json prints. docs/formats/deploy-json.md describes it.
type DeployConfiguratorResult struct {
	Format   int              `json:"format"` // 1
	Hub      string           `json:"hub"`
	Image    string           `json:"image"`    // that is set now
	Key      string           `json:"key"`      // that it is set as
	Previous string           `json:"previous"` // image before; may be empty
	Changed  bool             `json:"changed"`
	Warnings []string         `json:"warnings"`
	Trial    *hub.TrialResult `json:"trial,omitempty"`
}

// DeployConfigurator sets the image on a hub with the configurator service: after the image was
// found in its registry, for the service validates nothing. A server is started as users start
// theirs; when it does not work the image before is put back.
func DeployConfigurator(ctx context.Context, req DeployConfiguratorRequest, talk *report.Printer) (*DeployConfiguratorResult, error) {
	d := &deployHub{req: req.DeployHubRequest, talk: talk}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	service := req.Service
	if service == "" {
		service = hub.DefaultService
	}
	image := d.image.ref.String()
	before, err := d.client.Configure(ctx, service, image)
	if err != nil {
		if before != nil && before.Image() != image { // it may have been saved, and not read again
			back := d.client.Unconfigure(context.WithoutCancel(ctx), before, image)
			if !isA[*hub.ConflictError](back) {
				err = errors.Join(err, back)
			}
		}
		return nil, d.classify(err)
	}
	res := &DeployConfiguratorResult{
		Format: 1, Hub: d.client.URL, Image: image, Key: before.Key, Previous: before.Image(), Changed: before.Image() != image, Warnings: d.res.Warnings,
	}
	talk.Say("hub        %s is %s, was %s", before.Key, image, orNone(before.Image()))
	if req.NoTrial {
		return res, nil
	}
	if err := d.tryWith(ctx, map[string]any{}); err != nil {
		if !res.Changed {
			return nil, err
		}
		if back := d.client.Unconfigure(context.WithoutCancel(ctx), before, image); back != nil {
			return nil, errors.Join(err, back)
		}
		return nil, report.Hinted(report.Hub, fmt.Sprintf("%s is %s again", before.Key, orNone(before.Image())), err)
	}
	res.Trial = d.res.Trial
	return res, nil
}

func orNone(s string) string {
	if s == "" {
		return "not set"
	}
	return s
}
