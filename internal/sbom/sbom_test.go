package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/internal/image"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sum(s string) digest.SHA256 { return digest.Sum([]byte(s)) }

// world is an image with a kernel of conda packages and wheels, one of another package, and
// packages that say strange things of themselves.
func world() (*image.Metadata, map[digest.SHA256]*artifact.Facts) {
	m := &image.Metadata{
		Base: image.BaseMetadata{Manifest: sum("base")},
		Envs: []image.EnvMetadata{
			{Name: "climate", Artifacts: []digest.SHA256{sum("numpy"), sum("python"), sum("xarray"), sum("odd")}},
			{Name: "tcl", Artifacts: []digest.SHA256{sum("tk"), sum("odd")}},
		},
		Kernels: []image.KernelMetadata{{Name: "climate", DisplayName: "Climate <1> | \"x\"", Env: "climate"}, {Name: "tcl", DisplayName: "Tcl", Env: "tcl"}},
		Artifacts: []image.ArtifactMetadata{
			{SHA256: sum("numpy"), FileName: "numpy-2.2.4-py313h0_0.conda", Kind: artifact.Conda, Name: "numpy", Version: "2.2.4", Build: "py313h0_0", Channel: "conda-forge"},
			{SHA256: sum("odd"), FileName: "_odd++-1!2.0+a_b-0.tar.bz2", Kind: artifact.Conda, Name: "_odd++", Version: "1!2.0+a_b", Build: "0", Channel: "https://repo.example.org/team a/x"},
			{SHA256: sum("python"), FileName: "python-3.13.2-h1_0.conda", Kind: artifact.Conda, Name: "python", Version: "3.13.2", Build: "h1_0", Channel: "conda-forge"},
			{SHA256: sum("tk"), FileName: "tk-8.6.13-h1_1.conda", Kind: artifact.Conda, Name: "tk", Version: "8.6.13", Build: "h1_1"},
			{SHA256: sum("unused"), FileName: "unused-1-0.conda", Kind: artifact.Conda, Name: "unused", Version: "1", Build: "0"},
			{SHA256: sum("xarray"), FileName: "xarray-2025.3.0-py3-none-any.whl", Kind: artifact.Wheel, Name: "X_Array", Version: "2025.3.0"},
		},
	}
	conda := func(index, about string) *artifact.CondaFacts {
		return &artifact.CondaFacts{Index: json.RawMessage(index), About: json.RawMessage(about)}
	}
	facts := map[digest.SHA256]*artifact.Facts{
		sum("numpy"): {
			MD5: digest.MD5{1}, Conda: conda(`{"subdir":"linux-64","license":"BSD-3-Clause AND mit","depends":["python >=3.13,<3.14.0a0","__glibc >=2.17","libblas"]}`, `{"home":"https://numpy.org","summary":"Arrays\n for all"}`),
			Members: []artifact.Member{
				{Path: "lib/python3.13/site-packages/numpy-2.2.4.dist-info/METADATA", Type: filetree.File},
				{Path: "lib/python3.13/site-packages/F2Py_Two-0.1.dist-info/METADATA", Type: filetree.File},
			},
		},
		sum("odd"):    {Conda: conda(`{"subdir":"noarch","license":"Ask <us>, & see LICENSE","depends":7}`, `{"home":["ftp://x y"],"summary":7}`)},
		sum("python"): {Conda: conda(`{"subdir":"linux-64","license":"LicenseRef-Python","depends":[]}`, `null`)},
		sum("xarray"): {Wheel: &artifact.WheelFacts{Requires: []string{"NumPy (>=1.24)", `dask[complete] ; extra == "parallel"`}}},
	}
	return m, facts
}

func documents(t *testing.T, s Subject) map[string]string {
	t.Helper()
	m, facts := world()
	d, err := New(m, facts, s)
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	if err := errors.Join(d.WriteSPDX(&a), d.WriteCycloneDX(&b)); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"spdx.json": a.String(), "cyclonedx.json": b.String()}
}

var subjects = map[string]Subject{
	"image": {Name: "quay.io/team/Hub", Digest: sum("image"), Version: "2026.01", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), BaseRef: "docker.io/pangeo/base-image:2026.01"},
	"tcl":   {Digest: sum("image"), Kernel: "tcl"},
}

func TestGolden(t *testing.T) {
	for name, s := range subjects {
		for kind, got := range documents(t, s) {
			file := filepath.Join("testdata", name+"."+kind)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
			if again := documents(t, s)[kind]; again != got {
				t.Errorf("%s: twice the same image gave two documents", file)
			}
		}
	}
}

// schema compiles an official JSON schema and those that it refers to.
func schema(t *testing.T, files ...string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	root := ""
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
		if root == "" {
			root = id
		}
	}
	s, err := c.Compile(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, name, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%s does not fit the official schema: %v", name, err)
	}
}

