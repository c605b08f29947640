package lock

import (
	"strings"
	"testing"
)

const (
	condaHead = "version: 1\nmetadata:\n  platforms:\n  - linux-64\npackage:\n"
	okEntry   = "- name: a\n  version: '1'\n  manager: conda\n  platform: linux-64\n  url: https://h/c/linux-64/a-1-0.conda\n  hash:\n    md5: 00000000000000000000000000000001\n"
)

// change returns okEntry with one line replaced.
func change(old, new string) string { return condaHead + strings.Replace(okEntry, old, new, 1) }

func TestRefusals(t *testing.T) {
	if _, err := Read("f", []byte(condaHead+okEntry)); err != nil {
		t.Fatalf("the good lock: %v", err)
	}
	const md5 = "#00000000000000000000000000000001"
	explicit := func(lines ...string) string { return "@EXPLICIT\n" + strings.Join(lines, "\n") + "\n" }
	pixi := func(ref, pkg string) string {
		return "version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n      - conda: " + ref + "\npackages:\n" + pkg
	}
	for _, c := range []struct {
		name, text, want string
	}{
		{"no hash", change("    md5: 00000000000000000000000000000001\n", "    other: 1\n"), "f:6:3: package a has no hash"},
		{"null hash", change("hash:\n    md5: 00000000000000000000000000000001\n", "hash:\n"), "f:6:3: package a has no hash"},
		{"short md5", change("00000000000000000000000000000001", "0001"), `f:12:10: package a: "0001" is no md5`},
		{"url without file", change("a-1-0.conda", ""), "does not end in a file name"},
		{"url is no package", change("a-1-0.conda", "a-1-0.zip"), "a-1-0.zip"},
		{"url of another package", change("a-1-0", "b-1-0"), `package a 1 has the file "b-1-0.conda"`},
		{"url of another version", change("a-1-0", "a-2-0"), `package a 1 has the file "a-2-0.conda"`},
		{"url of another platform", change("/linux-64/a", "/osx-64/a"), "listed for linux-64 and its url is in osx-64"},
		{"url with an encoded slash", change("a-1-0.conda", "..%2fa-1-0.conda"), "does not end in a file name"},
		{"unknown manager", change("manager: conda", "manager: npm"), `manager "npm": want conda or pip`},
		{"no name", change("name: a", "nme: a"), `"name" is missing`},
		{"name is a list", change("name: a", "name: [a]"), `"name" is a list: want a single value`},
		{"optional is a word", change("manager: conda", "manager: conda\n  optional: maybe"), "want true or false"},
		{"dependencies is a list", change("manager: conda", "manager: conda\n  dependencies: [x]"), "dependencies of a are a list"},
		{"twice", condaHead + okEntry + okEntry, "f:13: conda package a for linux-64 is already in line 6"},
		{"unknown version", strings.Replace(condaHead, "version: 1", "version: 2", 1), "f:1: version 2 of the conda-lock format: want version 1"},
		{"no version", strings.Replace(condaHead, "version: 1\n", "", 1), "no version of the conda-lock format"},
		{"no packages", "version: 1\nmetadata: {}\n", `"package" is missing`},
		{"package is a word", "version: 1\nmetadata: {}\npackage: x\n", `"package" is a single value: want a list`},
		{"conflict", condaHead + "<<<<<<< HEAD\n" + okEntry + "=======\n" + okEntry + ">>>>>>> main\n", "f:6: git conflict markers"},
		{"tab", condaHead + "-\tname: a\n  version: [\n", "not valid YAML"},
		{"broken YAML", condaHead + okEntry + "  category: 'main\n", "f:13"},
		{"the line itself", condaHead + okEntry + "  platform: 'osx\n", "platform: 'osx"},
		{"key twice", condaHead + okEntry + "  name: b\n", `"name"`},
		{"anchor", change("name: a", "name: &x a"), "anchor is not used in locks"},
		{"alias", change("name: a", "name: *x"), ""},
		{"tag", change("name: a", "name: !!str a"), "tag is not used in locks"},
		{"two documents", condaHead + okEntry + "---\nversion: 1\n", "second YAML document"},
		{"deep", "version: 1\nmetadata: " + strings.Repeat("[", 5000), "nested too deep"},
		{"lists in lists", strings.Repeat("- ", 100_000), "lists nested too deep"},
		{"empty", "", "the file is empty"},
		{"comment alone", "# hello\n", "the file is empty"},
		{"a list", "- a\n", "the file is a list"},
		{"something else", "name: x\ndependencies: []\n", "neither a conda-lock.yml"},
		{"urls without mark", "https://h/c/linux-64/a-1-0.conda\n", "without @EXPLICIT"},

		{"explicit without hash", explicit("https://h/c/linux-64/a-1-0.conda"), "f:2: package a-1-0.conda has no hash"},
		{"explicit with bad hash", explicit("https://h/c/linux-64/a-1-0.conda#123"), "no md5 or sha256"},
		{"explicit twice", explicit("https://h/c/linux-64/a-1-0.conda"+md5, "https://h/c/linux-64/a-2-0.conda"+md5), "f:3: conda package a for linux-64 is already in line 2"},
		{"explicit of two platforms", explicit("https://h/c/linux-64/a-1-0.conda"+md5, "https://h/c/osx-64/b-1-0.conda"+md5), "f:3: package b is for osx-64 in a lock for linux-64"},
		{"explicit for another platform", "# platform: osx-64\n" + explicit("https://h/c/linux-64/a-1-0.conda"+md5), "f:3: package a is for linux-64 in a lock for osx-64"},
		{"explicit for nowhere", "# platform: amiga\n" + explicit("https://h/c/noarch/a-1-0.conda"+md5), `no platform is called "amiga"`},
		{"package before the mark", "https://h/c/linux-64/a-1-0.conda" + md5 + "\n@EXPLICIT\n", "f:1: want @EXPLICIT before"},
		{"pip without url", explicit("# pip six == 1.16.0 --hash=sha256:00"), "f:2: package six has no url"},
		{"pip without hash", explicit("# pip six @ https://h/six-1.16.0-py2.py3-none-any.whl"), "package six has no hash"},
		{"pip, another project", explicit("# pip five @ https://h/six-1.16.0-py2.py3-none-any.whl#sha256=" + strings.Repeat("0", 63) + "1"), `package five has the file "six`},
		{"pip, no wheel's name", explicit("# pip six @ https://h/six-1.16.0.whl#sha256=" + strings.Repeat("0", 63) + "1"), "is no wheel's file name"},
		{"secret in the line", explicit("https://me:hunter2@h/t/tk-1/c/linux-64/a-1-0.conda?auth=2"), "https://***@h/t/***/c/linux-64/a-1-0.conda?***"},

		{"pixi of the future", strings.Replace(pixi("u", "[]"), "version: 6", "version: 7", 1), "f:1: version 7 of the pixi format: want version 5 and 6"},
		{"pixi, not listed", pixi("https://h/c/noarch/a-1-0.conda", "- conda: https://h/c/noarch/b-1-0.conda\n"), "is not in the list of packages"},
		{"pixi, no hash", pixi("https://h/c/noarch/a-1-0.conda", "- conda: https://h/c/noarch/a-1-0.conda\n"), "package a has no hash"},
		{"pixi, listed twice", pixi("https://h/c/noarch/a-1-0.conda", strings.Repeat("- conda: https://h/c/noarch/a-1-0.conda\n  md5: 00000000000000000000000000000001\n", 2)), "already in line"},
		{"pixi, bad size", pixi("https://h/c/noarch/a-1-0.conda", "- conda: https://h/c/noarch/a-1-0.conda\n  size: big\n"), "want a number of bytes"},
		{"pixi, wrong build", pixi("https://h/c/noarch/a-1-0.conda", "- conda: https://h/c/noarch/a-1-0.conda\n  build: x\n  md5: 00000000000000000000000000000001\n"), "has build x"},
		{"pixi, nothing of a package", pixi("u", "- name: a\n"), `neither "conda:" nor "pypi:"`},
		{"pixi, packages by list", "version: 6\nenvironments:\n  default:\n    packages: []\npackages: []\n", `"packages" is a list: want a mapping`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Read("f", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Read = %+v, %v, want an error with %q", l, err, c.want)
			}
			if !typed(err) || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("error %T %q, want one of this package that starts with the file", err, err)
			}
			for _, secret := range []string{"hunter2", "tk-1", "auth=2"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q tells a secret", err)
				}
			}
		})
	}
}

