package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

// open opens an image of the story and checks it whole.
func open(ts *testscript.TestScript, ref string) (v1.Image, *layertest.Tree, error) {
	img, err := openOnly(ts, ref)
	if err != nil {
		return nil, nil, err
	}
	if err := projecttest.Check(img, storyOf(ts).baseLayers); err != nil {
		return nil, nil, fmt.Errorf("%s:\n%w", ref, err)
	}
	tree, err := layertest.Flatten(img)
	return img, tree, err
}

func openOnly(ts *testscript.TestScript, ref string) (v1.Image, error) {
	kind, rest, _ := strings.Cut(ref, ":")
	if kind != "oci" && kind != "docker-archive" {
		kind, rest = "oci", ref
	}
	path, tag, tagged := strings.Cut(rest, ":")
	if tagged {
		tag = ":" + tag
	}
	return projecttest.OpenImage(kind + ":" + ts.MkAbs(path) + tag)
}

func cmdTree(ts *testscript.TestScript, args []string) error {
	_, tree, err := open(ts, args[0])
	if err != nil {
		return err
	}
	under := ""
	if len(args) > 1 {
		under = args[1]
	}
	fmt.Fprint(ts.Stdout(), tree.Dump(under))
	return nil
}

func cmdShow(ts *testscript.TestScript, args []string) error {
	img, err := openOnly(ts, args[0])
	if err != nil {
		return err
	}
	tree, err := layertest.Flatten(img)
	if err != nil {
		return err
	}
	data, err := tree.ReadFile(args[1])
	if err != nil {
		return err
	}
	_, err = ts.Stdout().Write(data)
	return err
}

func cmdKernels(ts *testscript.TestScript, args []string) error {
	_, tree, err := open(ts, args[0])
	if err != nil {
		return err
	}
	dir := "usr/local/share/jupyter/kernels"
	if len(args) > 1 {
		dir = args[1]
	}
	kernels, err := projecttest.Kernels(tree, dir)
	if err != nil {
		return err
	}
	for _, k := range kernels {
		fmt.Fprintf(ts.Stdout(), "%s %q %s: %s\n", filepath.Base(k.Dir), k.DisplayName, k.Language, strings.Join(k.Argv, " "))
	}
	return nil
}

// A line of the layers that corn added.
type layerLine struct{ kind, id, digest string }

func cornLayers(img v1.Image) ([]layerLine, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	const prefix = "io.github.nasa-openscapes.corn.layer."
	var out []layerLine
	for _, l := range m.Layers {
		if kind := l.Annotations[prefix+"kind"]; kind != "" {
			out = append(out, layerLine{kind, l.Annotations[prefix+"id"], l.Digest.String()})
		}
	}
	return out, nil
}

func cmdLayers(ts *testscript.TestScript, args []string) error {
	f, args := flags(args, "-digests")
	img, _, err := open(ts, args[0])
	if err != nil {
		return err
	}
	lines, err := cornLayers(img)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if f["-digests"] != "" {
			fmt.Fprintf(ts.Stdout(), "%s %s %s\n", l.kind, l.id, l.digest)
		} else {
			fmt.Fprintf(ts.Stdout(), "%s %s\n", l.kind, l.id)
		}
	}
	return nil
}

func cmdKept(ts *testscript.TestScript, args []string) error {
	var sides [2][]layerLine
	for i := range sides {
		img, err := openOnly(ts, args[i])
		if err != nil {
			return err
		}
		if sides[i], err = cornLayers(img); err != nil {
			return err
		}
	}
	n := 0
	for _, l := range sides[0] {
		if l.kind != args[2] {
			continue
		}
		n++
		if !slices.ContainsFunc(sides[1], func(o layerLine) bool { return o.digest == l.digest }) {
			return fmt.Errorf("layer %s (%s) of %s is not in %s:\n%v", l.id, l.digest, args[0], args[1], sides[1])
		}
	}
	if n == 0 {
		return fmt.Errorf("%s has no layer of kind %s: %v", args[0], args[2], sides[0])
	}
	return nil
}

func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	var sums [2]v1.Hash
	for i := range sums {
		img, err := openOnly(ts, args[i])
		ts.Check(err)
		sums[i], err = img.Digest()
		ts.Check(err)
	}
	if (sums[0] == sums[1]) == neg {
		ts.Fatalf("%s is %s, %s is %s", args[0], sums[0], args[1], sums[1])
	}
}

func cmdConfig(ts *testscript.TestScript, args []string) error {
	img, _, err := open(ts, args[0])
	if err != nil {
		return err
	}
	c, err := img.ConfigFile()
	if err != nil {
		return err
	}
	fmt.Fprintf(ts.Stdout(), "%s/%s\nuser %s\nworkdir %s\nentrypoint %q\ncmd %q\nonbuild %q\n",
		c.OS, c.Architecture, c.Config.User, c.Config.WorkingDir, c.Config.Entrypoint, c.Config.Cmd, c.Config.OnBuild)
	for _, e := range c.Config.Env {
		fmt.Fprintln(ts.Stdout(), "env", e)
	}
	return nil
}

func cmdSecret(ts *testscript.TestScript, args []string) error {
	img, tree, err := open(ts, args[1])
	if err != nil {
		return err
	}
	for p, e := range tree.Entries {
		if strings.Contains(p+e.Link, args[0]) || bytes.Contains(e.Data, []byte(args[0])) {
			return fmt.Errorf("%s has %s", p, args[0])
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	if strings.Contains(string(config)+string(manifest), args[0]) {
		return fmt.Errorf("config or manifest has %s:\n%s\n%s", args[0], config, manifest)
	}
	return nil
}
