package pipeline

import (
	"context"
	"path"

	"github.com/nasa-openscapes/corn/internal/hub"
	"github.com/nasa-openscapes/corn/internal/report"
)

// A DeployProfileRequest says for which image a profile is printed.
type DeployProfileRequest struct {
	Image       string // a reference; or one on this machine
	As          string // REPO[:TAG] that the image has in its registry; empty: Image is that
	Platform    string
	DisplayName string // empty: made of the repository and tag
	Slug        string
	Packages    int  // named of each kernel; 0: 8
	Choice      bool // of profile_options, not an item of profileList
	CacheDir    string
}

// A DeployProfileResult is what --json prints. docs/formats/deploy-json.md describes it.
type DeployProfileResult struct {
	Format      int          `json:"format"` // 1
	Image       string       `json:"image"`  // with its digest
	DisplayName string       `json:"display_name"`
	Description []string     `json:"description"` // a line for each kernel
	Kernels     []hub.Kernel `json:"kernels"`
	Warnings    []string     `json:"warnings"`
	YAML        string       `json:"yaml"`
}

// DeployProfile writes the entry of a hub's list of profiles for an image.
func DeployProfile(ctx context.Context, req DeployProfileRequest, talk *report.Printer) (*DeployProfileResult, error) {
	d, err := openDeployed(ctx, req.Image, req.As, req.Platform, req.CacheDir, talk)
	if err != nil {
		return nil, err
	}
	for _, w := range d.warnings {
		talk.Warn("%s", w)
	}
	p := hub.Profile{DisplayName: req.DisplayName, Slug: req.Slug, Image: d.ref, Kernels: d.kernels, Packages: req.Packages}
	if p.DisplayName == "" {
		p.DisplayName = path.Base(d.ref.Repository)
		if d.ref.Tag != "" {
			p.DisplayName += " " + d.ref.Tag
		}
	}
	res := &DeployProfileResult{
		Format: 1, Image: d.ref.String(), DisplayName: p.DisplayName, Description: append([]string{}, p.Description()...),
		Kernels: append([]hub.Kernel{}, d.kernels...), Warnings: append([]string{}, d.warnings...), YAML: p.Entry(),
	}
	if req.Choice {
		res.YAML = p.Choice()
	}
	return res, nil
}
