// Package cache keeps downloaded archives and computed values on this machine's disk.
//
// A blob is bytes named by their own SHA-256 (an archive that was downloaded). A keyed
// value is bytes named by a kind and by the key of what they were computed from (a frame,
// the facts of an archive, the digests of a layer). Both appear whole or not at all: they
// are written to a temporary file of the same file system and renamed. Any number of
// processes may use one folder at the same time, and any of them may be killed.
// The layout on disk is docs/formats/cache.md.
//
// A cache never decides what is in an image: everything in it can be downloaded or computed
// again. So a damaged entry is not an error for a reader, it is a miss ([MissError] says why)
// and the entry is removed.
//
// All methods are safe for concurrent use unless their comment says otherwise.
//
// Out of scope: sharing between machines (the registry does that), and folders on network
// file systems without flock(2).
package cache
