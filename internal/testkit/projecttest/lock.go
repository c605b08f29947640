package projecttest

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
)

// ChannelURL is where locks say that the channel is. Nothing is there: tests give the
// channel's real address as alias, and so it stands in no image.
const ChannelURL = "https://conda.anaconda.org/demo"

// A Locked is one package of a lock.
type Locked struct {
	Name, Version string
	URL           string
	MD5, SHA256   string // lower-case hex; may be empty
	SizeBytes     int64
	Depends       []string // MatchSpecs
	Pip           bool
}

// LockConda is the archive of a record in the channel.
func LockConda(r channeltest.Record) Locked {
	return Locked{
		Name: r.Index.Name, Version: r.Index.Version, URL: ChannelURL + "/" + r.Path(),
		MD5: r.MD5, SHA256: r.SHA256, SizeBytes: r.SizeBytes, Depends: r.Index.Depends,
	}
}

// LockWheel is a wheel at a URL, which ends in its file name.
func LockWheel(url string, data []byte) Locked {
	parts := strings.Split(url[strings.LastIndexByte(url, '/')+1:], "-")
	return Locked{
		Name: parts[0], Version: parts[1], URL: url, Pip: true,
		MD5: fmt.Sprintf("%x", md5.Sum(data)), SHA256: fmt.Sprintf("%x", sha256.Sum256(data)), SizeBytes: int64(len(data)),
	}
}

// The formats of a lock.
const (
	CondaLock = "conda-lock"
	Explicit  = "explicit"
	Pixi      = "pixi"
)

// FileName is what a lock of the format is called for a platform.
func FileName(format, platform string) string {
	switch format {
	case Explicit:
		return "conda-" + platform + ".lock"
	case Pixi:
		return "pixi.lock"
	}
	return "conda-lock.yml"
}

// Lock writes packages as a lock of a format for a platform, in their order.
func Lock(format, platform string, packages []Locked) (string, error) {
	switch format {
	case CondaLock:
		return condaLock(platform, packages), nil
	case Explicit:
		return explicit(platform, packages), nil
	case Pixi:
		return pixi(platform, packages), nil
	}
	return "", fmt.Errorf("no lock format is called %q", format)
}

func condaLock(platform string, packages []Locked) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nmetadata:\n  content_hash:\n    %s: %064d\n  channels:\n  - url: %s\n    used_env_vars: []\n  platforms:\n  - %s\n  sources:\n  - environment.yml\npackage:\n",
		platform, 0, ChannelURL, platform)
	for _, p := range packages {
		manager := "conda"
		if p.Pip {
			manager = "pip"
		}
		fmt.Fprintf(&b, "- name: %s\n  version: '%s'\n  manager: %s\n  platform: %s\n", p.Name, p.Version, manager, platform)
		if len(p.Depends) == 0 {
			b.WriteString("  dependencies: {}\n")
		} else {
			b.WriteString("  dependencies:\n")
		}
		for _, d := range p.Depends {
			name, constraint, _ := strings.Cut(d, " ")
			fmt.Fprintf(&b, "    %s: '%s'\n", name, constraint)
		}
		fmt.Fprintf(&b, "  url: %s\n  hash:\n", p.URL)
		if p.MD5 != "" {
			fmt.Fprintf(&b, "    md5: '%s'\n", p.MD5)
		}
		if p.SHA256 != "" {
			fmt.Fprintf(&b, "    sha256: '%s'\n", p.SHA256)
		}
		b.WriteString("  category: main\n  optional: false\n")
	}
	return b.String()
}

func explicit(platform string, packages []Locked) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# platform: %s\n@EXPLICIT\n", platform)
	for _, p := range packages {
		hash := p.MD5
		if p.SHA256 != "" {
			hash = "sha256:" + p.SHA256
		}
		if p.Pip {
			fmt.Fprintf(&b, "# pip %s @ %s#%s\n", p.Name, p.URL, strings.Replace(hash, ":", "=", 1))
			continue
		}
		fmt.Fprintf(&b, "%s#%s\n", p.URL, hash)
	}
	return b.String()
}

func pixi(platform string, packages []Locked) string {
	var refs, list strings.Builder
	for _, p := range packages {
		kind, depends := "conda", "depends"
		if p.Pip {
			kind, depends = "pypi", "requires_dist"
		}
		fmt.Fprintf(&refs, "      - %s: %s\n", kind, p.URL)
		fmt.Fprintf(&list, "- %s: %s\n", kind, p.URL)
		if p.Pip {
			fmt.Fprintf(&list, "  name: %s\n  version: '%s'\n", p.Name, p.Version)
		}
		if p.SHA256 != "" {
			fmt.Fprintf(&list, "  sha256: '%s'\n", p.SHA256)
		}
		if p.MD5 != "" && !p.Pip {
			fmt.Fprintf(&list, "  md5: '%s'\n", p.MD5)
		}
		if len(p.Depends) > 0 {
			fmt.Fprintf(&list, "  %s:\n", depends)
		}
		for _, d := range p.Depends {
			fmt.Fprintf(&list, "  - %s\n", d)
		}
		if !p.Pip {
			fmt.Fprintf(&list, "  size: %d\n", p.SizeBytes)
		}
	}
	return fmt.Sprintf("version: 6\nenvironments:\n  default:\n    channels:\n    - url: %s\n    packages:\n      %s:\n%spackages:\n%s", ChannelURL, platform, refs.String(), list.String())
}
