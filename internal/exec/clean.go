package exec

import (
	"path"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// Clean decides what of a step's changes becomes part of the image, so that the same step
// gives the same layer whenever it runs. It sets the time of e, and tells whether e stays.
//
// Times are 1980. Left out are logs, caches, downloaded lists, locks, backups and what only
// a running system has; home, "home/jovyan", loses what pangeo's base image and repo2docker
// remove from it. A folder stays: others may stand in it. What a step removed of the same
// things stays removed from nothing: the lower layers keep theirs.
func Clean(e *filetree.Entry, home string) bool {
	e.ModTime = filetree.Epoch1980
	p := e.Path
	dir, name := path.Split(p)
	name = strings.TrimPrefix(name, ".wh.")
	what := dir + name
	for _, d := range dropped {
		if below(what, d) {
			return e.Type == filetree.Dir && what == d
		}
	}
	if home != "" {
		for _, d := range droppedHome {
			if what == home+"/"+d || below(what, home+"/"+d) {
				return false
			}
		}
	}
	switch {
	case e.Type == filetree.Dir:
		return true
	case below(what, "var/log"):
		return false
	case below(what, "var/cache"):
		return slices.Contains(keptCache, what)
	case slices.Contains(droppedFiles, what):
		return false
	case below(what, "var/lib/dpkg") && (strings.HasSuffix(name, "-old") || strings.HasPrefix(strings.ToLower(name), "lock")):
		return false
	}
	return true
}

// below tells whether p is dir or in it.
func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// dropped are folders whose contents never belong to an image.
var dropped = []string{
	"tmp", "var/tmp", "run", "var/run", "dev", "proc", "sys",
	"var/lib/apt/lists", "var/cache/apt/archives", "root/.cache",
}

// droppedHome is what is removed from the user's home, itself included.
var droppedHome = []string{
	".cache", ".npm", ".yarn", ".conda/environments.txt", ".bash_history", ".python_history", ".wget-hsts", ".local/share/jupyter/runtime",
}

// keptCache is what lies in /var/cache and is no cache: the answers that packages were
// configured with.
var keptCache = []string{"var/cache/debconf/config.dat", "var/cache/debconf/templates.dat", "var/cache/debconf/passwords.dat"}

// droppedFiles are locks, backups, and state that lists times or inodes.
var droppedFiles = []string{
	"etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
	"var/lib/apt/extended_states.lock", "var/lib/systemd/catalog/database",
}
