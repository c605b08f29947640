package base

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is one member of a root file system.
type entry struct {
	path     string // no leading slash
	mode     int64
	uid, gid int
	link     string // symbolic link
	dir      bool
	data     string
}

func (e entry) write(tw *tar.Writer) error {
	hdr := &tar.Header{Name: e.path, Mode: e.mode, Uid: e.uid, Gid: e.gid, ModTime: time.Unix(epoch, 0).UTC(), Typeflag: tar.TypeReg, Size: int64(len(e.data))}
	switch {
	case e.dir:
		hdr.Typeflag, hdr.Name = tar.TypeDir, e.path+"/"
	case e.link != "":
		hdr.Typeflag, hdr.Linkname, hdr.Mode = tar.TypeSymlink, e.link, 0o777
	}
	if err := tw.WriteHeader(hdr); err != nil {
		return fmt.Errorf("write %s: %w", e.path, err)
	}
	if _, err := io.WriteString(tw, e.data); err != nil {
		return fmt.Errorf("write %s: %w", e.path, err)
	}
	return nil
}

// userEntries are what every base has for its user.
func (c Config) userEntries() []entry {
	entries := []entry{
		{path: "home/" + User, mode: 0o755, uid: UID, gid: GID, dir: true},
		{path: "home/" + User + "/.profile", mode: 0o644, uid: UID, gid: GID, data: "# " + User + "\n"},
		{path: "srv/conda", mode: 0o755, uid: UID, gid: GID, dir: true},
	}
	if c.OnBuild {
		entries = append(entries, entry{path: "etc/profile.d/notebook.sh", mode: 0o644, data: activate})
	}
	if c.Start {
		entries = append(entries, entry{path: strings.TrimPrefix(startFile, "/"), mode: 0o755, data: startScript})
	}
	return entries
}

// The lines of the user in the account files.
var accounts = map[string]string{
	"etc/passwd":  "jovyan:x:1000:1000::/home/jovyan:/bin/bash\n",
	"etc/group":   "jovyan:x:1000:\n",
	"etc/shadow":  "jovyan:!:20309:0:99999:7:::\n",
	"etc/gshadow": "jovyan:!::\n",
}

// normalise copies the tar that mmdebstrap wrote for a suite, without what differs
// from run to run or names the host, and with the user added. Members stay in order:
// mmdebstrap sorts them.
func (c Config) normalise(dst io.Writer, src io.Reader, suite string) error {
	replaced := map[string]string{
		"etc/machine-id":       "",
		"etc/apt/sources.list": "deb http://deb.debian.org/debian " + suite + " main\n",
	}
	tw := tar.NewWriter(dst)
	tr := tar.NewReader(src)
	seen := map[string]bool{}
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read root file system: %w", err)
		}
		name := path.Clean("/" + hdr.Name)[1:]
		if dropped(name, hdr.Typeflag) {
			continue
		}
		seen[name] = true
		out := plainHeader(hdr, name)
		if c.OnBuild && name == "srv" {
			out.Uid, out.Gid = UID, GID
		}
		var body io.Reader = tr
		text, isReplaced := replaced[name]
		if line := accounts[name]; line != "" {
			old, err := io.ReadAll(tr)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			text, isReplaced = string(old)+line, true
		}
		if isReplaced {
			out.Size, body = int64(len(text)), strings.NewReader(text)
		}
		if err := tw.WriteHeader(out); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if out.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.Copy(tw, body); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	for _, name := range []string{"etc/passwd", "etc/group", "bin", "usr/bin/bash", "usr/bin/dash"} {
		if !seen[name] {
			return fmt.Errorf("root file system of %s has no %s", suite, name)
		}
	}
	for _, e := range c.userEntries() {
		if err := e.write(tw); err != nil {
			return err
		}
	}
	return tw.Close()
}

// plainHeader keeps what an image needs of a member: no names of users, no
// times but the modification, and that not after the epoch.
func plainHeader(hdr *tar.Header, name string) *tar.Header {
	out := &tar.Header{
		Name: name, Mode: hdr.Mode & 0o7777, Uid: hdr.Uid, Gid: hdr.Gid,
		Typeflag: hdr.Typeflag, Linkname: hdr.Linkname, Size: hdr.Size,
		ModTime: time.Unix(min(hdr.ModTime.Unix(), epoch), 0).UTC(),
	}
	switch hdr.Typeflag {
	case tar.TypeDir:
		out.Name += "/"
	case tar.TypeLink:
		out.Linkname = path.Clean("/" + hdr.Linkname)[1:]
	}
	for key, value := range hdr.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			if out.PAXRecords == nil {
				out.PAXRecords = map[string]string{}
			}
			out.PAXRecords[key] = value
		}
	}
	return out
}

// emptied are folders whose files are dropped and whose folders stay.
var emptied = []string{"var/log/", "var/cache/", "var/lib/apt/lists/", "tmp/", "run/",
	"usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/doc/"}

// dropped tells whether a member is left out.
func dropped(name string, kind byte) bool {
	switch {
	case name == "":
		return true
	case name == "etc/hostname", name == "etc/resolv.conf": // taken from the host
		return true
	case strings.HasPrefix(name, "dev/"): // an engine makes its own; a layer may not
		return true
	case kind == tar.TypeChar, kind == tar.TypeBlock, kind == tar.TypeFifo:
		return true
	case kind == tar.TypeDir:
		return strings.HasPrefix(name, "usr/share/locale/") || strings.HasPrefix(name, "usr/share/man/") ||
			strings.HasPrefix(name, "run/") || strings.HasPrefix(name, "tmp/")
	case strings.HasPrefix(name, "usr/share/doc/") && path.Base(name) == "copyright":
		return false
	case strings.HasPrefix(name, "var/cache/debconf/") && !strings.HasSuffix(name, "-old"):
		return false // debconf fails without its database
	case path.Dir(name) == "var/lib/dpkg" && strings.HasSuffix(name, "-old"):
		return true
	case slices.Contains([]string{"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"}, name):
		return true
	}
	for _, dir := range emptied {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return false
}

// archive makes a tar of entries.
func archive(entries []entry) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := e.write(tw); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
