package kernel

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shells are those that may be an image's /bin/sh. The launcher is run by name, so that
// its own search for a bash is part of what is tested unless bare is set.
func shells(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, s := range []string{"dash", "bash", "busybox"} {
		if p, err := exec.LookPath(s); err == nil {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		t.Skip("neither dash nor bash nor busybox is installed")
	}
	return found
}

// newEnv makes a prefix on disk with a launcher.
func newEnv(t *testing.T, prefix string, e Env, scripts map[string]string) string {
	t.Helper()
	e.Prefix = strings.TrimPrefix(prefix, "/")
	if e.Slug == "" {
		e.Slug = "climate"
	}
	script, _, err := Launcher(&e)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{LauncherPath: string(script)}
	for name, text := range scripts {
		files[name] = text
	}
	for name, text := range files {
		p := filepath.Join(prefix, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(prefix, LauncherPath)
}

// activate runs a program through the launcher and returns its standard output and error.
func activate(t *testing.T, shell, launcher string, env []string, args ...string) (string, string) {
	t.Helper()
	argv := append([]string{launcher}, args...)
	if filepath.Base(shell) == "busybox" {
		argv = append([]string{"sh"}, argv...)
	}
	c := exec.Command(shell, argv...)
	c.Env = append([]string{"PATH=/usr/bin:/bin"}, env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\nstdout: %s\nstderr: %s", shell, strings.Join(argv, " "), err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// environ returns the environment that a program sees.
func environ(t *testing.T, shell, launcher string, env ...string) map[string]string {
	t.Helper()
	out, _ := activate(t, shell, launcher, env, "/usr/bin/env", "-0")
	m := map[string]string{}
	for _, v := range strings.Split(strings.TrimSuffix(out, "\x00"), "\x00") {
		k, v, _ := strings.Cut(v, "=")
		m[k] = v
	}
	return m
}

func each(t *testing.T, f func(t *testing.T, shell string)) {
	for _, s := range shells(t) {
		t.Run(filepath.Base(s), func(t *testing.T) { f(t, s) })
	}
}

func TestActivationSetsWhatCondaSets(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		prefix := filepath.Join(t.TempDir(), "envs", "climate")
		l := newEnv(t, prefix, Env{
			Data: map[string][]byte{
				"etc/conda/env_vars.d/b.json": []byte(`{"SHARED": "from b", "N": 8, "YES": true, "NONE": null, "GONE": "x"}`),
				"etc/conda/env_vars.d/a.json": []byte(`{"SHARED": "from a", "ONLY_A": "a"}`),
			},
			Variables: []Variable{
				{"ONLY_YML", "two words, 'quotes', \"double\", $HOME `id` \\ and\na line"},
				{"ONLY_A", "yml wins"},
				{"GONE", unsetMarker},
			},
		}, nil)
		got := environ(t, shell, l, "PATH=/usr/bin:"+prefix+"/bin:/bin:"+prefix+"/bin", "HOME=/nowhere")
		want := map[string]string{
			"CONDA_PREFIX": prefix, "CONDA_DEFAULT_ENV": "climate", "CONDA_SHLVL": "1",
			"PATH":   prefix + "/bin:/usr/bin:/bin",
			"SHARED": "from b", "N": "8", "YES": "True", "ONLY_A": "yml wins",
			"ONLY_YML": "two words, 'quotes', \"double\", $HOME `id` \\ and\na line",
			"HOME":     "/nowhere",
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s = %q, want %q", k, got[k], v)
			}
		}
		for k := range got {
			if k == "GONE" || k == "NONE" || strings.HasPrefix(strings.ToLower(k), "_corn") {
				t.Errorf("%s = %q is set", k, got[k])
			}
		}
	})
}

func TestPathIsPrependedOnce(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		prefix := filepath.Join(t.TempDir(), "a")
		l := newEnv(t, prefix, Env{}, nil)
		own := prefix + "/bin"
		for in, want := range map[string]string{
			"/usr/bin:/bin":               own + ":/usr/bin:/bin",
			own + ":/usr/bin":             own + ":/usr/bin",
			"/usr/bin:" + own:             own + ":/usr/bin",
			own + "x:/usr/bin":            own + ":" + own + "x:/usr/bin",
			own + ":" + own + ":/usr/bin": own + ":/usr/bin",
			own:                           own,
		} {
			if got := environ(t, shell, l, "PATH="+in)["PATH"]; got != want {
				t.Errorf("PATH %q becomes %q, want %q", in, got, want)
			}
		}
	})
}

