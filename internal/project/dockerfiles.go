package project

import (
	"os"
	"path"
)

// Dockerfiles reads the Dockerfiles of a project in dir: those of the folders named, "." the
// top, in their order. None of them is run.
func Dockerfiles(dir string, folders ...string) ([]File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	l := &loader{dir: dir, root: root, fsys: root.FS()}
	var out []File
	for i, folder := range folders {
		if i > 0 && folder == folders[0] {
			continue
		}
		data, shown, err := l.read(folder, "Dockerfile")
		if err != nil {
			return nil, err
		}
		if shown != "" {
			out = append(out, File{Path: path.Join(folder, "Dockerfile"), Show: shown, Data: data})
		}
	}
	return out, nil
}

// Folders are those that may hold a project's configuration, the first that fits wins.
func Folders() []string { return append([]string(nil), candidates...) }
