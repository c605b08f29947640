package lock

import (
	"bytes"
	"fmt"
	"io"
)

// WriteExplicit writes the main packages of one platform as an @EXPLICIT list (CEP 23), as
// conda, mamba and micromamba install it: one URL a line, packages in the order of
// [WriteCondaLock], the MD5 behind '#' because older condas know no other hash (a package
// without one has "sha256:" and its SHA-256). Wheels follow as "# pip" comments, which
// conda-lock and corn read and conda skips.
//
// $NAMES of environment variables stay: the file is committed, and their values are secrets.
func WriteExplicit(w io.Writer, l *Lock, platform string) error {
	packages, err := l.For(platform)
	if err != nil {
		return err
	}
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "# Written by corn. Change environment.yml, then run: corn lock\n# platform: %s\n", platform)
	if hash := l.ContentHash[platform]; hash != "" {
		fmt.Fprintf(b, "# input_hash: %s\n", hash)
	}
	b.WriteString("@EXPLICIT\n")
	for _, p := range inOrder(packages, platform) {
		switch {
		case p.Manager == Pip && p.SHA256.IsZero():
			fmt.Fprintf(b, "# pip %s @ %s#md5=%s\n", p.Name, p.URL, p.MD5)
		case p.Manager == Pip:
			fmt.Fprintf(b, "# pip %s @ %s#sha256=%s\n", p.Name, p.URL, p.SHA256)
		case p.MD5.IsZero():
			fmt.Fprintf(b, "%s#sha256:%s\n", p.URL, p.SHA256)
		default:
			fmt.Fprintf(b, "%s#%s\n", p.URL, p.MD5)
		}
	}
	_, err = b.WriteTo(w)
	return err
}

// ExplicitName is the file name that corn and conda-lock give the explicit lock of a
// platform, "conda-linux-64.lock".
func ExplicitName(platform string) string { return "conda-" + platform + ".lock" }