func typed(err error) bool {
	return is[*ParseError](err) || is[*ConflictError](err) || is[*VersionError](err) || is[*DuplicateError](err)
}

// TestUnsupported: what cannot be installed is an error of For, and only for the
// platform that has it.
func TestUnsupported(t *testing.T) {
	entry := func(url, source string) string {
		return condaHead + "- name: p\n  version: '1'\n  manager: pip\n  platform: linux-64\n  url: " + url + "\n  hash:\n    sha256: " + strings.Repeat("0", 63) + "1\n" + source
	}
	for _, c := range []struct{ name, text, want string }{
		{"sdist", entry("https://h/p-1.tar.gz", ""), "is a source distribution (p-1.tar.gz)"},
		{"sdist zip", entry("https://h/p-1.zip", ""), "is a source distribution"},
		{"git", entry("git+https://me:pw@h/p.git@abc", ""), "is fetched with git"},
		{"ssh", entry("git+ssh://git@h/p.git", ""), "is fetched with git"},
		{"source is git", entry("https://h/p-1-py3-none-any.whl", "  source:\n    type: url\n    url: git+https://h/p.git\n"), "is built from a git repository"},
		{"local path", entry("/home/me/p-1-py3-none-any.whl", ""), "is a path on the machine"},
		{"subdirectory", entry("https://h/p-1.zip#subdirectory=x", ""), ""},
		{"s3", entry("s3://bucket/p-1-py3-none-any.whl", ""), "has a s3: URL"},
		{"conda package on disk", "@EXPLICIT\n../pkgs/a-1-0.conda\n", "is a path on the machine"},
	} {
		l, err := Read("f", []byte(c.text))
		if err != nil {
			t.Errorf("%s: Read: %v", c.name, err)
			continue
		}
		_, err = l.For("linux-64")
		if !is[*UnsupportedError](err) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: For = %v, want an *UnsupportedError with %q", c.name, err, c.want)
		}
	}
	direct, err := Read("f", []byte(entry("https://h/p-1-py3-none-any.whl", "  source:\n    type: url\n    url: https://h/p-1-py3-none-any.whl\n")))
	if err != nil || !direct.Packages[0].DirectURL {
		t.Errorf("a wheel from a URL: %+v, %v", direct, err)
	}
}
