package link

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/artifact"
	"github.com/nasa-openscapes/corn/digest"
	"github.com/nasa-openscapes/corn/filetree"
	"github.com/nasa-openscapes/corn/store"
)

const conformance = "../../../shared/data/conformance/"

// A conformanceCase is one line of link.jsonl: what tests of conda and rattler expect.
type conformanceCase struct {
	Kind     string
	Source   string
	Quirk    any
	Python   string
	Platform string

	Packages       []string
	Files          map[string]string `json:"expect_files"`
	Symlinks       map[string]string `json:"expect_symlinks"`
	PrefixReplaced []string          `json:"expect_prefix_replaced"`
	Steps          [][][]string
	ExactPaths     []string            `json:"expect_exact_paths"`
	Content        map[string]string   `json:"expect_content"`
	IsFile         []string            `json:"expect_is_file"`
	OneOf          map[string][]string `json:"expect_one_of"`

	Input, Placeholder, Prefix string
	Output                     *string
	InputB64                   string `json:"input_b64"`
	OutputB64                  string `json:"output_b64"`
	Error                      bool

	Command, Module, Function string
	Invalid                   bool
	Script                    string
	MustContain               []string `json:"must_contain"`
	FirstLine                 string   `json:"first_line"`
	Path, Target              string

	FileList []string `json:"-"`
	Missing  []string
}

func (c *conformanceCase) quirk() bool { return c.Quirk != nil && c.Quirk != false }

func TestConformance(t *testing.T) {
	file, err := os.Open(conformance + "link.jsonl")
	if err != nil {
		t.Skipf("no conformance data: %v", err)
	}
	defer file.Close()
	run := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c conformanceCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Kind == "missing-pyc" {
			var more struct{ Files []string }
			if err := json.Unmarshal(lines.Bytes(), &more); err != nil {
				t.Fatal(err)
			}
			c.FileList = more.Files
		}
		check, ok := conformanceChecks[c.Kind]
		if !ok {
			t.Errorf("kind %s of %s has no check", c.Kind, c.Source)
			continue
		}
		run[c.Kind]++
		t.Run(c.Kind+"/"+c.Source, func(t *testing.T) { check(t, &c) })
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for kind := range conformanceChecks {
		if run[kind] == 0 {
			t.Errorf("no case of kind %s", kind)
		}
	}
}

var conformanceChecks = map[string]func(*testing.T, *conformanceCase){
	"install":            checkInstall,
	"clobber":            checkClobber,
	"clobber-any":        checkClobberAny,
	"replace-text":       checkReplaceText,
	"replace-binary":     checkReplaceBinary,
	"shebang":            checkShebang,
	"entry-point":        checkEntryPoint,
	"entry-point-script": checkEntryPointScript,
	"noarch-path":        checkNoarchPath,
	"python-major-minor": checkMajorMinor,
	"missing-pyc":        checkMissingPyc,
}

func (c *conformanceCase) env(t *testing.T) Env {
	env := Env{Prefix: "/srv/conda/envs/a"}
	if c.Python != "" {
		py, ok, err := PythonOf(pythonFacts(c.Python+".0", "h1_0", ""))
		if err != nil || !ok {
			t.Fatal(err)
		}
		env.Python = py
	}
	return env
}

func sources(t *testing.T, names ...string) []source {
	t.Helper()
	var out []source
	for _, n := range names {
		data, err := os.ReadFile(conformance + "link/packages/" + n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, source{n, data})
	}
	return out
}

// both installs with links and with copies; the trees must be equal.
func both(t *testing.T, env Env, names ...string) (map[string]node, *linked, error) {
	t.Helper()
	l, err := install(t, env, store.Links, sources(t, names...)...)
	if err != nil {
		return nil, nil, err
	}
	tree := l.env(t)
	plain, err := install(t, env, store.Copies, sources(t, names...)...)
	if err != nil {
		t.Fatal(err)
	}
	bytesOf := func(tree map[string]node) map[string]string {
		out := map[string]string{}
		for p, n := range tree {
			out[p] = n.Link + "\x00" + string(n.data)
		}
		return out
	}
	if diff := cmp.Diff(bytesOf(plain.env(t)), bytesOf(tree)); diff != "" {
		t.Errorf("links and copies give other trees (-copies +links):\n%s", diff)
	}
	return tree, l, nil
}

