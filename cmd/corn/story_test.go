package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/demo/pbs"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
)

type storyKey struct{}

// A story is the state of one script beside its files.
type story struct {
	worlds     string // folder of the worlds that stories share
	python     func() (channeltest.Archive, error)
	server     *httptest.Server
	handler    *channeltest.Handler
	active     atomic.Int64 // requests that have begun to arrive
	records    []channeltest.Record
	wheels     map[string][]byte // by file name
	baseLayers int
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the verbs of stories besides testscript's.
var commands = map[string]command{
	// channel WORLD...: publish the packages of worlds and serve them at $CHANNEL. A world
	// is a file of the script (txtar, each line behind a ">"), one of testdata/world, @big, or
	// @python: a CPython 3.11 that runs, with a small standard library.
	"channel": plain(cmdChannel),
	// wheel FILE.whl WORLD: make a wheel of the files of a world, at $CHANNEL/wheels/FILE.whl.
	"wheel": plain(cmdWheel),
	// lock FORMAT DIR PACKAGE...: lock packages (names, file names, wheels) in their order.
	// Before FORMAT: -platform P, -hash md5|sha256|both, -url REPLACEMENT of the channel's URL.
	"lock": plain(cmdLock),
	// base [-archive] [-bare] [-layers N] [-notebook] PATH: write a base image.
	"base": plain(cmdBase),
	// fault KIND PATH [TIMES]: the channel fails for PATH; "fault none" heals it.
	"fault": plain(cmdFault),
	// asked N PATTERN: the channel was asked N times since the last "asked".
	"asked": plain(cmdAsked),
	// fails CODE corn ...: run a command that exits with CODE, prints nothing on stdout, and
	// leaves the image in oci:image as it is. Its stderr becomes stdout, with $WORK and
	// $CHANNEL for what they stand for.
	"fails": plain(cmdFails),
	// tree IMAGE [FOLDER]: check the image and list what is below the folder.
	"tree": plain(cmdTree),
	// show IMAGE PATH: print a file, through links.
	"show": plain(cmdShow),
	// kernels IMAGE [FOLDER]: list the kernels.
	"kernels": plain(cmdKernels),
	// layers IMAGE: list corn's layers, kind and id, lowest first; with -digests those too.
	"layers": plain(cmdLayers),
	// kept OLD NEW KIND: every layer of the kind that OLD has is in NEW.
	"kept": plain(cmdKept),
	// same IMAGE IMAGE: the two have one manifest; "! same": they have not.
	"same": cmdSame,
	// config IMAGE: print the config's user, entrypoint and environment.
	"config": plain(cmdConfig),
	// edit FILE OLD NEW: replace the one place where OLD stands. Go escapes count.
	"edit": plain(cmdEdit),
	// damage FILE HOW: truncate a file, or flip a bit in its middle.
	"damage": plain(cmdDamage),
	// relock DIR PACKAGE...: lock, with the hashes of the files as they are now.
	"relock": plain(cmdRelock),
	// write FILE TEXT: with Go escapes.
	"write": plain(cmdWrite),
	// clean: stdout and stderr of the last command, with $WORK, $CHANNEL and T for times.
	"clean": plain(cmdClean),
	// examples FILE: run every "corn" line of its console blocks, and of its Examples if it is
	// a help text; print them.
	"examples": plain(cmdExamples),
	// stopped SIGNAL corn ...: send the signal while the channel is being asked; stderr
	// becomes stdout.
	"stopped": plain(cmdStopped),
	// torture SIGNAL STEPS corn ...: stop the command at STEPS moments, in a fresh cache and
	// in the one that was left; the image in oci:image stays whole.
	"torture": plain(cmdTorture),
	// tmpfs DIR SIZE: a small disk, until the story ends.
	"tmpfs": plain(cmdTmpfs),
	// rot HOW KIND... -- corn ...: damage every file of the kinds (paths below cache/v1) as
	// "damage" does, or remove them, and run the command.
	"rot": plain(cmdRot),
	// secret WORD DIR: no file below the folder has the word, layers unpacked.
	"secret": plain(cmdSecret),
	// json SCHEMA FILE: the file is one JSON document and fits a schema of docs/formats.
	"json": plain(cmdJSON),
}

// plain is a command that cannot be negated and reports an error by failing.
func plain(f func(ts *testscript.TestScript, args []string) error) command {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		ts.Check(f(ts, args))
	}
}

