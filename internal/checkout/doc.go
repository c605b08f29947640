// Package checkout finds out what git says of a project's folder: the commit that names an
// image, the branch whose last image is the previous one, and the commits before.
//
// The commit and the branches are read from git's own files (gitrepository-layout(5)), so a
// container without git will do. Whether files have changed and which commits came before
// only the git program can tell; without it both are unknown, and that is all.
//
// Out of scope: whatever changes a repository. Nothing here writes, takes a lock, runs a hook
// or speaks to a remote.
package checkout