func checkInstall(t *testing.T, c *conformanceCase) {
	tree, _, err := both(t, c.env(t), c.Packages...)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range c.Files {
		if n, ok := tree[p]; !ok || n.Type != filetree.File || digest.Sum(n.data).String() != want {
			t.Errorf("%s is there: %v, with %s, want %s", p, ok, digest.Sum(n.data), want)
		}
	}
	for p, want := range c.Symlinks {
		if n := tree[p]; n.Type != filetree.Symlink || n.Link != want {
			t.Errorf("%s -> %q, want a link to %q", p, n.Link, want)
		}
	}
	for _, p := range c.PrefixReplaced {
		if _, ok := tree[p]; !ok {
			t.Errorf("%s is not there", p)
		}
	}
	for p := range tree {
		_, file := c.Files[p]
		_, link := c.Symlinks[p]
		if !file && !link && !slices.Contains(c.PrefixReplaced, p) && !strings.HasSuffix(p, ".pyc") {
			t.Errorf("%s is there and not expected", p)
		}
	}
}

// final is which packages are installed after the steps, in the order of their linking.
func final(steps [][][]string) []string {
	var out []string
	drop := func(name string) {
		out = slices.DeleteFunc(out, func(fn string) bool {
			rest, ok := strings.CutPrefix(fn, name+"-")
			return ok && rest[0] >= '0' && rest[0] <= '9'
		})
	}
	for _, step := range steps {
		for _, s := range step {
			switch s[0] {
			case "install":
				out = append(out, s[1])
			case "remove":
				drop(s[1])
			case "change":
				drop(s[1])
				out = append(out, s[2])
			}
		}
	}
	return out
}

// checkClobber: corn makes an env anew from its list, so several transactions are one.
// Quirks are rattler's __clobbers__ folder and its order of precedence; corn's decision,
// micromamba's behaviour, is checked instead: the last linked has the path.
func checkClobber(t *testing.T, c *conformanceCase) {
	names := final(c.Steps)
	tree, l, err := both(t, c.env(t), names...)
	if c.quirk() && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "clobber-without-dir") }) {
		var ce *store.ClashError
		if !errors.As(err, &ce) {
			t.Fatalf("file over a folder with files: %v, want a *store.ClashError", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(slices.Sorted(maps.Keys(tree)), func(p string) bool { return strings.HasSuffix(p, ".pyc") })
	if c.quirk() {
		want := slices.DeleteFunc(slices.Clone(c.ExactPaths), func(p string) bool { return strings.HasPrefix(p, "__clobbers__/") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("paths but __clobbers__ (-want +got):\n%s", diff)
		}
		for _, cl := range l.clobbers {
			data := tree[cl.Path].data
			_, f := openPackage(t, sources(t, names...)[slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, cl.Winner) })].data, cl.Winner+".tar.bz2")
			if !slices.ContainsFunc(f.Members, func(m artifact.Member) bool { return m.SHA256 == digest.Sum(data) }) {
				t.Errorf("%s does not hold what %s ships", cl.Path, cl.Winner)
			}
			if cl.Winner != cl.Owners[len(cl.Owners)-1] {
				t.Errorf("%s: %s wins over %v, want the last linked", cl.Path, cl.Winner, cl.Owners)
			}
		}
		return
	}
	if c.ExactPaths != nil {
		if diff := cmp.Diff(c.ExactPaths, got); diff != "" {
			t.Errorf("paths (-want +got):\n%s", diff)
		}
	}
	for p, want := range c.Content {
		if string(tree[p].data) != want {
			t.Errorf("%s holds %q, want %q", p, tree[p].data, want)
		}
	}
	for _, p := range c.IsFile {
		if tree[p].Type != filetree.File {
			t.Errorf("%s is no file", p)
		}
	}
}

