package hub

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

const aDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func mustRef(t testing.TB, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func edit(t testing.TB, name, text string, o Options) *Edited {
	t.Helper()
	out, err := Edit([]File{{name, []byte(text)}}, o)
	if err != nil {
		t.Fatalf("Edit(%q): %v", text, err)
	}
	return out[0]
}

func TestEdit(t *testing.T) {
	for _, c := range []struct{ why, name, image, in, want string }{
		{"name and tag", "", "a/b:v2", "singleuser:\n  image:\n    name: a/b\n    tag: v1  # now\n", "singleuser:\n  image:\n    name: a/b\n    tag: v2  # now\n"},
		{"a tag that would be a number", "", "a/b:0123456", "image: {name: a/b, tag: abc}", `image: {name: a/b, tag: "0123456"}`},
		{"a tag that would be a float", "", "a/b:12345e6", "image:\n  name: a/b\n  tag: abc\n", "image:\n  name: a/b\n  tag: \"12345e6\"\n"},
		{"a tag that was a number and is text", "", "a/b:abc", "image:\n  name: a/b\n  tag: 123\n", "image:\n  name: a/b\n  tag: abc\n"},
		{"quotes stay", "", "a/b:v2", "image:\n  name: 'a/b'\n  tag: '2026-06-29'\n", "image:\n  name: 'a/b'\n  tag: 'v2'\n"},
		{"a date", "", "a/b:2026-06-29", "image:\n  name: a/b\n  tag: v1\n", "image:\n  name: a/b\n  tag: \"2026-06-29\"\n"},
		{"two full stops are no number", "", "a/b:2025.02.01", "image:\n  name: a/b\n  tag: 2025.01.24\n", "image:\n  name: a/b\n  tag: 2025.02.01\n"},
		{"one text is safe in any tag", "", "a/b:0123456", "image: a/b:v1\n", "image: a/b:0123456\n"},
		{"tag and digest in one text", "", "a/b:v2@" + aDigest, "image: \"a/b:v1\"", "image: \"a/b:v2@" + aDigest + "\""},
		{"tag and digest in the tag", "", "a/b:v2@" + aDigest, "image: {name: a/b, tag: v1}", "image: {name: a/b, tag: v2@" + aDigest + "}"},
		{"a digest alone in name and tag", "", "a/b@" + aDigest, "image:\n  name: a/b\n  tag: v1\n", "image:\n  name: a/b@sha256\n  tag: " + aDigest[7:] + "\n"},
		{"and back", "", "a/b:v2", "image:\n  name: a/b@sha256\n  tag: " + aDigest[7:] + "\n", "image:\n  name: a/b\n  tag: v2\n"},
		{"a digest goes with a new tag", "", "a/b:v2", "image: a/b:v1@" + aDigest, "image: a/b:v2"},
		{"a digest in a key of its own", "", "a/b:v2@" + aDigest, "image: {repository: a/b, tag: v1, digest: x}", "image: {repository: a/b, tag: v2, digest: " + aDigest + "}"},
		{"a digest in a key of its own goes", "", "a/b:v2", "image: {repository: a/b, tag: v1, digest: \"x\"}", "image: {repository: a/b, tag: v2, digest: \"\"}"},
		{"a registry in a key of its own", "", "quay.io/a/b:v2", "image: {registry: quay.io, repository: a/b, tag: v1}", "image: {registry: quay.io, repository: a/b, tag: v2}"},
		{"Docker's registry, said and unsaid", "", "docker.io/a/b:v2", "image: a/b:v1", "image: a/b:v2"},
		{"without a tag", "", "a/b:v2", "image: a/b", "image: a/b:v2"},
		{"other repositories stay", "", "a/b:v2", "x: {image: a/b:v1}\ny: {image: a/b2:v1}\nz: {image: c/a/b:v1}", "x: {image: a/b:v2}\ny: {image: a/b2:v1}\nz: {image: c/a/b:v1}"},
		{"CRLF", "", "a/b:v2", "x: 1\r\nimage: a/b:v1\r\ny: 2\r\n", "x: 1\r\nimage: a/b:v2\r\ny: 2\r\n"},
		{"CR alone", "", "a/b:v2", "x: 1\rimage: a/b:v1\ry: 2\r", "x: 1\rimage: a/b:v2\ry: 2\r"},
		{"a byte order mark", "", "a/b:v2", "\ufeffimage: a/b:v1\n", "\ufeffimage: a/b:v2\n"},
		{"letters beyond ASCII before it", "", "a/b:v2", "{\"é–😀\": 1, image: a/b:v1}\n", "{\"é–😀\": 1, image: a/b:v2}\n"},
		{"an anchor, its alias follows", "", "a/b:v2", "image: &i a/b:v1\nother: {image: *i}\n", "image: &i a/b:v2\nother: {image: *i}\n"},
		{"a tag by an alias", "", "a/b:v2", "x-tag: &t v1\nimage: {name: a/b, tag: *t}\nprePuller: {extraImages: {x: {name: a/b, tag: *t}}}\n", "x-tag: &t v2\nimage: {name: a/b, tag: *t}\nprePuller: {extraImages: {x: {name: a/b, tag: *t}}}\n"},
		{"a merge key gives the name", "", "a/b:v2", "d: &d {name: a/b, pullPolicy: Always}\nimage:\n  <<: *d\n  tag: v1\n", "d: &d {name: a/b, pullPolicy: Always}\nimage:\n  <<: *d\n  tag: v2\n"},
		{"a merge key gives both", "", "a/b:v2", "d: &d\n  name: a/b\n  tag: v1\nimage:\n  <<: [*d]\n", "d: &d\n  name: a/b\n  tag: v2\nimage:\n  <<: [*d]\n"},
		{"a block", "", "a/b:v2", "image: >-\n  a/b:v1\nx: |\n  a/b:v1\n", "image: >-\n  a/b:v2\nx: |\n  a/b:v2\n"},
		{"documents", "", "a/b:v2", "image: a/b:v1\n---\n# second\nimage: a/b:v1\n...\n", "image: a/b:v2\n---\n# second\nimage: a/b:v2\n...\n"},
		{"tabs and JSON", "config.json", "a/b:v2", "{\n\t\"KubeSpawner.image\": \"a/b:v1\",\n\t\"z2jh.image\": \"a/b:v0\"}", "{\n\t\"KubeSpawner.image\": \"a/b:v2\",\n\t\"z2jh.image\": \"a/b:v2\"}"},
		{"the pre-puller", "", "a/b:v2", "prePuller:\n  extraImages:\n    mine:\n      name: a/b\n      tag: v1\n", "prePuller:\n  extraImages:\n    mine:\n      name: a/b\n      tag: v2\n"},
		{"hubploy", "hubploy.yaml", "a/b:v2", "images:\n  images:\n    - name: a/b:v1\n", "images:\n  images:\n    - name: a/b:v2\n"},
		{"what is no user's image", "", "a/b:v2", "hub: {image: {name: a/b, tag: v1}}\nsingleuser:\n  image: {name: a/b, tag: v1}\n  initContainers: [{image: a/b:v1}]\n  extraContainers: [{image: a/b:v1}]\n", "hub: {image: {name: a/b, tag: v1}}\nsingleuser:\n  image: {name: a/b, tag: v2}\n  initContainers: [{image: a/b:v1}]\n  extraContainers: [{image: a/b:v1}]\n"},
		{"templates that are YAML", "", "a/b:v2", "t: '{{ x }}'\nimage: a/b:v1 # {{ y }}\nz: {image: '{value}'}", "t: '{{ x }}'\nimage: a/b:v2 # {{ y }}\nz: {image: '{value}'}"},
		{"keys that stand twice, elsewhere", "", "a/b:v2", "x: 1\nx: 2\nimage: a/b:v1\n", "x: 1\nx: 2\nimage: a/b:v2\n"},
		{"FROM", "x/Dockerfile", "a/b:v2", "# FROM a/b:v1\nFROM --platform=linux/amd64 a/b:v1 AS x\r\nRUN <<EOF\nFROM a/b:v1\nEOF\nFROM x\nfrom docker.io/a/b:v1\nRUN a \\\n  FROM a/b:v1\n", "# FROM a/b:v1\nFROM --platform=linux/amd64 a/b:v2 AS x\r\nRUN <<EOF\nFROM a/b:v1\nEOF\nFROM x\nfrom docker.io/a/b:v2\nRUN a \\\n  FROM a/b:v1\n"},
	} {
		if c.name == "" {
			c.name = "values.yaml"
		}
		o := Options{Images: []Ref{mustRef(t, c.image)}}
		got := edit(t, c.name, c.in, o)
		if diff := cmp.Diff(c.want, string(got.After)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.why, diff)
			continue
		}
		again := edit(t, c.name, c.want, o)
		if len(again.Changes) > 0 || again.Current == 0 || again.Diff != "" {
			t.Errorf("%s: edited again: %+v, want no change", c.why, again)
		}
	}
}