// world reads a world by its name.
func (s *story) world(ts *testscript.TestScript, name string) ([]byte, error) {
	if shared, err := os.ReadFile(filepath.Join(s.worlds, name+".txtar")); err == nil {
		return shared, nil
	}
	return txtar.Unquote([]byte(ts.ReadFile(name)))
}

func cmdChannel(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	dir := ts.MkAbs("channel")
	var archives []channeltest.Archive
	for _, name := range args {
		if name == "@big" {
			archives = append(archives, big())
			continue
		}
		if name == "@python" {
			python, err := s.python()
			if err != nil {
				return err
			}
			archives = append(archives, python)
			continue
		}
		data, err := s.world(ts, name)
		if err != nil {
			return fmt.Errorf("world %s: %w", name, err)
		}
		more, err := channeltest.FromTxtar(data)
		if err != nil {
			return fmt.Errorf("world %s: %w", name, err)
		}
		archives = append(archives, more...)
	}
	records, err := channeltest.Publish(filepath.Join(dir, "demo"), archives)
	if err != nil {
		return err
	}
	s.records = records
	if s.server == nil {
		s.handler = channeltest.NewHandler(dir, channeltest.Options{})
		s.server = httptest.NewUnstartedServer(s.handler)
		s.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateActive {
				s.active.Add(1)
			}
		}
		s.server.Start()
		ts.Defer(s.server.Close)
		ts.Setenv("CHANNEL", s.server.URL)
	}
	return nil
}

// big is a package of 3 MB that no compressor makes smaller.
func big() channeltest.Archive {
	data := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	return channeltest.Archive{Package: &channeltest.Package{
		Name: "big", Version: "1.0", Build: "0", TimestampMillis: 1704164645000, Placeholder: channeltest.DefaultPlaceholder,
		Files: []channeltest.File{{Path: "share/big/noise", Data: data}},
	}}
}

// pythonModules is as much of the standard library as the interpreter needs to start, and
// some packages.
var pythonModules = regexp.MustCompile(`^(bin/python[0-9.]*|lib/libpython.*|lib/python3\.11/((abc|codecs|io|os|stat|posixpath|genericpath|_collections_abc|site|_sitebuiltins|keyword|operator|reprlib|_sysconfigdata.*)\.py|(encodings/(__init__|aliases|utf_8|latin_1|ascii)|json/[a-z_]*|collections/[a-z_]*)\.py))$`)

// realPython is a python package out of a module that the demo uses.
func realPython(dir string) (channeltest.Archive, error) {
	if err := os.Setenv("GOPROXY", "off"); err != nil { // what is not there is no reason to download
		return channeltest.Archive{}, err
	}
	files, err := pbs.Python(context.Background(), pythonVersion, dir)
	if err != nil {
		return channeltest.Archive{}, err
	}
	files = slices.DeleteFunc(files, func(f channeltest.File) bool { return !pythonModules.MatchString(f.Path) })
	for i := range files {
		files[i].PrefixMode = "none" // "/install" leaves no room for another prefix
	}
	return channeltest.Archive{Package: &channeltest.Package{
		Name: "python", Version: pythonVersion, Build: "0_cp311", TimestampMillis: 1734566400000, Placeholder: channeltest.DefaultPlaceholder, Files: files,
	}}, nil
}

const pythonVersion = "3.11.11"

func cmdWheel(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	data, err := s.world(ts, args[1])
	if err != nil {
		return err
	}
	wheel, err := projecttest.Wheel(args[0], txtar.Parse(data).Files)
	if err != nil {
		return err
	}
	if s.wheels == nil {
		s.wheels = map[string][]byte{}
	}
	s.wheels[args[0]] = wheel
	dir := ts.MkAbs("channel/wheels")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, args[0]), wheel, 0o644)
}