func checkClobberAny(t *testing.T, c *conformanceCase) {
	tree, _, err := both(t, c.env(t), c.Packages...)
	for p := range c.OneOf {
		for q := range c.OneOf {
			if strings.HasPrefix(q, p+"/") {
				// No file system holds a file and a folder at one path. micromamba undoes
				// the transaction; here the plan fails and names both packages.
				var ce *store.ClashError
				if !errors.As(err, &ce) {
					t.Fatalf("%s and %s: %v, want a *store.ClashError", p, q, err)
				}
				return
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for p, sums := range c.OneOf {
		if got := digest.Sum(tree[p].data).String(); !slices.Contains(sums, got) {
			t.Errorf("%s holds %s, want one of %v", p, got, sums)
		}
	}
}

func checkReplaceText(t *testing.T, c *conformanceCase) {
	if got := rewrite(t, c.Input, c.Placeholder, artifact.Text, c.Prefix); got != *c.Output {
		t.Errorf("Rewrite(%q) = %q, want %q", c.Input, got, *c.Output)
	}
}

func checkReplaceBinary(t *testing.T, c *conformanceCase) {
	in, err := base64.StdEncoding.DecodeString(c.InputB64)
	if err != nil {
		t.Fatal(err)
	}
	if c.Error {
		var long *PrefixTooLongError
		if _, err := RewrittenSize(use(string(in), c.Placeholder, artifact.Binary), c.Prefix, int64(len(in))); !errors.As(err, &long) {
			t.Errorf("RewrittenSize: %v, want a *PrefixTooLongError", err)
		}
		return
	}
	want, err := base64.StdEncoding.DecodeString(c.OutputB64)
	if err != nil {
		t.Fatal(err)
	}
	if got := rewrite(t, string(in), c.Placeholder, artifact.Binary, c.Prefix); got != string(want) {
		t.Errorf("Rewrite(%q)\n got %q\nwant %q", in, got, want)
	}
}

func checkShebang(t *testing.T, c *conformanceCase) {
	u := use(c.Input+"\n", c.Placeholder, artifact.Text)
	if got, _ := newShebang(u, c.Prefix); got != *c.Output {
		t.Errorf("newShebang(%q) = %q, want %q", c.Input, got, *c.Output)
	}
}

func checkEntryPoint(t *testing.T, c *conformanceCase) {
	e, err := ParseEntryPoint(c.Input)
	if c.Invalid {
		if err == nil {
			t.Errorf("ParseEntryPoint(%q) = %+v, want an error", c.Input, e)
		}
		return
	}
	if want := (EntryPoint{c.Command, c.Module, c.Function}); err != nil || e != want {
		t.Errorf("ParseEntryPoint(%q) = %+v, %v, want %+v", c.Input, e, err, want)
	}
}

func checkEntryPointScript(t *testing.T, c *conformanceCase) {
	e, err := ParseEntryPoint(c.Input)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(c.Platform, "win-") {
		t.Skip("Windows launchers are out of scope")
	}
	py := &Python{Short: c.Python}
	got := string(e.Script(c.Prefix + "/" + py.Executable()))
	if line, _, _ := strings.Cut(got, "\n"); line != c.FirstLine {
		t.Errorf("first line %q, want %q", line, c.FirstLine)
	}
	for _, part := range c.MustContain {
		if !strings.Contains(got, part) {
			t.Errorf("the script does not contain %q:\n%s", part, got)
		}
	}
}

func checkNoarchPath(t *testing.T, c *conformanceCase) {
	if strings.HasPrefix(c.Platform, "win-") {
		t.Skip("paths of Windows are out of scope")
	}
	if got := NoarchPath(c.Path, c.env(t).Python.SitePackages); got != c.Target {
		t.Errorf("NoarchPath(%q) = %q, want %q", c.Path, got, c.Target)
	}
}

func checkMajorMinor(t *testing.T, c *conformanceCase) {
	got, ok := majorMinor(c.Input)
	if ok != (c.Output != nil) || ok && got != *c.Output {
		t.Errorf("majorMinor(%q) = %q, %v, want %v", c.Input, got, ok, c.Output)
	}
}

func checkMissingPyc(t *testing.T, c *conformanceCase) {
	py := c.env(t).Python
	// conda takes any lib/pythonX.Y/site-packages; the case keeps 2.7's files for all.
	py.SitePackages = "lib/python2.7/site-packages"
	if diff := cmp.Diff(c.Missing, py.missingPyc(c.FileList)); diff != "" {
		t.Errorf("missing bytecode (-want +got):\n%s", diff)
	}
}
