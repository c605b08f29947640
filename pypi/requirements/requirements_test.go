package requirements_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nasa-openscapes/corn/conda/environment"
	"github.com/nasa-openscapes/corn/pypi/requirements"
)

func env(name string) string {
	return map[string]string{"TOKEN": "SECRET", "V": "1.2", "EMPTY": ""}[name]
}

func fsOf(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func read(files map[string]string) (*requirements.Set, error) {
	r := requirements.NewReader(fsOf(files), requirements.ReadOptions{Getenv: env})
	err := r.File("env/requirements.txt")
	return r.Set(), err
}

// describe prints a set so that a test can be read.
func describe(s *requirements.Set) string {
	var b strings.Builder
	one := func(word string, r *requirements.Requirement) {
		fmt.Fprintf(&b, "%s %s:%d %s", word, r.File, r.Line, r.Text)
		if r.Name != "" {
			fmt.Fprintf(&b, " | name %s", r.Name)
		}
		if r.Spec != nil {
			fmt.Fprintf(&b, " | spec %s", r.Spec)
		}
		if len(r.Extras) > 0 {
			fmt.Fprintf(&b, " | extras %s", strings.Join(r.Extras, ","))
		}
		if !r.Marker.IsAny() {
			fmt.Fprintf(&b, " | marker %s", r.Marker)
		}
		switch r.Kind {
		case requirements.FromURL:
			fmt.Fprintf(&b, " | url %s", r.URL)
		case requirements.FromVCS:
			fmt.Fprintf(&b, " | %s %s rev %q dir %q", r.VCS.Tool, r.VCS.URL, r.VCS.Revision, r.VCS.Subdirectory)
		case requirements.FromPath:
			fmt.Fprintf(&b, " | path %s", r.Path)
		case requirements.FromIndex:
		}
		for _, h := range r.Hashes {
			fmt.Fprintf(&b, " | %s:%s...", h.Algorithm, h.Hex[:4])
		}
		if len(r.Unset) > 0 {
			fmt.Fprintf(&b, " | unset %s", r.Unset)
		}
		b.WriteByte('\n')
	}
	for i := range s.Requirements {
		one("ask", &s.Requirements[i])
	}
	for i := range s.Constraints {
		one("constrain", &s.Constraints[i])
	}
	source := func(word string, s requirements.Source) {
		fmt.Fprintf(&b, "%s %s:%d %s%s\n", word, s.File, s.Line, s.URL, s.Path)
	}
	if s.Options.Index != nil {
		source("index", *s.Options.Index)
	}
	for _, x := range s.Options.ExtraIndexes {
		source("extra", x)
	}
	for _, x := range s.Options.FindLinks {
		source("links", x)
	}
	o := s.Options
	if len(o.Formats.NoBinary)+len(o.Formats.OnlyBinary) > 0 {
		fmt.Fprintf(&b, "no-binary %q only-binary %q\n", o.Formats.NoBinary, o.Formats.OnlyBinary)
	}
	fmt.Fprintf(&b, "no-index %v pre %v prefer-binary %v hashes %v trusted %q files %q\n", o.NoIndex, o.Prereleases, o.PreferBinary, o.RequireHashes, o.TrustedHosts, s.Files)
	return b.String()
}

// TestFiles compares files with what they are read as: testdata/*.txtar, where "want" is golden.
func TestFiles(t *testing.T) {
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range all {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			want := ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				files[f.Name] = string(f.Data)
			}
			s, err := read(files)
			got := describe(s)
			if err != nil {
				got = "error: " + err.Error() + "\n"
			}
			if os.Getenv("UPDATE_GOLDEN") != "" {
				for i := range a.Files {
					if a.Files[i].Name == "want" {
						a.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every line that cannot be used is an error with its place and reason, and without secrets.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"-r ../../etc/passwd", "leads out of the project"},
		{"-r ../../../../../../etc/passwd", "leads out of the project"},
		{"-r /etc/passwd", "a single machine"},
		{"-r ~/x.txt", "a single machine"},
		{"-r https://user:SECRET@h/r.txt", "on the network"},
		{"-r requirements.txt", "in a circle: env/requirements.txt > env/requirements.txt"},
		{"-c gone.txt", "there is no file env/gone.txt"},
		{"-r ..", "cannot be read"},
		{"-r", "needs a value"},
		{"../../../x.whl", "leads out of the project"},
		{"-e .", "editable"},
		{"-e git+https://h/x#egg=x", "editable"},
		{"--editable=../x", "editable"},
		{"--frobnicate", "not one of a requirements file"},
		{"--user", "not one of a requirements file"},
		{"numpy --pre", "is about all requirements"},
		{"numpy --global-option=x", "is about all requirements"},
		{"--config-settings x=y", "changes how something is built"},
		{"--hash=sha256:00", "none on the line"},
		{"numpy==1 --hash=md5:" + strings.Repeat("0", 32), "none to rely on"},
		{"numpy==1 --hash=sha256:00", "64 hexadecimal digits"},
		{"numpy==1 --hash=sha256:" + strings.Repeat("g", 64), "64 hexadecimal digits"},
		{"numpy=1.2", "character 6"},
		{"numpy==", "character"},
		{"numpy; python_versio < '3'", "character"},
		{"numpy scipy", "character 7"},
		{"numpy @ notaurl", "no URL"},
		{"numpy @ ftp://h/x.whl", "nothing is had over ftp"},
		{"gopher+x://h/x", "no kind of repository"},
		{"git+gopher://h/x", "not had over gopher"},
		{"git+https://h/x@-rf#egg=x", "revision"},
		{"git+https://h/x@r#subdirectory=../..", "out of the repository"},
		{"git+https://h/x#egg=a;b", "no name"},
		{"https://h/x.zip#sha256=00", "64 hexadecimal digits"},
		{"file://other/x.whl", "another machine"},
		{"--no-binary -r", "names of projects"},
		{"--index-url 'x", "quote"},
		{"--index-url ../../x", "leads out of the project"},
		{"--trusted-host https://h", "wants a host"},
		{"--no-index=yes", "takes no value"},
		{"--pre numpy", "stands behind options"},
		{"https://user:SECRET@h/x?y=SECRET --bad", "not one"},
		{"x @ https://user:SECRET@h/x;y ]", "character"},
		{`.\x\y.whl`, "slashes"},
		{"x @ https://${GONE}/x.zip", "the variable GONE is not set"},
		{"x==${GONE}", "the variable GONE is not set"},
	} {
		_, err := read(map[string]string{"env/requirements.txt": "# first\n" + c.line + "\n", "x": ""})
		var pe *requirements.ParseError
		if !errors.As(err, &pe) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "env/requirements.txt:2: ") {
			t.Errorf("%s:\ngot  %v\nwant env/requirements.txt:2: ... %s", c.line, err, c.want)
		}
		if err != nil && strings.Contains(err.Error()+pe.Hint(), "SECRET") {
			t.Errorf("%s: a secret stands in %v", c.line, err)
		}
	}
}

func TestCirclesAndLimits(t *testing.T) {
	_, err := read(map[string]string{"env/requirements.txt": "-r a.txt", "env/a.txt": "-c ../b.txt", "b.txt": "\n-r env/a.txt"})
	if err == nil || !strings.Contains(err.Error(), "b.txt:2: -r env/a.txt: files name one another in a circle: env/a.txt > b.txt > env/a.txt") {
		t.Errorf("circle: %v", err)
	}
	// Files that name the next one twice: 2^20 reads if nobody counts.
	files := map[string]string{"env/requirements.txt": "-r 0.txt"}
	for i := range 20 {
		files[fmt.Sprintf("env/%d.txt", i)] = fmt.Sprintf("-r %d.txt\n-r %[1]d.txt\n", i+1)
	}
	files["env/20.txt"] = ""
	if _, err := read(files); err == nil || !strings.Contains(err.Error(), "looks like a mistake") {
		t.Errorf("many: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	text := "numpy==1.2\r\nscipy # \u00fc\r\n"
	utf16le := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, u)
	}
	utf16be := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(text)) {
		utf16be = binary.BigEndian.AppendUint16(utf16be, u)
	}
	for name, data := range map[string]string{"plain": text, "BOM": "\ufeff" + text, "UTF-16LE": string(utf16le), "UTF-16BE": string(utf16be), "old Mac": strings.ReplaceAll(text, "\r\n", "\r")} {
		s, err := read(map[string]string{"env/requirements.txt": data})
		if err != nil || len(s.Requirements) != 2 || s.Requirements[1].Name != "scipy" || s.Requirements[1].Line != 2 {
			t.Errorf("%s: %+v, %v", name, s.Requirements, err)
		}
	}
	for data, want := range map[string]string{
		"a\nb \xfc\n": "requirements.txt:2: the line is not UTF-8", "\xff\xfea": "breaks off", "\xff\xfe\x00\x00": "UTF-32", "a\nb\x00": "requirements.txt:2: the line holds a NUL byte",
	} {
		if _, err := read(map[string]string{"env/requirements.txt": data}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", data, err, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		text           string
		key            string
		wheels, sdists bool
	}{
		{"", "a", true, true},
		{"--no-binary a", "a", false, true},
		{"--only-binary=A_b", "a-b", true, false},
		{"--only-binary :all:", "a", true, false},
		{"--only-binary :all:\n--no-binary a", "a", false, true},
		{"--no-binary :all:\n--only-binary a", "a", true, false},
		{"--no-binary a,b\n--no-binary :none:", "a", true, true},
		{"--no-binary :all:\n--only-binary :all:", "a", true, false},
	} {
		s, err := read(map[string]string{"env/requirements.txt": c.text})
		if err != nil {
			t.Fatal(err)
		}
		if f := s.Options.Formats; f.Wheels(c.key) != c.wheels || f.Sdists(c.key) != c.sdists {
			t.Errorf("%q: wheels %v, sdists %v; want %v, %v", c.text, f.Wheels(c.key), f.Sdists(c.key), c.wheels, c.sdists)
		}
	}
}

// The items of a pip: list are lines.
func TestLine(t *testing.T) {
	r := requirements.NewReader(fsOf(map[string]string{"ci/a/more.txt": "scipy\n", "ci/c.txt": "numpy<2\n"}), requirements.ReadOptions{
		Getenv: env, Show: func(n string) string { return "project/" + n },
	})
	for i, text := range []string{"xq", "jupyter-desktop-server>=0.1.3 # why", "-r more.txt", "-c ../c.txt", "./wheels/x-1.0-py3-none-any.whl"} {
		if err := r.Line(text, "ci/a/environment.yml", 10+i); err != nil {
			t.Fatal(err)
		}
	}
	want := `ask project/ci/a/environment.yml:10 xq | name xq | spec xq
ask project/ci/a/environment.yml:11 jupyter-desktop-server>=0.1.3 | name jupyter-desktop-server | spec jupyter-desktop-server>=0.1.3
ask project/ci/a/more.txt:1 scipy | name scipy | spec scipy
ask project/ci/a/environment.yml:14 ./wheels/x-1.0-py3-none-any.whl | name x | path ci/a/wheels/x-1.0-py3-none-any.whl
constrain project/ci/c.txt:1 numpy<2 | name numpy | spec numpy<2
no-index false pre false prefer-binary false hashes false trusted [] files ["ci/a/more.txt" "ci/c.txt"]
`
	if diff := cmp.Diff(want, describe(r.Set())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The pip: lists of real environments are read without an error, but for what is refused by
// intention.
func TestRealLists(t *testing.T) {
	dir := "../../../shared/data/index/envs"
	if _, err := os.Stat(dir); err != nil {
		dir = "../../shared/data/index/envs"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Skip("no ../shared/data/index/envs")
	}
	lines := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := environment.Parse(filepath.Base(name), data)
		if err != nil {
			continue // other tests know these
		}
		r := requirements.NewReader(fstest.MapFS{}, requirements.ReadOptions{})
		for _, p := range e.Pip {
			lines++
			err := r.Line(p.Text, filepath.Base(name), p.Line)
			if err != nil && !strings.Contains(err.Error(), "there is no file") && !strings.Contains(err.Error(), "editable") {
				t.Error(err)
			}
		}
	}
	if lines < 20 {
		t.Errorf("%d lines in %d files, want 20 at least", lines, len(files))
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{"numpy==1.2 --hash=sha256:00 \\\n # c\n", "-r a.txt\n-c b.txt", "git+https://h/x@r#egg=a[b]&subdirectory=s", "x @ https://h/x;y ; python_version<'3'", "./a[b]; os_name=='x'", "\xff\xfea\x00", "--index-url='${TOKEN}' -f . --pre"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := requirements.NewReader(fstest.MapFS{"a.txt": {Data: data}, "d/b.txt": {Data: []byte("-r ../a.txt")}}, requirements.ReadOptions{Getenv: env})
		err := r.File("d/b.txt")
		var pe *requirements.ParseError
		if err != nil && !errors.As(err, &pe) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, q := range r.Set().Requirements {
			if q.Text == "" || q.Line < 1 || q.Kind == requirements.FromPath && !fs.ValidPath(q.Path) {
				t.Errorf("%q: %+v", data, q)
			}
			// What was read is a line that reads the same.
			again := requirements.NewReader(fstest.MapFS{}, requirements.ReadOptions{Getenv: env})
			if err := again.Line(q.Text, q.File, q.Line); err != nil || len(again.Set().Requirements) != 1 {
				t.Fatalf("%q was read from %q and is no line: %v", q.Text, data, err)
			}
			q.Hashes, again.Set().Requirements[0].Hashes = nil, nil
			if got := again.Set().Requirements[0]; q.Text != got.Text || q.Kind != got.Kind || q.Name != got.Name || q.URL != got.URL || q.VCS != got.VCS {
				t.Errorf("%q reads as %+v, want %+v", q.Text, got, q)
			}
		}
	})
}