func (s *story) locked(ts *testscript.TestScript, name string) (projecttest.Locked, error) {
	if data, ok := s.wheels[name]; ok {
		return projecttest.LockWheel(ts.Getenv("CHANNEL")+"/wheels/"+name, data), nil
	}
	var found []channeltest.Record
	for _, r := range s.records {
		if r.FileName == name || r.Index.Name == name {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return projecttest.Locked{}, fmt.Errorf("the channel has %d archives of %s", len(found), name)
	}
	return projecttest.LockConda(found[0]), nil
}

// flags cuts "-name value" off the front of args; those in bools have no value.
func flags(args []string, bools ...string) (map[string]string, []string) {
	got := map[string]string{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if slices.Contains(bools, args[0]) || len(args) == 1 {
			got[args[0]] = "yes"
			args = args[1:]
			continue
		}
		got[args[0]] = args[1]
		args = args[2:]
	}
	return got, args
}

func cmdLock(ts *testscript.TestScript, args []string) error {
	f, args := flags(args)
	platform := "linux-64"
	if p := f["-platform"]; p != "" {
		platform = p
	}
	format, dir := args[0], ts.MkAbs(args[1])
	var list []projecttest.Locked
	for _, name := range args[2:] {
		p, err := storyOf(ts).locked(ts, name)
		if err != nil {
			return err
		}
		switch f["-hash"] {
		case "md5":
			p.SHA256 = ""
		case "sha256":
			p.MD5 = ""
		}
		p.URL = strings.Replace(p.URL, "/linux-64/", "/"+platform+"/", 1)
		if url := f["-url"]; url != "" {
			p.URL = strings.Replace(p.URL, projecttest.ChannelURL, url, 1)
		}
		list = append(list, p)
	}
	text, err := projecttest.Lock(format, platform, list)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, other := range []string{projecttest.CondaLock, projecttest.Explicit, projecttest.Pixi} {
		if err := os.RemoveAll(filepath.Join(dir, projecttest.FileName(other, platform))); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, projecttest.FileName(format, platform)), []byte(text), 0o644)
}

