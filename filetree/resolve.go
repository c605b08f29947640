package filetree

import (
	"path"
	"strings"
)

// MaxLinks is how many symbolic links one path may lead through: Linux gives up after 40.
const MaxLinks = 40

// Resolve follows the symbolic links on the way of p and at its end, one after another as
// a file system does. link tells whether a path, all of whose folders are real, is a link, and
// its target. Nothing else has to exist. ok is false where the way leaves the tree, by ".."
// or by an absolute target, where it turns in circles, and for the tree itself.
func Resolve(p string, link func(p string) (target string, ok bool)) (real string, ok bool) {
	todo, cur, hops := strings.Split(p, "/"), "", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if cur == "" {
				return "", false
			}
			if cur = path.Dir(cur); cur == "." {
				cur = ""
			}
			continue
		}
		next := path.Join(cur, part)
		target, isLink := link(next)
		if !isLink {
			cur = next
			continue
		}
		if hops++; hops > MaxLinks || strings.HasPrefix(target, "/") {
			return "", false
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return cur, cur != ""
}

// Climbs tells whether p, read from the root, leaves it on the way.
func Climbs(p string) bool {
	depth := 0
	for part := range strings.SplitSeq(p, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}
