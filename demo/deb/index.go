package deb

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// parseIndex reads a Packages file and gives the pin of every wanted package; nil wants
// all. Of several versions of one package the last stands: a suite's own index has one.
func parseIndex(r io.Reader, suite string, want func(name string) bool) (Manifest, error) {
	m := Manifest{}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), 4<<20)
	p := Pin{Suite: suite}
	flush := func() error {
		if p.Package == "" {
			return nil
		}
		if want == nil || want(p.Package) {
			if p.Version == "" || len(p.SHA256) != 64 || p.Pool == "" {
				return fmt.Errorf("index of %s: package %s has no version, sha256 or path", suite, p.Package)
			}
			m[Name{suite, p.Package}] = p
		}
		p = Pin{Suite: suite}
		return nil
	}
	for in.Scan() {
		line := in.Text()
		if line == "" {
			if err := flush(); err != nil {
				return nil, err
			}
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(key, " ") {
			continue
		}
		switch key {
		case "Package":
			p.Package = value
		case "Version":
			p.Version = value
		case "SHA256":
			p.SHA256 = value
		case "Filename":
			p.Pool = value
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("index of %s: %w", suite, err)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return m, nil
}