func TestScriptsAreSourcedInByteOrder(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		prefix := filepath.Join(t.TempDir(), "with space", "it's")
		scripts := map[string]string{}
		for _, n := range []string{"b.sh", "B.sh", "a_z.sh", "aa.sh", "10.sh", "é.sh"} {
			scripts["etc/conda/activate.d/"+n] = `export ORDER="${ORDER-} ` + n + `"` + "\nexport SEEN_PREFIX=$CONDA_PREFIX SEEN_ARGS=$#\n"
		}
		scripts["etc/conda/activate.d/ignored.fish"] = "exit 1\n"
		l := newEnv(t, prefix, Env{}, scripts)
		for _, locale := range []string{"LC_ALL=C.UTF-8", "LANG=en_US.UTF-8"} {
			got := environ(t, shell, l, locale)
			if want := " 10.sh B.sh a_z.sh aa.sh b.sh é.sh"; got["ORDER"] != want {
				t.Errorf("order =%q, want%q", got["ORDER"], want)
			}
			if got["SEEN_PREFIX"] != prefix || got["SEEN_ARGS"] != "0" {
				t.Errorf("a script saw CONDA_PREFIX=%q and %s arguments, want %q and 0", got["SEEN_PREFIX"], got["SEEN_ARGS"], prefix)
			}
			k, v, _ := strings.Cut(locale, "=")
			if got[k] != v || k == "LANG" && got["LC_ALL"] != "" {
				t.Errorf("locale came out as LANG=%q LC_ALL=%q, want %s", got["LANG"], got["LC_ALL"], locale)
			}
		}
	})
}

// TestOnlyBashUnderstands is the case that a plain /bin/sh cannot do: arrays, [[ ]] and
// process substitution.
func TestOnlyBashUnderstands(t *testing.T) {
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skip("/bin/bash is not installed")
	}
	each(t, func(t *testing.T, shell string) {
		l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{}, map[string]string{
			"etc/conda/activate.d/x.sh": "parts=(one two)\nif [[ ${#parts[@]} -eq 2 && \"${parts[1]}\" == t* ]]; then\n" +
				"  export FROM_BASH=\"${parts[1]}-$(cat <(echo sub))\"\nfi\n",
		})
		if got := environ(t, shell, l)["FROM_BASH"]; got != "two-sub" {
			t.Errorf("FROM_BASH = %q, want %q", got, "two-sub")
		}
	})
}

func TestAFailingScriptStopsNothing(t *testing.T) {
	for _, tt := range []struct{ name, script string }{
		{"fails", "false\n"},
		{"sets -e and fails", "set -e\nfalse\n"},
		{"uses an unset variable under -u", "set -u\n: \"$NOT_SET_ANYWHERE\"\n"},
		{"asks for a variable", ": \"${NOT_SET_ANYWHERE:?is needed}\"\n"},
		{"exits", "exit 3\n"},
		{"returns", "return 3\n"},
		{"has bad syntax", "if then fi ((\n"},
		{"sets -f", "set -f\n"},
		{"prints", "echo noise\nprintf more\n"},
		{"reads", "read -r line\ncat\n"},
		{"changes its arguments", "set -- other arguments\nshift\n"},
		{"sources what is not there", ". ./not-there\n"},
		{"changes IFS", "IFS=/\n"},
		{"calls a command that is not there", "no-such-command --now\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, shell string) {
				l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{Variables: []Variable{{"V", "variable"}}}, map[string]string{
					"etc/conda/activate.d/1.sh": "export V=changed ONE=1 PATH=$PATH:/one\n",
					"etc/conda/activate.d/2.sh": tt.script,
					"etc/conda/activate.d/3.sh": "export THREE=\"${THREE-}3\"\n",
				})
				out, _ := activate(t, shell, l, nil, "/bin/sh", "-c",
					`printf '%s|' "$V" "$ONE" "$THREE" "${PATH##*:}" "${_CORN_DONE-}" "$@"`, "name", "it's", "", "a  b", "$x\n")
				if want := "changed|1|3|/one||it's||a  b|$x\n|"; out != want {
					t.Errorf("standard output = %q, want %q", out, want)
				}
			})
		})
	}
}

