package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/internal/attest"
	"github.com/nasa-openscapes/corn/internal/checkout"
	"github.com/nasa-openscapes/corn/internal/image"
	"github.com/nasa-openscapes/corn/internal/report"
	"github.com/nasa-openscapes/corn/lock"
)

// provenanceFormat is how --attach names the statement.
const provenanceFormat = "provenance"

// Names that verify looks for in a statement.
const (
	testsByproduct = "kernel-tests"
	localBuilder   = "https://github.com/nasa-openscapes/corn/builder/local"
)

// builderID names who builds, as CI says it; it is a claim, and a signature says who vouches for it.
func builderID(getenv func(string) string) string {
	switch {
	case getenv("GITHUB_ACTIONS") == "true" && getenv("GITHUB_WORKFLOW_REF") != "":
		return getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_WORKFLOW_REF")
	case getenv("GITLAB_CI") == "true" && getenv("CI_PROJECT_URL") != "":
		return getenv("CI_PROJECT_URL") + "/-/runners/" + getenv("CI_RUNNER_ID")
	}
	return localBuilder
}

// runOf is the page of the run, where CI has one.
func runOf(getenv func(string) string) string {
	switch {
	case getenv("GITHUB_ACTIONS") == "true" && getenv("GITHUB_RUN_ID") != "":
		return getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY") + "/actions/runs/" + getenv("GITHUB_RUN_ID") + "/attempts/" + getenv("GITHUB_RUN_ATTEMPT")
	case getenv("GITLAB_CI") == "true":
		return getenv("CI_JOB_URL")
	}
	return ""
}

// provenance is the statement about an image that was pushed to a repository.
func (b *builder) provenance(v *variant, o image.Output, d digest.SHA256) ([]byte, error) {
	outside := map[string]any{"platform": b.platform.String(), "compression": v.compression.String()}
	deps := []attest.Resource{{Name: "base", URI: b.baseURI(), Digest: attest.SHA256(b.base.Digest())}}
	if b.origin.commit != "" {
		source := attest.Resource{Name: "source", Digest: map[string]string{"gitCommit": b.origin.commit}}
		if b.origin.source != "" {
			source.URI = "git+" + b.origin.source
		}
		if len(b.origin.changed) > 0 {
			source.Annotations = map[string]any{"dirty": true}
		}
		outside["revision"] = b.origin.revision()
		deps = append(deps, source)
	}
	for _, p := range b.artifacts() {
		deps = append(deps, attest.Resource{Name: p.facts.FileName, URI: lock.Redact(p.locked.URL), Digest: attest.SHA256(p.facts.SHA256)})
	}
	run := attest.RunDetails{Builder: attest.Builder{ID: builderID(os.Getenv), Version: map[string]string{"corn": b.req.Version}}}
	if page := runOf(os.Getenv); page != "" {
		run.Metadata = map[string]any{"invocationId": page}
	}
	if b.tested != nil {
		kernels := map[string]any{}
		for _, k := range b.tested.Kernels {
			kernels[k.Name] = k.Result
		}
		tests := map[string]any{"result": b.tested.Result, "kernels": kernels}
		if b.tested.Reason != "" {
			tests["reason"] = b.tested.Reason
		}
		run.Byproducts = []attest.Resource{{Name: testsByproduct, Annotations: tests}}
	}
	return attest.New(image.Ref{Kind: image.Registry, Path: repository(o)}.Repository(), d, attest.Provenance{
		BuildDefinition: attest.BuildDefinition{
			ExternalParameters: outside, InternalParameters: map[string]any{"format": image.FormatVersion}, ResolvedDependencies: deps,
		},
		RunDetails: run,
	}).Encode()
}

// baseURI names the base where it is in a registry.
func (b *builder) baseURI() string {
	ref, err := image.ParseRef(b.settings.base)
	if err != nil || ref.Kind != image.Registry {
		return ""
	}
	return "docker://" + ref.Name()
}