// TestCycloneDXFitsTheSchema: the schema lies in the module that the types are from.
func TestCycloneDXFitsTheSchema(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "schema")
	if _, statErr := os.Stat(dir); err != nil || statErr != nil {
		t.Skipf("the sources of cyclonedx-go are not here: %v, %v", err, statErr)
	}
	s := schema(t, filepath.Join(dir, "bom-1.6.schema.json"), filepath.Join(dir, "spdx.schema.json"), schemaNamed(t, dir, "jsf-0.82"))
	for name, subject := range subjects {
		validate(t, s, name, documents(t, subject)["cyclonedx.json"])
	}
	bad := strings.Replace(documents(t, subjects["image"])["cyclonedx.json"], `"type": "library"`, `"type": "book"`, 1)
	if v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad)); err != nil || s.Validate(v) == nil {
		t.Errorf("the schema lets everything pass (%v)", err)
	}
}

func schemaNamed(t *testing.T, dir, prefix string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s* in %s (%v)", prefix, dir, err)
	}
	return found[0]
}

// TestSPDXFitsTheSchema: $CORN_SPDX_SCHEMA is schemas/spdx-schema.json of spdx/spdx-spec, v2.3.
func TestSPDXFitsTheSchema(t *testing.T) {
	file := os.Getenv("CORN_SPDX_SCHEMA")
	if file == "" {
		t.Skip("CORN_SPDX_SCHEMA does not name SPDX's JSON schema")
	}
	s := schema(t, file)
	for name, subject := range subjects {
		validate(t, s, name, documents(t, subject)["spdx.json"])
	}
}

// TestPeersRead: the reference libraries find in the documents what was put into them, and no
// reference leads nowhere.
func TestPeersRead(t *testing.T) {
	docs := documents(t, subjects["image"])
	var s spdx.Document
	if err := json.Unmarshal([]byte(docs["spdx.json"]), &s); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{"DOCUMENT": true}
	purls := map[string]bool{}
	for _, p := range s.Packages {
		if ids[string(p.PackageSPDXIdentifier)] {
			t.Errorf("id %s is there twice", p.PackageSPDXIdentifier)
		}
		ids[string(p.PackageSPDXIdentifier)] = true
		for _, r := range p.PackageExternalReferences {
			purls[r.Locator] = true
		}
	}
	for _, r := range s.Relationships {
		for _, id := range []string{string(r.RefA.ElementRefID), string(r.RefB.ElementRefID)} {
			if !ids[id] {
				t.Errorf("relationship %s leads to %s, which is not there", r.Relationship, id)
			}
		}
	}
	for _, want := range []string{
		"pkg:conda/numpy@2.2.4?build=py313h0_0&channel=conda-forge&subdir=linux-64&type=conda",
		"pkg:conda/_odd%2B%2B@1%212.0%2Ba_b?build=0&channel=https:%2F%2Frepo.example.org%2Fteam%20a%2Fx&subdir=noarch&type=tar.bz2",
		"pkg:pypi/numpy@2.2.4", "pkg:pypi/f2py-two@0.1", "pkg:pypi/x-array@2025.3.0",
		"pkg:oci/hub@sha256:" + sum("image").String() + "?repository_url=quay.io%2Fteam%2Fhub",
	} {
		if !purls[want] {
			t.Errorf("%s is missing; there are\n%v", want, purls)
		}
	}
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(strings.NewReader(docs["cyclonedx.json"]), cdx.BOMFileFormatJSON).Decode(&b); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{b.Metadata.Component.BOMRef: true}
	for _, c := range *b.Components {
		refs[c.BOMRef] = true
		if strings.Contains(c.PackageURL, "unused") {
			t.Errorf("%s is in no environment", c.PackageURL)
		}
	}
	var xarray []string
	for _, d := range *b.Dependencies {
		if d.Dependencies == nil {
			d.Dependencies = &[]string{}
		}
		if d.Ref == sum("xarray").String() {
			xarray = *d.Dependencies
		}
		for _, to := range append([]string{d.Ref}, *d.Dependencies...) {
			if !refs[to] {
				t.Errorf("dependency %s leads to %s, which is not there", d.Ref, to)
			}
		}
	}
	if len(xarray) != 1 || xarray[0] != sum("numpy").String() {
		t.Errorf("xarray needs %v, want numpy, which conda installed", xarray)
	}
}

func TestKernelThatIsNotThere(t *testing.T) {
	m, facts := world()
	_, err := New(m, facts, Subject{Kernel: "r"})
	if e, ok := errors.AsType[*NoKernelError](err); !ok || e.Error() != `there is no kernel "r": want one of climate, tcl` {
		t.Errorf("got %v", err)
	}
}
