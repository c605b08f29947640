// Package pipeline is the only package that knows all the stages of a build and their order.
//
//	project > locks > fetch > facts > link > frames > layers > image > output
//
// Every stage hands a plain value to the next. The only side effects are the cache, the
// interpreters unpacked in it, and the output, which appears when all else is done: a
// build that fails leaves the last good image where it is.
package pipeline

import "time"

// A BuildRequest says what to build. The zero value of everything but Project means the
// project's corn.yaml, and then the default.
type BuildRequest struct {
	Project      string   // folder
	Base         string   // reference of the base image
	From         string   // previous image whose layers may be taken over; empty: found by itself when pushing
	Outputs      []string // "oci:DIR", "docker-archive:FILE", "docker://REF"; none, and no Push: oci:<project>/dist/image
	Push         []string // repositories of registries, with a tag or without: more outputs
	PushOptional bool     // a registry that takes nothing from this user is a warning, no error
	Verify       bool     // make the layers that could be taken over, and compare
	Test         string   // kernels to start before an image in a registry gets its tags: "changed" (or empty), "all", "none"
	Exec         string   // what runs steps and kernels, as in TestRequest; empty: the sandbox for steps
	Tags         []string // names for the image
	Attach       []string // what is attached in registries besides results of tests: "spdx", "cyclonedx", "provenance"; "none"; nil: all
	SignKey      string   // file of a private key that images in registries are signed with; empty: none
	Release      bool     // in registries the date of the commit is a tag, too
	Annotations  []string // "KEY=VALUE" for the manifest; "KEY=" leaves one out
	Platform     string   // "linux/amd64" or "linux-64"
	ChannelAlias string   // URL that stands in for https://conda.anaconda.org
	Compression  string   // "zstd" or "gzip"; a docker archive is always gzip
	Offline      bool     // only what the cache holds
	StaleLocks   bool     // build what is locked even where environments ask for something else
	CacheDir     string   // empty: cache.DefaultDir
	Jobs         int      // 0: one per core
	Version      string   // corn's own version, for messages only: it never enters the image
}

// A BuildResult is what --json prints. docs/formats/build-json.md describes it.
type BuildResult struct {
	Format   int              `json:"format"` // 1
	Digest   string           `json:"digest"` // of the manifest
	ImageID  string           `json:"image_id"`
	Size     int64            `json:"size_bytes"` // manifest, config and compressed layers, the base's included
	Platform string           `json:"platform"`
	Base     BaseResult       `json:"base"`
	Tags     []string         `json:"tags"`
	Previous *PreviousResult  `json:"previous,omitempty"` // nil: none was found, or none was looked for
	Network  NetworkResult    `json:"registries"`
	Outputs  []OutputResult   `json:"outputs"`
	Layers   []LayerResult    `json:"layers"`
	Kernels  []KernelResult   `json:"kernels"`
	Tests    *TestsResult     `json:"tests,omitempty"` // nil: not for a registry
	Clobbers []ClobberResult  `json:"clobbers"`
	Warnings []string         `json:"warnings"`
	Timings  map[string]int64 `json:"timings_ms"`
	Total    time.Duration    `json:"-"`
}

// BaseResult names the base image.
type BaseResult struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
	Layers int    `json:"layers"`
	Glibc  string `json:"glibc,omitempty"`
}

// PreviousResult names the image whose layers could be taken over.
type PreviousResult struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
}

// NetworkResult counts what went to and came from registries. Bytes are those of bodies.
type NetworkResult struct {
	Requests      int64 `json:"requests"`
	SentBytes     int64 `json:"sent_bytes"`
	ReceivedBytes int64 `json:"received_bytes"`
}

// OutputResult is one place the image was written to, or was to be pushed to.
type OutputResult struct {
	Ref          string   `json:"ref"`
	Digest       string   `json:"digest"`      // differs between compressions
	Compression  string   `json:"compression"` // "zstd" or "gzip", of corn's layers
	BytesWritten int64    `json:"bytes_written"`
	Tags         []string `json:"tags,omitempty"`   // in a registry, the moving one of the branch left out
	Pushed       *bool    `json:"pushed,omitempty"` // of a registry
	Reason       string   `json:"reason,omitempty"` // why not
}

// LayerResult is one layer that corn added.
type LayerResult struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Key       string   `json:"key"`
	Digest    string   `json:"digest"`
	DiffID    string   `json:"diff_id"`
	Size      int64    `json:"size_bytes"`
	Artifacts []string `json:"artifacts"`
	TakenOver bool     `json:"taken_over"` // from the previous image, without making it
}

// KernelResult is one kernel that Jupyter will offer.
type KernelResult struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Language    string `json:"language"`
	Environment string `json:"environment"`
	Prefix      string `json:"prefix"`
	Packages    int    `json:"packages"`
}

// ClobberResult is a path that several packages of one environment bring.
type ClobberResult struct {
	Environment string   `json:"environment"`
	Path        string   `json:"path"`
	Owners      []string `json:"owners"`
	Winner      string   `json:"winner"`
}
