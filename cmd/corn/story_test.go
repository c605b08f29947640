package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/hubtest"
	"github.com/nasa-openscapes/corn/internal/testkit/indextest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
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
	registries map[string]*registrytest.Registry // by name
	pypi       *indextest.Handler
	hub        *hubtest.Hub
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the verbs of stories besides testscript's.
var commands = map[string]command{
	// channel WORLD...: publish the packages of worlds and serve them at $CHANNEL. A world
	// is a file of the script (txtar, each line behind a ">"), one of testdata/world, @big, or
	// @python: a CPython 3.14 that runs, with a small standard library.
	"channel": plain(cmdChannel),
	// publish NAME WORLD: another channel beside the one of "channel".
	"publish": plain(cmdPublish),
	// wheel FILE.whl WORLD: make a wheel of the files of a world, at $CHANNEL/wheels/FILE.whl.
	"wheel": plain(cmdWheel),
	// pypi [-html] [-nometadata] [-noranges] [-login USER:PASSWORD] WORLD...: publish the distributions
	// of worlds and serve them as a package index at $PYPI.
	"pypi": plain(cmdPyPI),
	// pypifault KIND PATH [TIMES]: as "fault", of the package index.
	"pypifault": plain(cmdPyPIFault),
	// lock FORMAT DIR PACKAGE...: lock packages (names, file names, wheels) in their order.
	// Before FORMAT: -platform P, -hash md5|sha256|both, -url REPLACEMENT of the channel's URL.
	"lock": plain(cmdLock),
	// base [-archive] [-bare] [-layers N] [-notebook] [-tool] PATH: write a base image; with -tool
	// one with programs that run.
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
	// in the one that was left; the image in oci:image and those in registries stay whole.
	// STEP in an argument is the number of the moment.
	"torture": plain(cmdTorture),
	// tmpfs DIR SIZE: a small disk, until the story ends.
	"tmpfs": plain(cmdTmpfs),
	// rot HOW KIND... -- corn ...: damage every file of the kinds (paths below cache/v1) as
	// "damage" does, or remove them, and run the command.
	"rot": plain(cmdRot),
	// secret WORD DIR: no file below the folder has the word, layers unpacked.
	"secret": plain(cmdSecret),
	// registry [-login USER:PASSWORD | -tokens USER:PASSWORD | -public USER:PASSWORD] [NAME]: run
	// a registry in memory at $REGISTRY, or at $NAME.
	"registry": plain(cmdRegistry),
	// broken [-at NAME] KIND METHOD PATH [TIMES]: requests to the registry fail: with a status,
	// reset, cutupload, corrupt, corruptupload. METHOD and PATH may be "*". "broken none" heals.
	"broken": plain(cmdBroken),
	// traffic [-at NAME] [RESULT]: print what the registry was asked since the last time, sorted and
	// counted, layers by their ids in a build's result.
	"traffic": plain(cmdTraffic),
	// lose [-at NAME] RESULT LAYER: the registry loses the blob of a layer of a build's result.
	"lose": plain(cmdLose),
	// index [-at NAME] REPO TAG PLATFORM=TAG...: tag an index of images that have tags.
	"index": plain(cmdIndex),
	// whole [-at NAME] REPO [TAG...]: the tags, or all that there are, name images that are whole;
	// print them.
	"whole": plain(cmdWhole),
	// hub [forbid SCOPE | break KERNEL | nonode PART | newer CONFIG | older CONFIG | config | servers]: run a JupyterHub
	// at $HUB; take a scope from its token; make a kernel's cells fail; start no servers but trials of images with PART; save what its configurator
	// has, of either form; print that, or the servers with their options.
	"hub": plain(cmdHub),
	// attached [-at NAME] REPO TAG TYPE: print the documents of a media type that are attached to
	// an image; "! attached": there are none.
	"attached": cmdAttached,
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
	temps     = regexp.MustCompile(`(/\.(?:[0-9a-f]{64}|[^/\s]*?[^/\s0-9]))[0-9]{8,20}\b`) // of renameio
	blobTemps = regexp.MustCompile(`/\.[0-9a-f]{64}[0-9]{8,20}\b`)
	times     = regexp.MustCompile(`\bin [0-9.]+ (?:s|min [0-9]+ s)\b`)
	sizes     = regexp.MustCompile(`\b[1-9][0-9.]* [kMG]?B\b`) // "0 B" says something
	sha256s   = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	md5s      = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	commits   = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
)

// tidy takes what differs from run to run out of a text, and digests.
func tidy(ts *testscript.TestScript, s string) string {
	for name := range storyOf(ts).registries {
		s = strings.ReplaceAll(s, ts.Getenv(name), "$"+name)
	}
	for _, name := range []string{"CHANNEL", "PYPI", "PYPIHOST", "WORK", "ROOT"} {
		if v := ts.Getenv(name); v != "" {
			s = strings.ReplaceAll(s, v, "$"+name)
		}
	}
	s = blobTemps.ReplaceAllString(s, "/.SHA256TMP")
	s = temps.ReplaceAllString(times.ReplaceAllString(s, "in T"), "${1}TMP")
	s = commits.ReplaceAllString(sizes.ReplaceAllString(s, "SIZE"), "COMMIT")
	return md5s.ReplaceAllString(sha256s.ReplaceAllString(s, "SHA256"), "MD5")
}

func cmdClean(ts *testscript.TestScript, _ []string) error {
	out, talk := tidy(ts, ts.ReadFile("stdout")), tidy(ts, ts.ReadFile("stderr"))
	fmt.Fprint(ts.Stdout(), out)
	fmt.Fprint(ts.Stderr(), talk)
	return nil
}
