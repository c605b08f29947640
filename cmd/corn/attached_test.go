package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nasa-openscapes/corn/digest"
)

// attachedDocuments lists the documents of a type that are attached to a tag of a registry.
func attachedDocuments(ts *testscript.TestScript, args []string) ([]string, error) {
	r, args, err := at(ts, args)
	if err != nil {
		return nil, err
	}
	repo, tag, kind := args[0], args[1], args[2]
	data, status, err := get(r, "/v2/"+repo+"/manifests/"+tag)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("manifest %s: %d, %w", tag, status, err)
	}
	sum := digest.Sum(data)
	list, status, err := get(r, "/v2/"+repo+"/referrers/"+sum.OCI())
	if status == http.StatusNotFound {
		list, status, err = get(r, "/v2/"+repo+"/manifests/sha256-"+sum.String())
	}
	if err != nil || status != http.StatusOK {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(list, &index); err != nil {
		return nil, err
	}
	var docs []string
	for _, d := range index.Manifests {
		data, _, err := get(r, "/v2/"+repo+"/manifests/"+d.Digest.String())
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, err
		}
		if m.ArtifactType != kind {
			continue
		}
		blob, _, err := get(r, "/v2/"+repo+"/blobs/"+m.Layers[0].Digest.String())
		if err != nil {
			return nil, err
		}
		docs = append(docs, string(blob))
	}
	return docs, nil
}

func cmdAttached(ts *testscript.TestScript, neg bool, args []string) {
	docs, err := attachedDocuments(ts, args)
	ts.Check(err)
	if (len(docs) == 0) != neg {
		ts.Fatalf("%d documents are attached", len(docs))
	}
	fmt.Fprint(ts.Stdout(), strings.Join(docs, ""))
}
