package store

import (
	"testing"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/filetree"
)

func facts(name string, members ...string) *artifact.Facts {
	f := &artifact.Facts{Kind: artifact.Conda, Name: name, FileName: name + "-1.0-0.conda", Conda: &artifact.CondaFacts{}}
	for _, m := range members {
		f.Members = append(f.Members, artifact.Member{Path: m, Type: filetree.File})
	}
	return f
}

func TestCopyReason(t *testing.T) {
	const sp = "lib/python3.13/site-packages/"
	file := func(p string) Item { return Item{Path: p, Type: filetree.File, Member: p} }
	with := func(p string, edit func(*Item)) Item {
		it := file(p)
		edit(&it)
		return it
	}
	for _, tt := range []struct {
		why  string
		f    *artifact.Facts
		it   Item
		o    PlaceOptions
		want string
	}{
		{"a library is a link", facts("x"), file("lib/libx.so.1"), PlaceOptions{}, ""},
		{"a source is a link", facts("x"), file(sp + "x.py"), PlaceOptions{}, ""},
		{"prefix", facts("x"), with("lib/x.pc", func(i *Item) { i.Prefix = &artifact.PrefixUse{} }), PlaceOptions{}, "prefix"},
		{"generated", facts("x"), with("bin/x", func(i *Item) { i.Generated = true }), PlaceOptions{}, "generated"},
		{"ELF executable", facts("x"), with("bin/x", func(i *Item) { i.Traits = artifact.ELFExecutable }), PlaceOptions{}, "elf-executable"},
		{"a script that can be run is a link", facts("x"), with("bin/x", func(i *Item) { i.Mode = 0o755 }), PlaceOptions{}, ""},
		{"no_link, no_softlink", facts("x"), with("etc/x", func(i *Item) { i.NoLink = true }), PlaceOptions{}, "no-link"},
		{"linker script", facts("x"), with("lib/libx.so", func(i *Item) { i.Traits = artifact.LinkerScript }), PlaceOptions{}, "linker-script"},
		{"bytecode is a link", facts("x"), with(sp+"__pycache__/x.pyc", func(i *Item) { i.Traits = artifact.PycTimestamp }), PlaceOptions{}, ""},
		{"web page below site-packages", facts("x"), file(sp + "x/static/index.html"), PlaceOptions{}, "web-asset"},
		{"web asset in capitals", facts("x"), file(sp + "x/static/LOGO.PNG"), PlaceOptions{}, "web-asset"},
		{"JupyterLab's own assets are served through links", facts("x"), file("share/jupyter/lab/static/main.js"), PlaceOptions{}, ""},
		{"other data below site-packages", facts("x"), file(sp + "x/data.csv"), PlaceOptions{}, ""},
		{"sysroot", facts("sysroot_linux-64"), file("x86_64-conda-linux-gnu/sysroot/usr/lib/crt1.o"), PlaceOptions{}, "sysroot"},
		{"a name that only begins so", facts("sysrooted"), file("lib/crt1.o"), PlaceOptions{}, ""},
		{"a JVM", facts("openjdk", "lib/jvm/lib/server/libjvm.so", "lib/jvm/release"), file("lib/jvm/release"), PlaceOptions{}, "jvm"},
		{"rustc", facts("rust", "lib/librustc_driver-0123.so"), file("lib/x"), PlaceOptions{}, "rustc"},
		{"copy rule", facts("x"), file("share/x/y.dat"), PlaceOptions{Copy: []string{"share/x/**"}}, "copy"},
		{"copy rule that does not match", facts("x"), file("share/z/y.dat"), PlaceOptions{Copy: []string{"share/x/**"}}, ""},
		{"layout: copies", facts("x"), file("lib/libx.so.1"), PlaceOptions{Layout: Copies}, "layout: copies"},
	} {
		got, err := CopyReason(tt.f, &tt.it, tt.o)
		if err != nil || got != tt.want {
			t.Errorf("%s: CopyReason(%s, %s) = %q, %v, want %q", tt.why, tt.f.Name, tt.it.Path, got, err, tt.want)
		}
	}
	if _, err := CopyReason(facts("x"), &Item{}, PlaceOptions{Copy: []string{"["}}); err == nil {
		t.Error("a broken copy rule was taken")
	}
	for ext := range webAssets {
		it := file(sp + "static/x" + ext)
		if !isWebAsset(&it) {
			t.Errorf("%s below site-packages is no web asset", ext)
		}
	}
	for _, r := range fileRules {
		if r.reason == "" {
			t.Errorf("rule %s says no reason", r.name)
		}
	}
	for _, r := range artifactRules {
		if r.reason == "" {
			t.Errorf("rule %s says no reason", r.name)
		}
	}
}
