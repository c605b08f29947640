package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/internal/testkit/registrytest"
)

func cmdRegistry(ts *testscript.TestScript, args []string) error {
	f, args := flags(args)
	name := "REGISTRY"
	if len(args) > 0 {
		name = args[0]
	}
	s := storyOf(ts)
	r := registrytest.New()
	ts.Defer(r.Close)
	for flag, ask := range map[string]func(user, password string){
		"-login":  r.Login,
		"-tokens": func(u, p string) { r.LoginTokens(u, p, false) },
		"-public": func(u, p string) { r.LoginTokens(u, p, true) },
	} {
		if v := f[flag]; v != "" {
			user, password, _ := strings.Cut(v, ":")
			ask(user, password)
		}
	}
	if s.registries == nil {
		s.registries = map[string]*registrytest.Registry{}
	}
	s.registries[name] = r
	ts.Setenv(name, r.Host)
	return nil
}

// at finds the registry that a command is about.
func at(ts *testscript.TestScript, args []string) (*registrytest.Registry, []string, error) {
	f, args := flags(args)
	name := "REGISTRY"
	if f["-at"] != "" {
		name = f["-at"]
	}
	r := storyOf(ts).registries[name]
	if r == nil {
		return nil, nil, fmt.Errorf("no registry runs at $%s", name)
	}
	return r, args, nil
}

func cmdBroken(ts *testscript.TestScript, args []string) error {
	r, args, err := at(ts, args)
	if err != nil {
		return err
	}
	if args[0] == "none" {
		r.Heal()
		return nil
	}
	f := registrytest.Fault{Method: strings.Trim(args[1], "*"), Path: strings.Trim(args[2], "*"), After: 60}
	if kind, ok := map[string]registrytest.FaultKind{
		"reset": registrytest.Reset, "cutupload": registrytest.ResetUpload, "corrupt": registrytest.Corrupt, "corruptupload": registrytest.CorruptUpload,
	}[args[0]]; ok {
		f.Kind = kind
	} else if f.Code, err = strconv.Atoi(args[0]); err != nil {
		return fmt.Errorf("no fault is called %q", args[0])
	}
	if f.Code == http.StatusTooManyRequests {
		f.Header = http.Header{"Retry-After": {"0.1"}}
	}
	if len(args) > 3 {
		if f.Times, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
	}
	r.Fail(f)
	return nil
}

// layerIDs reads the ids of layers by their digests from a result.
func layerIDs(ts *testscript.TestScript, file string) (map[string]string, error) {
	var res struct {
		ImageID string `json:"image_id"`
		Layers  []struct{ ID, Digest string }
	}
	if err := json.Unmarshal([]byte(ts.ReadFile(file)), &res); err != nil {
		return nil, err
	}
	ids := map[string]string{res.ImageID: "config"}
	for _, l := range res.Layers {
		ids[l.Digest] = l.ID
	}
	return ids, nil
}

func cmdTraffic(ts *testscript.TestScript, args []string) error {
	r, args, err := at(ts, args)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	if len(args) > 0 {
		if ids, err = layerIDs(ts, args[0]); err != nil {
			return err
		}
	}
	counts := map[string]int{}
	for _, q := range r.Requests() {
		counts[describe(q, ids)]++
	}
	r.Forget()
	for _, line := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(ts.Stdout(), "%d %s\n", counts[line], line)
	}
	return nil
}

// describe names a request without what differs from run to run.
func describe(q registrytest.Request, ids map[string]string) string {
	query, _ := url.ParseQuery(q.Query)
	name := func(digest string) string {
		if id := ids[digest]; id != "" {
			return id
		}
		return "another"
	}
	repo, rest, _ := strings.Cut(strings.TrimPrefix(q.Path, "/v2/"), "/blobs/")
	switch {
	case strings.Contains(q.Path, "/referrers/"):
		return q.Method + " referrers"
	case strings.Contains(q.Path, "/manifests/"):
		ref := path.Base(q.Path)
		if strings.HasPrefix(ref, "sha256:") {
			ref = "by digest"
		} else if strings.HasPrefix(ref, "sha256-") {
			ref = "of referrers"
		}
		return q.Method + " manifest " + commits.ReplaceAllString(ref, "COMMIT")
	case strings.HasPrefix(rest, "uploads/") && query.Get("mount") != "":
		return "mount " + name(query.Get("mount")) + " into " + repo
	case strings.HasPrefix(rest, "uploads/") && q.Method == http.MethodPut:
		return "upload " + name(query.Get("digest"))
	case strings.HasPrefix(rest, "uploads/"):
		return q.Method + " upload"
	case rest != "":
		return q.Method + " blob " + name(rest)
	}
	return q.Method + " " + q.Path
}