// TestWithoutBash runs the scripts in a plain shell, as in an image that has no bash: what
// only bash understands is skipped, the rest is sourced.
func TestWithoutBash(t *testing.T) {
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("dash is not installed")
	}
	l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{}, map[string]string{
		"etc/conda/activate.d/1.sh": "parts=(one two)\nexport FROM_BASH=1\n",
		"etc/conda/activate.d/2.sh": "set -u\n: \"$NOPE\"\n",
		"etc/conda/activate.d/3.sh": "export PLAIN=3\n",
		"etc/conda/activate.d/4.sh": "exit 9\n",
		"etc/conda/activate.d/5.sh": "export LAST=5\n",
	})
	text, err := os.ReadFile(l)
	if err != nil {
		t.Fatal(err)
	}
	hidden := strings.ReplaceAll(string(text), "bin/bash", "bin/no-such-bash")
	if hidden == string(text) {
		t.Fatal("the launcher looks for no bash")
	}
	if err := os.WriteFile(l, []byte(hidden), 0o755); err != nil {
		t.Fatal(err)
	}
	got := environ(t, dash, l)
	if got["PLAIN"] != "3" || got["LAST"] != "5" || got["FROM_BASH"] != "" {
		t.Errorf("PLAIN=%q LAST=%q FROM_BASH=%q, want 3, 5 and nothing", got["PLAIN"], got["LAST"], got["FROM_BASH"])
	}
}

func TestLeavesTheServersEnvironment(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		root := t.TempDir()
		old := filepath.Join(root, "notebook")
		newEnv(t, old, Env{}, map[string]string{
			"etc/conda/deactivate.d/a.sh": "export LEFT=\"${LEFT-}a:$CONDA_PREFIX \"\nunset GDAL_DATA\n",
			"etc/conda/deactivate.d/b.sh": "export LEFT=\"${LEFT-}b \"\n",
			"etc/conda/deactivate.d/c.sh": "exit 4\n",
		})
		l := newEnv(t, filepath.Join(root, "climate"), Env{}, map[string]string{
			"etc/conda/activate.d/a.sh": "export UP=1\n",
		})
		got := environ(t, shell, l, "CONDA_PREFIX="+old, "GDAL_DATA=/old")
		// c is the first to run and ends the shell: leaving ends, activation does not.
		if got["UP"] != "1" || got["CONDA_PREFIX"] != filepath.Join(root, "climate") {
			t.Errorf("after a script that exits: UP=%q CONDA_PREFIX=%q", got["UP"], got["CONDA_PREFIX"])
		}
		if err := os.Remove(filepath.Join(old, "etc/conda/deactivate.d/c.sh")); err != nil {
			t.Fatal(err)
		}
		got = environ(t, shell, l, "CONDA_PREFIX="+old, "GDAL_DATA=/old")
		if want := "b a:" + old + " "; got["LEFT"] != want {
			t.Errorf("LEFT = %q, want %q", got["LEFT"], want)
		}
		if v, ok := got["GDAL_DATA"]; ok {
			t.Errorf("GDAL_DATA = %q is still set", v)
		}
		if _, again := environ(t, shell, l, "CONDA_PREFIX="+filepath.Join(root, "climate"), "GDAL_DATA=/x")["LEFT"]; again {
			t.Error("activating the active environment leaves it")
		}
	})
}

func TestProgramGetsItsProcess(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{}, map[string]string{"etc/conda/activate.d/a.sh": "export A=1\n"})
		argv := []string{l, "/bin/sh", "-c", "echo $$"}
		if filepath.Base(shell) == "busybox" {
			argv = append([]string{"sh"}, argv...)
		}
		c := exec.Command(shell, argv...)
		var out bytes.Buffer
		c.Stdout = &out
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		// Jupyter interrupts a kernel by its process id: there must be no shell between.
		if got, want := strings.TrimSpace(out.String()), c.Process.Pid; got != strconv.Itoa(want) {
			t.Errorf("the program has process id %s, want %d", got, want)
		}
	})
}

func TestMissingProgramIsAnError(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{}, nil)
		argv := []string{l, "/no/such/program"}
		if filepath.Base(shell) == "busybox" {
			argv = append([]string{"sh"}, argv...)
		}
		var exit *exec.ExitError
		if err := exec.Command(shell, argv...).Run(); !errors.As(err, &exit) || exit.ExitCode() < 126 {
			t.Errorf("running a program that is not there: %v, want exit status 126 or 127", err)
		}
	})
}