func cmdRelock(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	for i, r := range s.records {
		data, err := os.ReadFile(ts.MkAbs("channel/demo/" + r.Path()))
		if err != nil {
			return err
		}
		s.records[i].SizeBytes = int64(len(data))
		s.records[i].MD5, s.records[i].SHA256 = fmt.Sprintf("%x", md5.Sum(data)), fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return cmdLock(ts, append([]string{projecttest.CondaLock}, args...))
}

func cmdBase(ts *testscript.TestScript, args []string) error {
	f, args := flags(args, "-archive", "-bare", "-notebook")
	o := base.TinyOptions{Config: base.Config{Start: f["-bare"] == "", DockerSchema: f["-archive"] != ""}}
	if n := f["-layers"]; n != "" {
		var err error
		if o.Layers, err = strconv.Atoi(n); err != nil {
			return err
		}
	}
	img, err := base.Tiny(o)
	if err != nil {
		return err
	}
	if f["-notebook"] != "" {
		if img, err = projecttest.WithNotebook(img); err != nil {
			return err
		}
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	storyOf(ts).baseLayers = len(layers)
	if f["-archive"] != "" {
		return base.WriteArchive(ts.MkAbs(args[0]), "demo/base:tiny", img)
	}
	return base.WriteLayout(ts.MkAbs(args[0]), img)
}

func cmdFault(ts *testscript.TestScript, args []string) error {
	h := storyOf(ts).handler
	if args[0] == "none" {
		h.Heal()
		return nil
	}
	kind, ok := map[string]channeltest.FaultKind{
		"500": channeltest.Status500, "404": channeltest.NotFound, "429": channeltest.Status429,
		"truncate": channeltest.Truncate, "corrupt": channeltest.Corrupt, "slow": channeltest.Slow,
	}[args[0]]
	if !ok {
		return fmt.Errorf("no fault is called %q", args[0])
	}
	f := channeltest.Fault{Path: args[1], Kind: kind, After: 100, Delay: time.Second}
	if len(args) > 2 {
		var err error
		if f.Times, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
	}
	h.Fail(f)
	return nil
}

func cmdAsked(ts *testscript.TestScript, args []string) error {
	h := storyOf(ts).handler
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if got := h.Count(args[1]); got != want {
		return fmt.Errorf("the channel was asked %d times for %s, want %d:\n%v", got, args[1], want, h.Requests())
	}
	h.Forget()
	return nil
}

func cmdFails(ts *testscript.TestScript, args []string) error {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	image := ts.MkAbs("image")
	before, err := named(image)
	if err != nil {
		return err
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			return err
		}
		code = exit.ExitCode()
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if code != want {
		return fmt.Errorf("exit code %d, want %d", code, want)
	}
	if stdout != "" {
		return fmt.Errorf("a failure printed a result: %s", stdout)
	}
	after, err := named(image)
	if err != nil {
		return fmt.Errorf("the last good image: %w", err)
	}
	if before != after {
		return fmt.Errorf("the last good image changed:\n%s", after)
	}
	fmt.Fprint(ts.Stdout(), tidy(ts, stderr))
	return nil
}

// named is what a layout's index.json says, whose images must be whole; "" for none.
func named(dir string) (string, error) {
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	images, err := projecttest.Images(dir, "")
	if err != nil {
		return "", err
	}
	for _, img := range images {
		if err := projecttest.Check(img, 1); err != nil {
			return "", err
		}
	}
	return string(index), nil
}

// What differs from run to run, or with the version of a compressor.
var (
	temps   = regexp.MustCompile(`(/\.?[^/\s]*?)[0-9]{15,20}\b`) // of renameio
	times   = regexp.MustCompile(`\bin [0-9.]+ (?:s|min [0-9]+ s)\b`)
	sha256s = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	md5s    = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
)

// tidy takes what differs from run to run out of a text, and digests.
func tidy(ts *testscript.TestScript, s string) string {
	for _, name := range []string{"CHANNEL", "WORK", "ROOT"} {
		if v := ts.Getenv(name); v != "" {
			s = strings.ReplaceAll(s, v, "$"+name)
		}
	}
	s = temps.ReplaceAllString(times.ReplaceAllString(s, "in T"), "${1}TMP")
	return md5s.ReplaceAllString(sha256s.ReplaceAllString(s, "SHA256"), "MD5")
}

func cmdClean(ts *testscript.TestScript, _ []string) error {
	out, talk := tidy(ts, ts.ReadFile("stdout")), tidy(ts, ts.ReadFile("stderr"))
	fmt.Fprint(ts.Stdout(), out)
	fmt.Fprint(ts.Stderr(), talk)
	return nil
}

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

func cmdEdit(ts *testscript.TestScript, args []string) error {
	old, err := unescape(args[1])
	if err != nil {
		return err
	}
	text, err := unescape(args[2])
	if err != nil {
		return err
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := bytes.Count(data, []byte(old)); n != 1 {
		return fmt.Errorf("%s has %q %d times:\n%s", args[0], old, n, data)
	}
	return os.WriteFile(file, bytes.Replace(data, []byte(old), []byte(text), 1), 0o644)
}

func cmdWrite(ts *testscript.TestScript, args []string) error {
	text, err := unescape(args[1])
	if err != nil {
		return err
	}
	file := ts.MkAbs(args[0])
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func unescape(s string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
}

func cmdDamage(ts *testscript.TestScript, args []string) error {
	return damage(ts.MkAbs(args[0]), args[1])
}

func damage(file, how string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	switch how {
	case "remove":
		return os.Remove(file)
	case "truncate":
		data = data[:len(data)/2]
	case "flip":
		data[len(data)/2] ^= 0x10
	default:
		return fmt.Errorf("no damage is called %q", how)
	}
	if err := os.Remove(file); err != nil { // the cache's are read-only
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func cmdRot(ts *testscript.TestScript, args []string) error {
	i := slices.Index(args, "--")
	n := 0
	for _, kind := range args[1:i] {
		err := filepath.WalkDir(filepath.Join(ts.Getenv("CORN_CACHE_DIR"), "v1", kind), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			return damage(file, args[0])
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("the cache has nothing of %v", args[1:i])
	}
	return ts.Exec(args[i+1], args[i+2:]...)
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
