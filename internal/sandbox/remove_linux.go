package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// RemoveAll is os.RemoveAll for what sandboxes leave: folders that their owner may not
// write to, and files of ids that only user namespaces have.
func RemoveAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !errors.Is(err, fs.ErrPermission) || os.Geteuid() == 0 {
		return err
	}
	if removeAll(dir) == nil {
		return nil
	}
	if _, _, e := ranges(); e != nil {
		return err
	}
	c, e := start{mode: Ranges, user: true, flags: unix.CLONE_NEWNS}.run(order{Act: actRemove, Dir: dir})
	if e != nil {
		return errors.Join(err, e)
	}
	_, err = c.finish()
	return err
}

// removeAll makes folders passable on its way.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		// WalkDir calls for a folder before it reads it, and again if it could not.
		if d != nil && d.IsDir() && err == nil {
			_ = unix.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