func TestVariablesThatCannotBeSet(t *testing.T) {
	for _, tt := range []struct{ name, value string }{
		{"A-B", "x"}, {"", "x"}, {"1A", "x"}, {"A;id", "x"}, {"A\nB", "x"}, {"A", "x\x00"}, {"UID", "5"}, {"OPTIND", "x"}, {"IFS", "/"},
	} {
		_, _, err := Launcher(&Env{Slug: "a", DisplayName: "A", Prefix: "a", Variables: []Variable{{tt.name, tt.value}}})
		var v *VariableError
		if !errors.As(err, &v) || v.Name != tt.name {
			t.Errorf("variable %q: error %v, want a *VariableError that names it", tt.name, err)
		}
	}
	for _, data := range []string{`[]`, `{"A": ["x"]}`, `{`, `"x"`} {
		_, _, err := Launcher(&Env{Slug: "a", Prefix: "a", Data: map[string][]byte{"etc/conda/env_vars.d/x.json": []byte(data)}})
		var v *VariableError
		if !errors.As(err, &v) || v.Source != "etc/conda/env_vars.d/x.json" {
			t.Errorf("env_vars.d with %s: error %v, want a *VariableError that names the file", data, err)
		}
	}
	script, notices, err := Launcher(&Env{Slug: "a", Prefix: "a", Variables: []Variable{{"CONDA_PREFIX", "/x"}, {"PATH", "/y"}}})
	if err != nil || len(notices) != 2 || bytes.Contains(script, []byte("CONDA_PREFIX='/x'")) || !bytes.Contains(script, []byte("PATH='/y'")) {
		t.Errorf("CONDA_PREFIX and PATH as variables: error %v, notices %q", err, notices)
	}
}

func BenchmarkLauncher(b *testing.B) {
	for _, scripts := range []int{0, 5} {
		b.Run(map[int]string{0: "no scripts", 5: "5 scripts"}[scripts], func(b *testing.B) {
			prefix := filepath.Join(b.TempDir(), "a")
			text, _, err := Launcher(&Env{Slug: "a", Prefix: strings.TrimPrefix(prefix, "/")})
			if err != nil {
				b.Fatal(err)
			}
			l := filepath.Join(prefix, LauncherPath)
			dir := filepath.Join(prefix, "etc/conda/activate.d")
			if err := errors.Join(os.MkdirAll(filepath.Dir(l), 0o755), os.MkdirAll(dir, 0o755), os.WriteFile(l, text, 0o755)); err != nil {
				b.Fatal(err)
			}
			for i := range scripts {
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+".sh"), []byte("export V"+strconv.Itoa(i)+"=1\n"), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			for _, through := range []bool{false, true} {
				argv := []string{"/bin/true"}
				if through {
					argv = slices.Insert(argv, 0, l)
				}
				b.Run(map[bool]string{false: "alone", true: "launched"}[through], func(b *testing.B) {
					for b.Loop() {
						if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

func TestStreamsPassThrough(t *testing.T) {
	each(t, func(t *testing.T, shell string) {
		l := newEnv(t, filepath.Join(t.TempDir(), "a"), Env{}, map[string]string{
			"etc/conda/activate.d/1.sh": "cat\necho noise\n", "etc/conda/activate.d/2.sh": "exit 1\n",
		})
		argv := []string{l, "/bin/sh", "-c", "cat; for n in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$n ] && echo open $n; done; exit 7"}
		if filepath.Base(shell) == "busybox" {
			argv = append([]string{"sh"}, argv...)
		}
		c := exec.Command(shell, argv...)
		c.Stdin = strings.NewReader("for the program\n")
		var out, talk bytes.Buffer
		c.Stdout, c.Stderr = &out, &talk
		var exit *exec.ExitError
		if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("the program's exit status came out as %v, want 7", err)
		}
		if out.String() != "for the program\n" {
			t.Errorf("standard output = %q, want the program's alone and no open descriptors", &out)
		}
		if !strings.Contains(talk.String(), "noise") || !strings.Contains(talk.String(), "2.sh ended early") {
			t.Errorf("standard error = %q, want what scripts print and a word about 2.sh", &talk)
		}
	})
}