func TestEditRefuses(t *testing.T) {
	for _, c := range []struct{ why, name, image, in, want string }{
		{"no such repository", "", "a/b:v2", "image: {name: c/d, tag: v1}\nother: {image: e/f:1}", "no image of a/b is to be changed in values.yaml\nrepositories that they name:\n  c/d\n  e/f"},
		{"no image at all", "", "a/b:v2", "x: 1", "they name no image at all"},
		{"nothing", "", "a/b:v2", "", "they name no image at all"},
		{"a name without its tag", "", "a/b:v2", "singleuser: {image: {name: a/b}}", "values.yaml:1: singleuser.image: its tag is not in this file"},
		{"an empty tag", "", "a/b:v2", "image:\n  name: a/b\n  tag:\n", "values.yaml:3: image: its tag has no value"},
		{"only the hub's", "", "a/b:v2", "hub: {image: {name: a/b, tag: v1}}", "values.yaml:1: hub.image: the hub's own image"},
		{"not YAML", "", "a/b:v2", "x: 1\na: b: c\nimage: a/b:v1\n", "values.yaml:2: not valid YAML: mapping values are not allowed in this context"},
		{"a template", "", "a/b:v2", "{{ if x }}\nimage: a/b:v1\n{{ end }}\n", "not valid YAML"},
		{"Jinja", "", "a/b:v2", "{% if x %}\nimage: a/b:v1\n{% endif %}\n", "not valid YAML"},
		{"sops", "", "a/b:v2", "image: a/b:v1\nsops:\n  mac: ENC[AES256_GCM,data:x]\n", "values.yaml:2: encrypted with sops"},
		{"UTF-16", "", "a/b:v2", "\xff\xfei\x00m\x00", "not UTF-8 text"},
		{"over two lines", "", "a/b:v2", "image: \"a/b\\\n  :v1\"\n", "values.yaml:1: image is written in a way that corn does not edit"},
		{"a shared tag", "", "a/b:v2", "x: {image: {name: a/b, tag: &t v1}}\ny: {image: {name: c/d, tag: *t}}\n", "y.image (c/d:v1) takes this value from the same place as x.image (a/b:v1)"},
		{"a shared tag of a place to be left", "", "a/b:v2", "singleuser: {image: &i {name: a/b, tag: v1}}\nhub: {image: *i}\n", "hub.image (a/b:v1) takes this value from the same place"},
		{"keys that stand twice", "", "a/b:v2", "image:\n  name: a/b\n  tag: v1\n  tag: v1\n", `values.yaml:4: key "tag" stands here a second time`},
		{"inside a program", "", "a/b:v2", "hub:\n  extraConfig:\n    x: |\n      c.KubeSpawner.image = 'a/b:v1'\n      # x/a/b:v1\n", "values.yaml:3: hub.extraConfig.x: inside a longer text or a template"},
		{"a template for a tag", "", "a/b:v2", "image: {name: a/b, tag: '{{ tag }}'}\n", "values.yaml:1: image: its tag cannot be one: a template?"},
		{"a template in a text", "", "a/b:v2", "image: 'a/b:{{ tag }}'\n", "values.yaml:1: image: inside a longer text or a template"},
		{"a tag that is another value too", "", "a/b:v2", "image: {name: a/b, tag: &t v1}\nlabel: *t\n", "label takes this value from the same place as image (a/b:v1)"},
		{"aliases of aliases", "", "a/b:v2", bomb(), "aliases of aliases?"},
		{"a Dockerfile with an ARG", "Dockerfile", "a/b:v2", "ARG T=v1\nFROM a/b:${T}\n", "Dockerfile:2: FROM: its tag is an ARG of the Dockerfile"},
		{"no Dockerfile", "Dockerfile", "a/b:v2", "image: a/b:v1\n", "a Dockerfile without a FROM"},
		{"a digest where the name is elsewhere", "", "a/b@" + aDigest, "singleuser: {image: {name: a/b, tag: v1}}\n---\njupyterhub: {singleuser: {image: {tag: v1}}}", "a digest without a tag needs the name"},
	} {
		if c.name == "" {
			c.name = "values.yaml"
		}
		_, err := Edit([]File{{c.name, []byte(c.in)}}, Options{Images: []Ref{mustRef(t, c.image)}})
		var file *FileError
		var none *NoMatchError
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &file) && !errors.As(err, &none) {
			t.Errorf("%s: %v, want %s", c.why, err, c.want)
		}
	}
}

