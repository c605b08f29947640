package main

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/demo/base"
	"github.com/nasa-openscapes/corn/demo/pbs"
	"github.com/nasa-openscapes/corn/internal/testkit/channeltest"
	"github.com/nasa-openscapes/corn/internal/testkit/layertest"
	"github.com/nasa-openscapes/corn/internal/testkit/projecttest"
	"github.com/nasa-openscapes/corn/internal/testkit/toolroot"
)

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

// cmdPublish makes another channel of the same server.
func cmdPublish(ts *testscript.TestScript, args []string) error {
	data, err := storyOf(ts).world(ts, args[1])
	if err != nil {
		return err
	}
	archives, err := channeltest.FromTxtar(data)
	if err != nil {
		return err
	}
	dir := filepath.Join(ts.Getenv("WORK"), "channel", args[0])
	_, err = channeltest.Publish(dir, archives)
	return err
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
var pythonModules = regexp.MustCompile(`^(bin/python[0-9.]*|lib/python3\.14/((abc|codecs|io|os|stat|posixpath|genericpath|_collections_abc|site|_sitebuiltins|keyword|linecache|operator|reprlib|_sysconfigdata.*)\.py|(encodings/(__init__|aliases|utf_8|latin_1|ascii)|json/[a-z_]*|collections/[a-z_]*)\.py))$`)

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
		Name: "python", Version: pythonVersion, Build: "0_cp314", TimestampMillis: 1734566400000, Placeholder: channeltest.DefaultPlaceholder, Files: files,
	}}, nil
}

const pythonVersion = "3.14.6"

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
	f, args := flags(args, "-archive", "-bare", "-notebook", "-tool")
	o := base.TinyOptions{Config: base.Config{Start: f["-bare"] == "", DockerSchema: f["-archive"] != ""}}
	img, err := base.Tiny(o)
	if err != nil {
		return err
	}
	if n := f["-layers"]; n != "" {
		count, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		// One layer many times is one blob to write, and so many layers all the same.
		same := layertest.Layer(layertest.H{Name: "opt/"})
		if img, err = mutate.AppendLayers(img, slices.Repeat([]v1.Layer{same}, count-1)...); err != nil {
			return err
		}
	}
	if f["-notebook"] != "" {
		if img, err = projecttest.WithNotebook(img); err != nil {
			return err
		}
	}
	if f["-tool"] != "" {
		tool, err := toolroot.Build()
		if err != nil {
			return err
		}
		programs := []layertest.H{{Name: "usr/", Mode: 0o755}, {Name: "usr/bin/", Mode: 0o755}}
		for _, name := range []string{"tool", "sh", "bash", "apt-get"} {
			programs = append(programs, layertest.H{Name: "usr/bin/" + name, Mode: 0o755, Data: string(tool)})
		}
		if img, err = mutate.AppendLayers(img, layertest.Layer(programs...)); err != nil {
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

// faulty is a server of a story that can be told to fail.
type faulty interface {
	Fail(f channeltest.Fault)
	Heal()
}

func cmdFault(ts *testscript.TestScript, args []string) error {
	return setFault(storyOf(ts).handler, args, 100)
}

// setFault makes a server fail as "none", or "KIND PATH [TIMES]", says, after so many bytes where the kind asks for some.
func setFault(h faulty, args []string, after int64) error {
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
	f := channeltest.Fault{Path: args[1], Kind: kind, After: after, Delay: time.Second}
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
