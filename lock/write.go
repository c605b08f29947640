package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Header is the comment that WriteCondaLock puts first.
const Header = `# Written by corn from the sources named below. Change those, then run: corn lock
# Other tools read it too: micromamba create -n NAME -f conda-lock.yml
`

// WriteCondaLock writes l as conda-lock.yml, version 1.
//
// It writes the fields of conda-lock's model (conda_lock/lockfile/v1/models.py, 1.x to 4.x)
// and no others, because conda-lock refuses a file with a field that it does not know:
// no build, no size, no constrains, and nothing of clocks or git, so that the same packages
// are the same bytes. A model has one constraint for each name: several join with a comma.
//
// Platforms come in the order of l.Platforms. Of a platform the conda packages come first,
// each behind those it depends on and by name where that leaves a choice ([Topological]):
// micromamba links in the order of the file. Wheels follow in the order given, with their
// source.
//
// A conda package without an MD5 is a *HashError: conda-lock's model demands it. A package
// of a platform that l.Platforms lacks is a *PlatformError, one that l.Packages has twice a
// *DuplicateError.
func WriteCondaLock(w io.Writer, l *Lock) error {
	if err := writable(l); err != nil {
		return err
	}
	b := &bytes.Buffer{}
	b.WriteString(Header)
	b.WriteString("version: 1\nmetadata:\n  content_hash:")
	if len(l.Platforms) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	for _, p := range l.Platforms {
		fmt.Fprintf(b, "    %s: %s\n", scalar(p), scalar(l.ContentHash[p]))
	}
	writeChannels(b, l.Channels)
	writeList(b, "  platforms", "  ", l.Platforms)
	writeList(b, "  sources", "  ", l.Sources)
	if len(l.Packages) == 0 {
		b.WriteString("package: []\n")
		_, err := b.WriteTo(w)
		return err
	}
	b.WriteString("package:\n")
	for _, platform := range l.Platforms {
		for _, p := range inOrder(l.Packages, platform) {
			writePackage(b, &p)
		}
	}
	_, err := b.WriteTo(w)
	return err
}

// writable refuses what the format cannot hold.
func writable(l *Lock) error {
	dup := newDuplicates(&source{path: l.Path})
	for i := range l.Packages {
		p := &l.Packages[i]
		if !slices.Contains(l.Platforms, p.Platform) {
			return &PlatformError{Path: l.Path, Kind: CondaLock, Platform: p.Platform, Have: l.Platforms}
		}
		if p.Manager == Conda && p.MD5.IsZero() {
			return &HashError{Name: p.Name, URL: Redact(p.URL)}
		}
		if err := dup.add(p); err != nil {
			return err
		}
	}
	return nil
}

// inOrder returns the packages of one platform as they are written.
func inOrder(packages []Package, platform string) []Package {
	var conda, pip []Package
	for _, p := range packages {
		switch {
		case p.Platform != platform:
		case p.Manager == Pip:
			pip = append(pip, p)
		default:
			conda = append(conda, p)
		}
	}
	slices.SortStableFunc(conda, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Category, b.Category))
	})
	return append(Topological(conda), pip...)
}

func writeChannels(b *bytes.Buffer, channels []Channel) {
	if len(channels) == 0 {
		b.WriteString("  channels: []\n")
		return
	}
	b.WriteString("  channels:\n")
	for _, c := range channels {
		fmt.Fprintf(b, "  - url: %s\n", scalar(c.URL))
		writeList(b, "    used_env_vars", "    ", c.UsedEnvVars)
	}
}

func writeList(b *bytes.Buffer, key, indent string, items []string) {
	if len(items) == 0 {
		b.WriteString(key + ": []\n")
		return
	}
	b.WriteString(key + ":\n")
	for _, item := range items {
		b.WriteString(indent + "- " + scalar(item) + "\n")
	}
}

func writePackage(b *bytes.Buffer, p *Package) {
	fmt.Fprintf(b, "- name: %s\n  version: %s\n  manager: %s\n  platform: %s\n", scalar(p.Name), scalar(p.Version), p.Manager, scalar(p.Platform))
	if depends := joinDepends(p.Depends); len(depends) == 0 {
		b.WriteString("  dependencies: {}\n")
	} else {
		b.WriteString("  dependencies:\n")
		for _, d := range depends {
			fmt.Fprintf(b, "    %s: %s\n", scalar(d.Name), scalar(d.Constraint))
		}
	}
	fmt.Fprintf(b, "  url: %s\n  hash:", scalar(cmp.Or(p.written, p.URL)))
	if p.MD5.IsZero() && p.SHA256.IsZero() {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	if !p.MD5.IsZero() {
		fmt.Fprintf(b, "    md5: %s\n", scalar(p.MD5.String()))
	}
	if !p.SHA256.IsZero() {
		fmt.Fprintf(b, "    sha256: %s\n", scalar(p.SHA256.String()))
	}
	if p.SourceURL != "" {
		fmt.Fprintf(b, "  source:\n    type: url\n    url: %s\n", scalar(p.SourceURL))
	}
	fmt.Fprintf(b, "  category: %s\n  optional: %t\n", scalar(cmp.Or(p.Category, MainCategory)), p.Optional)
}
