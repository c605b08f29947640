package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/testkit/indextest"
)

// cmdPyPI publishes distributions, and serves them from the first call on.
func cmdPyPI(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	f, args := flags(args, "-html", "-nometadata", "-noranges")
	var dists []*indextest.Dist
	for _, name := range args {
		data, err := s.world(ts, name)
		if err != nil {
			return err
		}
		more, err := indextest.FromTxtar(data)
		if err != nil {
			return fmt.Errorf("world %s: %w", name, err)
		}
		dists = append(dists, more...)
	}
	dir := ts.MkAbs("pypi")
	if err := os.RemoveAll(filepath.Join(dir, "simple")); err != nil {
		return err
	}
	if err := indextest.Publish(dir, dists, indextest.Options{NoMetadata: f["-nometadata"] != ""}); err != nil {
		return err
	}
	if s.pypi != nil {
		return nil
	}
	o := indextest.ServeOptions{HTMLOnly: f["-html"] != "", NoRanges: f["-noranges"] != ""}
	o.User, o.Password, _ = strings.Cut(f["-login"], ":")
	s.pypi = indextest.NewHandler(dir, o)
	srv := httptest.NewServer(s.pypi)
	ts.Defer(srv.Close)
	ts.Setenv("PYPI", srv.URL+"/simple")
	ts.Setenv("PYPIHOST", srv.URL)
	return nil
}

func cmdPyPIFault(ts *testscript.TestScript, args []string) error {
	return setFault(storyOf(ts).pypi, args, 20)
}