func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x]\n")
	for i := range 30 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String() + "image: a/b:v1\n"
}

func TestATagMayStandInAnotherFile(t *testing.T) {
	out, err := Edit([]File{
		{"staging.yaml", []byte("basehub:\n  jupyterhub:\n    singleuser:\n      image:\n        tag: v1\n")},
		{"common.yaml", []byte("jupyterhub:\n  singleuser:\n    image:\n      name: a/b\n")},
	}, Options{Images: []Ref{mustRef(t, "a/b:1e3")}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "basehub:\n  jupyterhub:\n    singleuser:\n      image:\n        tag: \"1e3\"\n"; string(out[0].After) != want {
		t.Errorf("got %q, want %q", out[0].After, want)
	}
	if len(out[1].Changes) != 0 {
		t.Errorf("the file with the name changed: %+v", out[1].Changes)
	}
}

func TestDisplayNames(t *testing.T) {
	in := `profileList:
  - display_name: "Python 65d6916"
    description: |
      with v65d6916
      and 65d6916
    kubespawner_override: {image: a/b:65d6916}
  - display_name: Choose
    profile_options:
      image:
        display_name: 65d6916
        choices:
          x:
            display_name: 65d6916
            kubespawner_override:
              image: a/b:65d6916
          y:
            display_name: c 65d6916
            kubespawner_override: {image: c/d:65d6916}
`
	o := Options{Images: []Ref{mustRef(t, "a/b:1234567")}}
	got := edit(t, "v.yaml", in, o)
	if strings.Count(string(got.After), "1234567") != 2 {
		t.Errorf("not asked for, display names changed:\n%s", got.Diff)
	}
	want := []Offer{
		{Line: 2, Path: "profileList[0].display_name", Text: "Python 65d6916", New: "Python 1234567"},
		{Line: 3, Path: "profileList[0].description", Text: "with v65d6916\nand 65d6916\n", New: "with v65d6916\nand 1234567\n", ByHand: true},
		{Line: 13, Path: "profileList[1].profile_options.image.choices.x.display_name", Text: "65d6916", New: "1234567"},
	}
	if diff := cmp.Diff(want, got.Offers); diff != "" {
		t.Errorf("offers (-want +got)\n%s", diff)
	}
	o.DisplayNames = true
	got = edit(t, "v.yaml", in, o)
	wantDiff := `--- a/v.yaml
+++ b/v.yaml
@@ -1,18 +1,18 @@
 profileList:
-  - display_name: "Python 65d6916"
+  - display_name: "Python 1234567"
     description: |
       with v65d6916
       and 65d6916
-    kubespawner_override: {image: a/b:65d6916}
+    kubespawner_override: {image: a/b:1234567}
   - display_name: Choose
     profile_options:
       image:
         display_name: 65d6916
         choices:
           x:
-            display_name: 65d6916
+            display_name: "1234567"
             kubespawner_override:
-              image: a/b:65d6916
+              image: a/b:1234567
           y:
             display_name: c 65d6916
             kubespawner_override: {image: c/d:65d6916}
`
	if diff := cmp.Diff(wantDiff, got.Diff); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReplaceWord(t *testing.T) {
	for _, c := range []struct{ text, old, want string }{
		{"a 1.2", "1.2", "a NEW"},
		{"a 1.2.", "1.2", "a NEW."},
		{"a 1.2.3", "1.2", "a 1.2.3"},
		{"a 0.1.2", "1.2", "a 0.1.2"},
		{"(1.2), v1.2", "1.2", "(NEW), v1.2"},
		{"latest latest-gpu latest", "latest", "NEW latest-gpu NEW"},
	} {
		if got := replaceWord(c.text, c.old, "NEW"); got != c.want {
			t.Errorf("replaceWord(%q, %q) = %q, want %q", c.text, c.old, got, c.want)
		}
	}
}

func TestStaleTag(t *testing.T) {
	for _, c := range []struct{ text, tag, want string }{
		{"NASA Openscapes, Dask Gateway + GCS 65d6916", "89655e1", "65d6916"}, // nmfs-openscapes, 2026
		{"65d6916 (was 12345ab)", "89655e1", ""},
		{"a defaced house", "89655e1", ""},
		{"x65d6916y", "89655e1", ""},
		{"65d6916", "v1", ""},
		{"2025.12.22", "89655e1", ""},
		{"of 20251222", "89655e1", ""},
	} {
		if got := staleTag(c.text, c.tag); got != c.want {
			t.Errorf("staleTag(%q, %q) = %q, want %q", c.text, c.tag, got, c.want)
		}
	}
}

func TestHiddenLists(t *testing.T) {
	out, err := Edit([]File{
		{"common.yaml", []byte("basehub: {jupyterhub: {singleuser: {profileList: [{kubespawner_override: {image: a/b:v1}}]}}}")},
		{"hub.yaml", []byte("jupyterhub: {singleuser: {profileList: [{kubespawner_override: {image: a/b:v1}}]}}")},
	}, Options{Images: []Ref{mustRef(t, "a/b:v2")}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"common.yaml and hub.yaml both have singleuser.profileList: helm merges no lists, the later file's replaces the other's"}
	if diff := cmp.Diff(want, HiddenLists(out)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPlainTextIsText: whatever quoted leaves without quotes, YAML reads as the text it is.
func TestPlainTextIsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.OneOf(
			rapid.StringMatching(`[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}`),
			rapid.StringMatching(`[0-9a-f]{7}`), rapid.StringMatching(`[0-9]{1,6}e[0-9]{1,3}`),
			rapid.StringMatching(`[0-9_.eE-]{1,8}`), rapid.StringMatching(`0[xXoObB][0-9a-fA-F_.p]{1,5}`),
			rapid.SampledFrom([]string{"NO", "Null", "y", "True", "off", "NaN", "Inf", "2026-06-29", "0123456", "12345e6", "1_000", "0o7", "0x1p5", "1."}),
		).Filter(tagForm.MatchString).Draw(t, "tag")
		var v any
		if err := yaml.Unmarshal([]byte("tag: "+quoted(tag)), &v); err != nil {
			t.Fatalf("tag %q: %v", tag, err)
		}
		if got := v.(map[string]any)["tag"]; got != tag {
			t.Fatalf("tag: %s reads as %#v", quoted(tag), got)
		}
	})
}

// TestRealFiles edits every repository of real values files: the values differ in those places only,
// all other bytes are the same, and a second edit changes nothing.
func TestRealFiles(t *testing.T) {
	files, err := filepath.Glob("../../../shared/data/values/*__*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no ../shared/data/values")
	}
	edits := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Edit([]File{{name, data}}, Options{Images: []Ref{mustRef(t, "no/such:v1")}})
		none, ok := errors.AsType[*NoMatchError](err)
		if !ok || len(none.Seen) == 0 {
			t.Errorf("%s: %v, want the repositories that it has", name, err)
			continue
		}
		for _, repository := range none.Seen {
			for _, to := range []string{":0123456", ":v2@" + aDigest, "@" + aDigest} {
				for _, titles := range []bool{false, true} {
					o := Options{Images: []Ref{mustRef(t, repository+to)}, DisplayNames: titles}
					out, err := Edit([]File{{name, data}}, o)
					if e, ok := errors.AsType[*NoMatchError](err); ok && len(e.Left) > 0 {
						continue // the hub's image, a sidecar
					}
					if err != nil {
						t.Errorf("%s: %v", name, err)
						continue
					}
					edits++
					checkReal(t, out[0], o)
				}
			}
		}
	}
	t.Logf("%d edits of %d files", edits, len(files))
}

func checkReal(t *testing.T, e *Edited, o Options) {
	t.Helper()
	if len(e.Changes) == 0 {
		t.Errorf("%s: %s changes nothing", e.File, o.Images[0])
		return
	}
	// Lines: only those of changes differ, and in them only what stands between equal ends.
	before, after := splitLines(e.Before), splitLines(e.After)
	if len(before) != len(after) {
		t.Fatalf("%s: %d lines, had %d", e.File, len(after), len(before))
	}
	touched := map[int]bool{}
	for _, c := range e.Changes {
		touched[c.Line] = true
		touched[c.Line-1] = true // a name above its tag, for a digest
	}
	for i := range before {
		if before[i] != after[i] && !touched[i+1] {
			t.Errorf("%s:%d: %q became %q, and nobody says so", e.File, i+1, before[i], after[i])
		}
	}
	if !isDockerfile(e.File) {
		var a, b any
		if err := yaml.Unmarshal(e.Before, &a); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(e.After, &b); err != nil {
			t.Fatal(err)
		}
		n := 0
		compareValues(a, b, func(old, now string) {
			n++
			if !strings.Contains(now, "0123456") && !strings.Contains(now, "v2") && !strings.Contains(now, aDigest[7:]) && !strings.HasSuffix(now, pinSuffix) {
				t.Errorf("%s: %q became %q", e.File, old, now)
			}
		}, func(why string) { t.Errorf("%s: %s", e.File, why) })
		if n == 0 {
			t.Errorf("%s: no value differs", e.File)
		}
	}
	again, err := Edit([]File{{e.File, e.After}}, o)
	if err != nil || len(again[0].Changes) > 0 {
		t.Errorf("%s: edited again: %v, %+v", e.File, err, again)
	}
}

// compareValues calls text for texts that differ, and other where the trees do.
func compareValues(a, b any, text func(old, now string), other func(string)) {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(m) != len(a) {
			other(fmt.Sprintf("%v became %v", a, b))
			return
		}
		for k := range a {
			compareValues(a[k], m[k], text, other)
		}
	case []any:
		l, ok := b.([]any)
		if !ok || len(l) != len(a) {
			other(fmt.Sprintf("%v became %v", a, b))
			return
		}
		for i := range a {
			compareValues(a[i], l[i], text, other)
		}
	default:
		if fmt.Sprint(a) == fmt.Sprint(b) {
			return
		}
		now, ok := b.(string)
		if !ok {
			other(fmt.Sprintf("%v became %v, no text", a, b))
			return
		}
		text(fmt.Sprint(a), now)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add("singleuser:\n  image: {name: a/b, tag: v1}\n", "0123456", true)
	f.Add("x: &x a/b:v1\ny: {image: *x}\r\n--- # c\nimage: 'a/b'\n", "v2", false)
	f.Add("image: >-\n  a/b:v1\nprofileList: [{display_name: v1, kubespawner_override: {image: \"a/b:v1\"}}]", "1e3", true)
	f.Add("\ufeff{\"é\": \"a/b:v1\",\t\"z\": [\"a/b@sha256:x\"]}", "v2", true)
	f.Add("d: &d {name: a/b}\nimage: {<<: *d, tag: !!str 12}\n", "no", false)
	f.Add("image: !x &y |2\n   a/b:v1\n", "v2", false)
	f.Fuzz(func(t *testing.T, text, tag string, titles bool) {
		to, err := ParseRef("a/b:" + tag)
		if err != nil || to.Digest != "" {
			return
		}
		for _, name := range []string{"v.yaml", "Dockerfile"} {
			o := Options{Images: []Ref{to}, DisplayNames: titles}
			out, err := Edit([]File{{name, []byte(text)}}, o)
			if err != nil {
				if e, ok := errors.AsType[*FileError](err); ok && strings.Contains(e.Reason, "cannot be edited in place") {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			again, err := Edit([]File{{name, out[0].After}}, o)
			if err != nil || len(again[0].Changes) > 0 {
				t.Errorf("%q became %q; edited again: %v, %+v", text, out[0].After, err, again)
			}
		}
	})
}