// readSignKey reads the key that images are signed with.
func (b *builder) readSignKey() error {
	if b.req.SignKey == "" {
		return nil
	}
	data, err := os.ReadFile(b.req.SignKey)
	if err != nil {
		return report.In(report.Usage, fmt.Errorf("read the key to sign with: %w", err))
	}
	b.signKey, err = attest.ParsePrivateKey(b.req.SignKey, data, []byte(os.Getenv(passwordVariable)))
	if errors.Is(err, attest.ErrPassword) {
		return report.Hinted(report.Usage, "put it into the environment variable "+passwordVariable+", as for cosign", err)
	}
	return report.In(report.Usage, err)
}

// passwordVariable has the password of an encrypted key; it is cosign's.
const passwordVariable = "COSIGN_PASSWORD"

// attachProvenance attaches the statement, and signs image and statement where there is a key. An
// image that was to be signed and is not is an error.
func (b *builder) attachProvenance(ctx context.Context, v *variant, o image.Output, d digest.SHA256, wanted []string) error {
	var statement []byte
	if slices.Contains(wanted, provenanceFormat) {
		var err error
		if statement, err = b.provenance(v, o, d); err != nil {
			return err
		}
		if err := image.Attach(ctx, o, d, attest.StatementType, statement); err != nil && ctx.Err() == nil {
			b.warn("provenance is not attached to the image: %v", err)
		}
	}
	if b.signKey == nil {
		return nil
	}
	if err := b.sign(ctx, o, d, statement); err != nil {
		return report.In(report.Registry, fmt.Errorf("sign %s: %w", d.OCI(), err))
	}
	b.talk.Say("signed     %s, and nobody but the holder of the key can have done it: corn verify --key", d.OCI())
	return nil
}

// sign signs an image, and the statement about it unless that is nil, each once with the key.
func (b *builder) sign(ctx context.Context, o image.Output, d digest.SHA256, statement []byte) error {
	have, err := image.SignedBlobs(ctx, readOutput(o), d, image.SignatureTag)
	if err != nil {
		return err
	}
	public := b.signKey.Public()
	if !slices.ContainsFunc(have, func(s image.SignedBlob) bool {
		return public.VerifyImage(s.Data, s.Annotations[attest.SignatureAnnotation], d) == nil
	}) {
		payload, signature, err := b.signKey.SignImage(image.Ref{Kind: image.Registry, Path: repository(o)}.Repository(), d)
		if err != nil {
			return err
		}
		blob := image.SignedBlob{MediaType: attest.PayloadType, Data: payload, Annotations: map[string]string{attest.SignatureAnnotation: signature}}
		if err := image.AddSigned(ctx, readOutput(o), d, image.SignatureTag, blob); err != nil {
			return err
		}
	}
	if statement == nil {
		return nil
	}
	if have, err = image.SignedBlobs(ctx, readOutput(o), d, image.AttestationTag); err != nil {
		return err
	}
	if slices.ContainsFunc(have, func(s image.SignedBlob) bool {
		text, err := public.Open(s.Data)
		return err == nil && string(text) == string(statement)
	}) {
		return nil
	}
	envelope, err := b.signKey.Envelop(statement)
	if err != nil {
		return err
	}
	return image.AddSigned(ctx, readOutput(o), d, image.AttestationTag, image.SignedBlob{
		MediaType: attest.EnvelopeType, Data: envelope, Annotations: map[string]string{attest.SignatureAnnotation: "", "predicateType": attest.ProvenanceID},
	})
}

// readOutput is the repository of an output alone.
func readOutput(o image.Output) image.Output {
	return image.Output{Kind: image.Registry, Path: repository(o), Registries: o.Registries}
}

// statementWords sums a statement up for people.
func statementWords(s *attest.Statement) string {
	p := &s.Predicate
	words := []string{"built by " + p.RunDetails.Builder.ID}
	for _, dep := range p.BuildDefinition.ResolvedDependencies {
		if c := dep.Digest["gitCommit"]; c != "" {
			from := "commit " + checkout.Short(c)
			if uri := strings.TrimPrefix(dep.URI, "git+"); uri != "" {
				from += " of " + uri
			}
			if dep.Annotations["dirty"] == true {
				from += ", changed since"
			}
			words = append(words, from)
		}
	}
	for _, by := range p.RunDetails.Byproducts {
		if by.Name == testsByproduct {
			words = append(words, fmt.Sprintf("kernels %v", by.Annotations["result"]))
		}
	}
	return strings.Join(words, "; ")
}
