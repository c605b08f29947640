package project

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestParseSettings(t *testing.T) {
	got, err := ParseSettings("corn.yaml", []byte(`
base: oci:base
image: ghcr.io/team/hub
platforms: [linux-64, linux/arm64]
compression: gzip
channel_alias: https://mirror.example.org/conda
strip: ["*.a", "**/tests/**"]
copy:
- "*.html"
layout: copies
pyc: shipped
environments:
  team-a:
    layout: links
    copy: [share/**]
channels: [conda-forge]
channel_priority: flexible
sharing: prefer
virtual_packages:
  __cuda: "12.4"
  __archspec: 1 x86_64_v3
  __win:
forbid:
  channels: [defaults]
  licenses:
  - AGPL-*
run:
- name: data
  run: |
    ./fetch
    make
  user: root
  network: none
  timeout: 1h30m
- {run: ./b, name: b, user: image, network: host}
copy_project: true
steps: {timeout: 90s, disk: 20GiB, memory: 500 MB, processes: 12}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Settings{
		Base: "oci:base", Image: "ghcr.io/team/hub", Platforms: append(got.Platforms[:0:0], mustParse("linux-64"), mustParse("linux/arm64")),
		Compression: "gzip", ChannelAlias: "https://mirror.example.org/conda", Strip: []string{"*.a", "**/tests/**"},
		Copy: []string{"*.html"}, Layout: Copies, PycShipped: true,
		Environments: []EnvironmentSettings{{Slug: "team-a", Layout: Links, Copy: []string{"share/**"}, Line: 13}},
		Solve: SolveSettings{
			Channels: []string{"conda-forge"}, Priority: "flexible", Sharing: "prefer",
			Virtual: []VirtualPackage{{"__cuda", "12.4", "", 20}, {"__archspec", "1", "x86_64_v3", 21}, {"__win", "", "", 22}},
			Forbid:  Forbid{Channels: []Rule{{"defaults", 24}}, Licenses: []Rule{{"AGPL-*", 26}}},
		},
		Steps: StepSettings{
			Run: []RunStep{
				{Name: "data", Script: "./fetch\nmake\n", Root: true, NoNetwork: true, Timeout: 90 * time.Minute, Line: 28},
				{Name: "b", Script: "./b", Line: 35},
			},
			CopyProject: true, Timeout: 90 * time.Second, DiskBytes: 20 << 30, MemoryBytes: 500_000_000, Processes: 12,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// settingCases are tried against the decoder and the schema: both have to agree.
var settingCases = []struct {
	text string
	ok   bool
}{
	{"", true},
	{"# comment\n", true},
	{"base: oci:x\n", true},
	{"base: ''\n", false},
	{"base:\n", false},
	{"index_url: https://pypi.example/simple\n", true},
	{"index_url: pypi.example\n", false},
	{"index_url: [a]\n", false},
	{"index_until: \"2025-03-31\"\n", true},
	{"index_until: \"2025-03-31T12:00:00Z\"\n", true},
	{"index_until: yesterday\n", false},
	{"base: [a]\n", false},
	{"image: ghcr.io/a/b\n", true},
	{"image: localhost:5000/a/b-c_d.e\n", true},
	{"image: ghcr.io/a/b:tag\n", false},
	{"image: A\n", false},
	{"platforms: [linux-64]\n", true},
	{"platforms: [linux/arm/v7]\n", true},
	{"platforms: [osx-64]\n", false},
	{"platforms: []\n", false},
	{"platforms: linux-64\n", false},
	{"platforms: [linux-64, linux-64]\n", false},
	{"compression: zstd\n", true},
	{"compression: gzip\n", true},
	{"compression: xz\n", false},
	{"channel_alias: https://h\n", true},
	{"channel_alias: file:///srv/channels\n", true},
	{"channel_alias: conda-forge\n", false},
	{"channel_alias: ftp://h\n", false},
	{"channel_alias: 'https://'\n", false},
	{"strip: ['*.a']\n", true},
	{"strip: []\n", true},
	{"strip:\n", true},
	{"strip: '*.a'\n", false},
	{"strip: ['']\n", false},
	{"strip: [/]\n", false},
	{"copy: [/share/x]\n", true},
	{"copy: [{a: b}]\n", false},
	{"layout: links\n", true},
	{"layout: copies\n", true},
	{"layout: hardlinks\n", false},
	{"pyc: shipped\n", true},
	{"pyc: compiled\n", true},
	{"pyc: none\n", false},
	{"environments: {}\n", true},
	{"environments: {a: {}}\n", true},
	{"environments: {a: {layout: links, copy: [x]}}\n", true},
	{"environments: {a: {layout: x}}\n", false},
	{"environments: {a: {strip: [x]}}\n", false},
	{"environments: {A: {}}\n", false},
	{"environments: {a: x}\n", false},
	{"environments: [a]\n", false},
	{"channels: [conda-forge, https://h/c]\n", true},
	{"channels: conda-forge\n", false},
	{"channels: ['']\n", false},
	{"channel_priority: flexible\n", true},
	{"channel_priority: loose\n", false},
	{"sharing: prefer\n", true},
	{"sharing: 'off'\n", true},
	{"sharing: all\n", false},
	{"virtual_packages: {__cuda: '12.4', __archspec: 1 x86_64_v3, __win:}\n", true},
	{"virtual_packages: {__cuda: 12}\n", true},
	{"virtual_packages: {cuda: '12.4'}\n", false},
	{"virtual_packages: {__cuda: '>=12'}\n", false},
	{"virtual_packages: [__cuda]\n", false},
	{"forbid: {channels: [defaults, 'https://repo.anaconda.com/*'], licenses: ['AGPL-*']}\n", true},
	{"forbid: {channels: defaults}\n", false},
	{"forbid: {packages: [x]}\n", false},
	{"forbid: {licenses: ['']}\n", false},
	{"run:\n", true},
	{"run: []\n", true},
	{"run: [{name: a, run: x}]\n", true},
	{"run: [{name: a, run: x, user: root, network: none, timeout: 10m}]\n", true},
	{"run: [{name: a}]\n", false},
	{"run: [{run: x}]\n", false},
	{"run: [{name: A, run: x}]\n", false},
	{"run: [{name: a/b, run: x}]\n", false},
	{"run: [{name: a, run: ' '}]\n", false},
	{"run: [{name: a, run: x, user: jovyan}]\n", false},
	{"run: [{name: a, run: x, network: 'off'}]\n", false},
	{"run: [{name: a, run: x, timeout: 10}]\n", false},
	{"run: [{name: a, run: x, timeout: 1m1h}]\n", false},
	{"run: [{name: a, run: x, mount: y}]\n", false},
	{"run: [x]\n", false},
	{"run: x\n", false},
	{"steps: {timeout: 2h, disk: 1GB, memory: 512MiB, processes: 100}\n", true},
	{"steps: {timeout: -1h}\n", false},
	{"steps: {timeout: 1.5h}\n", false},
	{"steps: {disk: 20}\n", false},
	{"steps: {disk: 20gb}\n", false},
	{"steps: {memory: lots}\n", false},
	{"steps: {processes: 0}\n", false},
	{"steps: {processes: many}\n", false},
	{"steps: {cpus: 2}\n", false},
	{"steps: [x]\n", false},
	{"copy_project: true\n", true},
	{"copy_project: false\n", true},
	{"copy_project: home\n", false},
	{"env: {A: b, C_1: 2, D: 'x ${PATH}', E: ''}\n", true},
	{"env:\n", true},
	{"env: {}\n", true},
	{"env: {A-B: c}\n", false},
	{"env: {1A: c}\n", false},
	{"env: {A: [c]}\n", false},
	{"env: [A=b]\n", false},
	{"labels: {org.opencontainers.image.title: x, a: 1}\n", true},
	{"labels:\n", true},
	{"labels: {a b: c}\n", false},
	{"labels: {a: {b: c}}\n", false},
	{"labels: x\n", false},
	{"test: {skip_imports: [a], imports: {b: [c.d, e]}, no_interrupt: [xpython], start_timeout: 2m, import_timeout: 1h, notebook_timeout: 90s}\n", true},
	{"test: {}\n", true},
	{"test: {skip_imports: a}\n", false},
	{"test: {skip_imports: ['']}\n", false},
	{"test: {imports: [a]}\n", false},
	{"test: {imports: {a: []}}\n", false},
	{"test: {imports: {a: ['x y']}}\n", false},
	{"test: {imports: {a: ['import os']}}\n", false},
	{"test: {no_interrupt: {}}\n", false},
	{"test: {start_timeout: soon}\n", false},
	{"test: {time: 1s}\n", false},
	{"test: none\n", false},
	{"unknown: 1\n", false},
	{"- a\n", false},
	{"word\n", false},
}

// TestSchema: the shipped schema says of each case what the decoder says.
// A line of corn.yaml that an error shows may hold a channel's credentials.
func TestSettingsErrorsShowNoSecret(t *testing.T) {
	for _, text := range []string{
		"channels: ['https://ada:secret@example.org/x', '']\n",
		"channels: {https://example.org/t/secret/x: 1}\n",
	} {
		_, err := ParseSettings("corn.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "corn.yaml:1") || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseSettings(%q): error %v, want one of line 1 without the secret", text, err)
		}
	}
}

func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("corn.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("corn.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range settingCases {
		_, err := ParseSettings("corn.yaml", []byte(tc.text))
		if (err == nil) != tc.ok {
			t.Errorf("ParseSettings(%q) = %v, want ok %v", tc.text, err, tc.ok)
		}
		if err != nil && (!is[*ParseError](err) || !strings.HasPrefix(err.Error(), "corn.yaml:1:")) && tc.text != "" {
			t.Errorf("ParseSettings(%q): %T %v, want a *ParseError of line 1", tc.text, err, err)
		}
		var value any
		if err := yaml.Unmarshal([]byte(tc.text), &value); err != nil {
			t.Fatalf("%q: %v", tc.text, err)
		}
		if err := schema.Validate(value); (err == nil) != tc.ok {
			t.Errorf("the schema says of %q: %v, want ok %v", tc.text, err, tc.ok)
		}
	}
}

// TestSchemaHasEveryKey: no key is in one and not in the other.
func TestSchemaHasEveryKey(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	properties := doc.(map[string]any)["properties"].(map[string]any)
	if diff := cmp.Diff(keysOf(settingKeys), keysOf(properties)); diff != "" {
		t.Errorf("keys (-decoder +schema):\n%s", diff)
	}
	tried := map[string]bool{}
	for _, c := range settingCases {
		key, _, _ := strings.Cut(c.text, ":")
		tried[key] = true
	}
	for _, key := range keysOf(settingKeys) {
		if !tried[key] {
			t.Errorf("no case for the key %s", key)
		}
	}
}

func FuzzParseSettings(f *testing.F) {
	for _, c := range settingCases {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		if _, err := ParseSettings("corn.yaml", data); err != nil && !is[*ParseError](err) {
			t.Errorf("parse corn.yaml %q: error of type %T: %v", data, err, err)
		}
	})
}

func TestRule(t *testing.T) {
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"AGPL-*", "AGPL-3.0-only", true}, {"agpl-*", "AGPL-3.0", true}, {"AGPL-*", "LGPL-2.1", false}, {"*", "", true},
		{"https://repo.anaconda.com/*", "https://repo.anaconda.com/pkgs/main", true}, {"defaults", "defaults", true}, {"default", "defaults", false},
	} {
		if got := (Rule{Glob: c.glob}).Match(c.text); got != c.want {
			t.Errorf("%q matches %q: %t, want %t", c.glob, c.text, got, c.want)
		}
	}
}
