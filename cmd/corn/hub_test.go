package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/testkit/hubtest"
)

// cmdHub runs a hub at $HUB, or changes the one that runs.
func cmdHub(ts *testscript.TestScript, args []string) error {
	s := storyOf(ts)
	if s.hub == nil {
		s.hub = hubtest.New()
		ts.Defer(s.hub.Close)
		ts.Setenv("HUB", s.hub.URL)
		ts.Setenv("JUPYTERHUB_API_TOKEN", hubtest.Token)
	}
	if len(args) == 0 {
		return nil
	}
	args = append(args, "")
	switch args[0] {
	case "forbid":
		s.hub.Forbid(args[1])
	case "break":
		s.hub.Break(args[1])
	case "nonode":
		s.hub.NoNode(args[1])
	case "newer", "older":
		s.hub.Configure(args[0] == "newer", args[1])
	case "config":
		_, err := fmt.Fprintln(ts.Stdout(), s.hub.Config())
		return err
	case "servers":
		data, err := json.MarshalIndent(s.hub.Servers(), "", " ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(ts.Stdout(), strings.ReplaceAll(string(data), s.hub.URL, "$HUB"))
		return err
	default:
		return fmt.Errorf("a hub knows no %q", args[0])
	}
	return nil
}
