package recipe

import (
	"path"
	"strings"
)

const multiarch = "x86_64-linux-gnu"

// flattened are folders below the multiarch one that alternatives choose from.
var flattened = []string{"openblas-pthread/", "blas/", "lapack/"}

// needless are Debian paths that have no use below a prefix.
var needless = []string{
	"usr/share/applications/**", "usr/share/pixmaps/**", "usr/share/icons/**", "usr/share/metainfo/**",
	"usr/share/python3/**", "usr/share/binfmts/**", "usr/share/apport/**", "usr/share/menu/**",
	"usr/share/bash-completion/**", "usr/share/lintian/**", "usr/share/apps/**", "usr/share/dh-python/**",
	"usr/share/zsh/**", "usr/share/fish/**", "usr/share/debhelper/**", "usr/share/gcc/**", "usr/share/pkgconfig/**",
	"usr/share/sphinx/**", "usr/share/dpkg/**", "usr/share/mime/**", "usr/share/readline/**",
	"usr/lib/binfmt.d/**", "usr/lib/systemd/**", "usr/lib/udev/**", "usr/lib/tmpfiles.d/**", "usr/lib/debug/**",
	"usr/lib/" + multiarch + "/pkgconfig/**", "usr/lib/" + multiarch + "/**.a", "usr/lib/" + multiarch + "/perl5/**",
	"etc/init.d/**", "etc/default/**", "etc/cron.*/**", "etc/X11/**", "etc/sysctl.d/**", "etc/apparmor.d/**",
	"etc/ld.so.conf.d/**", "var/**", "usr/games/**", "usr/local/**",
	"usr/lib/python3*/dist-packages/**.pyc", "usr/bin/dh_*",
}

// prefixPath maps a path of Debian's tree to one below the prefix; "" has no place there.
func (r *Recipe) prefixPath(p string) string {
	for _, m := range r.Moves {
		if rest, ok := strings.CutPrefix(p, m[0]); ok {
			return m[1] + rest
		}
	}
	rest, ok := strings.CutPrefix(p, "usr/lib/"+multiarch+"/")
	if ok {
		for _, f := range flattened {
			if name, ok := strings.CutPrefix(rest, f); ok {
				return "lib/" + name
			}
		}
		return "lib/" + rest
	}
	if rest, ok := strings.CutPrefix(p, "usr/lib/python3"); ok {
		version, name, _ := strings.Cut(rest, "/")
		if name, ok := strings.CutPrefix(name, "dist-packages/"); ok {
			return r.sitePackages() + "/" + name
		}
		return "lib/python3" + version + "/" + name
	}
	for _, m := range [][2]string{
		{"usr/lib/", "lib/"}, {"usr/bin/", "bin/"}, {"usr/sbin/", "bin/"},
		{"usr/share/", "share/"}, {"usr/include/", "include/"}, {"etc/", "etc/"},
	} {
		if rest, ok := strings.CutPrefix(p, m[0]); ok {
			return m[1] + rest
		}
	}
	return ""
}

// match reports whether a path fits a pattern: path.Match for each part, and ** for any
// number of parts ("a/**" is all below a, "a/**.so" what ends so anywhere below a).
func match(pattern, p string) bool {
	head, tail, deep := strings.Cut(pattern, "**")
	if !deep {
		ok, _ := path.Match(pattern, p) // a bad pattern is caught by the test over all recipes
		return ok
	}
	parts := strings.Count(head, "/")
	split := nthSlash(p, parts)
	if split < 0 {
		return false
	}
	if ok, _ := path.Match(head, p[:split]); !ok {
		return false
	}
	return strings.HasSuffix(p[split:], tail)
}

// nthSlash is the offset after the n-th slash of p, -1 where p has fewer.
func nthSlash(p string, n int) int {
	at := 0
	for range n {
		i := strings.IndexByte(p[at:], '/')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return at
}

func matchAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if match(pattern, p) {
			return true
		}
	}
	return false
}
