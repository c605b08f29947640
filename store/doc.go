// Package store decides which files of an artifact live once in the image's shared store
// and which are placed in an env.
//
// conda/link and pypi/wheel turn an artifact into Items: the paths it brings into a prefix.
// [Content] keeps those that are equal for every prefix, under
// /opt/corn/store/<dist>-<16 hex of its key>/; [Place] gives one env its share: relative
// links into the store, copies of what must not be a link, generated files. Neither reads
// an archive: both work on facts. The layout and its reasons are in docs/design/link.md.
//
// # From artifacts to frames
//
//  1. items of every artifact of an env, in link order; [Strip] takes away what the image
//     does not want;
//  2. [Merge] settles which artifact wins a path that several bring, and where a path
//     stands that leads through another package's symbolic link;
//  3. [Content] and [Place] give one [Plan] each.
//
// # Writing a plan
//
// The order of entries in a frame is part of its bytes and is always
//
//	Plan.Lead       directories, links, generated files, sorted by path
//	Plan.Fed        one per archive member, in the order of the archive
//	Plan.Tail(...)  bytecode and links to it, sorted by path; the conda-meta record
//
// Nothing in Lead needs the archive. Fed entries are written while the archive streams
// by: one walk can feed a content plan and the placements of several envs at once, each
// through its own [Plan.Member]. Late entries come last because compilation may fail for
// a file (the syntax of another Python), and then its path simply does not exist, nor does
// a directory that only it needs; and because the record holds sums that the walk learns.
//
// Every plan starts with its own Root directory; the directories above Root are the
// caller's, once per layer.
//
// Out of scope: file contents. Rewriting of prefixes is conda/link's, compiling is
// internal/exec's, tar and compression are oci/frame's.
package store