func cmdLose(ts *testscript.TestScript, args []string) error {
	r, args, err := at(ts, args)
	if err != nil {
		return err
	}
	ids, err := layerIDs(ts, args[0])
	if err != nil {
		return err
	}
	for digest, id := range ids {
		if id == args[1] {
			r.Lose(digest)
			return nil
		}
	}
	return fmt.Errorf("the result has no layer %s", args[1])
}

func cmdWhole(ts *testscript.TestScript, args []string) error {
	r, args, err := at(ts, args)
	if err != nil {
		return err
	}
	tags, err := wholeTags(r, args[0])
	if err != nil {
		return err
	}
	for _, tag := range args[1:] {
		if !slices.Contains(tags, tag) {
			return fmt.Errorf("%s has no tag %s: %q", args[0], tag, tags)
		}
	}
	if len(tags) == 0 {
		tags = []string{"no tags"}
	}
	for _, tag := range tags {
		fmt.Fprintln(ts.Stdout(), tag)
	}
	return nil
}

// allWhole looks at every repository of every registry.
func (s *story) allWhole() error {
	for _, r := range s.registries {
		data, _, err := get(r, "/v2/_catalog")
		if err != nil {
			return err
		}
		var catalog struct{ Repositories []string }
		if err := json.Unmarshal(data, &catalog); err != nil {
			return err
		}
		for _, repo := range catalog.Repositories {
			if _, err := wholeTags(r, repo); err != nil {
				return err
			}
		}
	}
	return nil
}

// wholeTags lists the tags of a repository and makes sure that all their blobs are there.
func wholeTags(r *registrytest.Registry, repo string) ([]string, error) {
	data, status, err := get(r, "/v2/"+repo+"/tags/list")
	if err != nil || status == http.StatusNotFound {
		return nil, err
	}
	var list struct{ Tags []string }
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	blobs := r.Blobs(repo)
	for _, tag := range list.Tags {
		data, _, err := get(r, "/v2/"+repo+"/manifests/"+tag)
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, err
		}
		if m.MediaType.IsIndex() {
			continue // of images that have tags of their own
		}
		for _, d := range append(m.Layers, m.Config) {
			if size, ok := blobs[d.Digest.String()]; !ok || int64(size) != d.Size {
				return nil, fmt.Errorf("%s:%s: blob %s has %d bytes (%v), want %d", repo, tag, d.Digest, size, ok, d.Size)
			}
		}
	}
	slices.Sort(list.Tags)
	return list.Tags, nil
}

func cmdIndex(ts *testscript.TestScript, args []string) error {
	r, args, err := at(ts, args)
	if err != nil {
		return err
	}
	repo := args[0]
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, a := range args[2:] {
		platform, tag, _ := strings.Cut(a, "=")
		data, _, err := get(r, "/v2/"+repo+"/manifests/"+tag)
		if err != nil {
			return err
		}
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return err
		}
		sum, size, err := v1.SHA256(bytes.NewReader(data))
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: sum, Size: size, Platform: p})
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	status, body, err := r.Inside(http.MethodPut, "/v2/"+repo+"/manifests/"+args[1], http.Header{"Content-Type": {string(types.OCIImageIndex)}}, data)
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("write index: %d", status)
	}
	return body.Close()
}

// get asks the registry behind its front, so that it does not count and cannot fail.
func get(r *registrytest.Registry, p string) ([]byte, int, error) {
	status, body, err := r.Inside(http.MethodGet, p, http.Header{}, nil)
	if err == nil && status != http.StatusOK && status != http.StatusNotFound {
		err = fmt.Errorf("GET %s: %d", p, status)
	}
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(body)
	return data, status, errors.Join(err, body.Close())
}
