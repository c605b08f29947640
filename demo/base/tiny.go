package base

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TinyOptions vary the tiny base. The zero value is one layer, glibc 2.41.
type TinyOptions struct {
	Config
	// Layers is the number of layers; 0 means 1. Those above the first hold
	// one small file each.
	Layers int
	// Glibc is the version that the C library's marker states; "" means 2.41.
	Glibc string
}

// Tiny returns a base image of a few files, made in memory: accounts, os-release,
// merged-usr links, shells as empty files, and a file in the place of the C library
// that states its version as the real one does. Nothing in it runs.
func Tiny(o TinyOptions) (v1.Image, error) {
	if o.Glibc == "" {
		o.Glibc = "2.41"
	}
	var layers []v1.Layer
	for i := range max(1, o.Layers) {
		entries := []entry{{path: "opt", mode: 0o755, dir: true}, {path: fmt.Sprintf("opt/layer-%d", i), mode: 0o644, data: fmt.Sprintln(i)}}
		if i == 0 {
			entries = tinyEntries(o)
		}
		plain, err := archive(entries)
		if err != nil {
			return nil, err
		}
		layer, err := o.memoryLayer(plain)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return o.image(layers)
}

func tinyEntries(o TinyOptions) []entry {
	dir := func(path string) entry { return entry{path: path, mode: 0o755, dir: true} }
	entries := []entry{
		{path: "bin", link: "usr/bin"},
		dir("etc"),
		{path: "etc/group", mode: 0o644, data: "root:x:0:\nusers:x:100:\n" + accounts["etc/group"]},
		{path: "etc/os-release", link: "../usr/lib/os-release"},
		{path: "etc/passwd", mode: 0o644, data: "root:x:0:0:root:/root:/bin/bash\n" + accounts["etc/passwd"]},
		dir("home"),
		{path: "lib", link: "usr/lib"},
		{path: "lib64", link: "usr/lib64"},
		{path: "root", mode: 0o700, dir: true},
		dir("srv"),
		{path: "tmp", mode: 0o1777, dir: true},
		dir("usr"),
		dir("usr/bin"),
		{path: "usr/bin/bash", mode: 0o755},
		{path: "usr/bin/env", mode: 0o755},
		{path: "usr/bin/sh", mode: 0o755},
		dir("usr/lib"),
		{path: "usr/lib/os-release", mode: 0o644, data: "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\nPRETTY_NAME=\"Tiny test base\"\n"},
		dir("usr/lib/x86_64-linux-gnu"),
		{path: "usr/lib/x86_64-linux-gnu/libc.so.6", mode: 0o755, data: "\x7fELF\x02\x01\x01\x00" +
			"GNU C Library (Debian GLIBC " + o.Glibc + "-12) stable release version " + o.Glibc + ".\n\x00"},
		dir("usr/lib64"),
		{path: "usr/lib64/ld-linux-x86-64.so.2", link: "../lib/x86_64-linux-gnu/libc.so.6"},
		dir("usr/local"),
		dir("usr/local/share"),
		dir("usr/share"),
	}
	return append(entries, o.userEntries()...)
}
