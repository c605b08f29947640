// Package archive reads conda archives, .conda and .tar.bz2, as one stream of files, and
// gathers their facts.
//
// Sources: CEP 35 (archive formats), CEP 34 (info/ and paths.json version 1), CEP 17
// (python_site_packages_path), and conda's practice for the older info/files, has_prefix,
// no_link and no_softlink. An archive is opened through an [io.ReaderAt], never unpacked
// to disk and never held in memory: memory use is the decompressor's window (at most
// [Limits].WindowBytes) plus what the list of paths takes.
//
// What is installed is what paths.json (or info/files) lists, as in conda and micromamba: a file
// that is listed and absent is a [*MissingError], one that is there and not listed is
// delivered by [Archive.Walk] and does not appear in the facts. An archive with neither list
// installs nothing, as in conda 24; micromamba 2 refuses it.
//
// Departures from the peers, all towards refusing:
//
//   - sizes and sha256 of paths.json are compared with the bytes, always. conda warns, and
//     looks at hashes only with extra_safety_checks;
//   - one path twice, a path below a file or below a symbolic link, devices and pipes are a
//     [*FormatError]. libarchive would take the last one, or follow the link;
//   - files below info/ in the payload part of a .conda, or others in its info part;
//   - name, version and build of info/index.json must be those of the file name.
//
// Where paths.json exists, info/no_link and info/no_softlink count as well: peers read them in older
// archives only, but they can only turn links into copies.
//
// Out of scope: where files go (conda/link), whether a symbolic link leaves the prefix (its target
// is delivered verbatim), and checking the archive's own hash against a lock.
package archive
