// Package channeltest writes real conda packages and channels, and serves them
// as a CDN does.
//
// It is the test kit's (and the demo's) own writer, built without corn's
// readers, so that what corn reads is not what corn wrote. A [Package] is
// written as .conda or .tar.bz2 with all of info/ (CEP 34 as of 2026-06-11,
// CEP 35), the archives of a channel get repodata.json, repodata.json.zst,
// current_repodata.json and shards (CEP 16), and [Handler] serves the folder with
// strong ETags, conditional and range requests, redirects and, on request, faults.
//
// Bytes depend on the packages alone: every clock is Package.TimestampMillis,
// every list is sorted, and each compressor runs single-threaded at a fixed level.
//
// The writer checks nothing that a hostile archive may want to hold: paths that
// leave the prefix, duplicate paths and lying info files are written as asked.
//
// # Worlds in txtar
//
// [FromTxtar] reads packages from a txtar archive. A file whose name ends in
// .conda or .tar.bz2 starts a package; its text is "key: value" lines:
//
//	-- tool-1.2-h1_0.conda --
//	depends: python >=3.11
//	depends: libtool
//	license: MIT
//	-- tool-1.2-h1_0/bin/tool mode=0755 --
//	#!@PREFIX@/bin/python
//	print("hello")
//	-- tool-1.2-h1_0/bin/t link=tool --
//
// Keys: depends, constrains, run_export and entry_point (each may repeat),
// track_features, noarch, license, summary, home, timestamp (Unix milliseconds),
// build_number, site_packages_path, placeholder, subdir, and "style: old" for
// an archive without paths.json. The build number is otherwise the digits after
// the last underscore of the build string.
//
// The files of the package follow, named by the archive's name without its
// extension. Attributes stand after the path: mode=0755, link=TARGET (symbolic),
// hardlink=PATH, mtime=UNIX, prefix=text|binary|none, dir, nolink, nosoftlink, escape
// (the text holds Go escapes such as \x00), nonl (drop the final newline).
// @PREFIX@ stands for the placeholder, 255 characters long unless the header
// sets one. Files below info/ replace what the writer would write there.
package channeltest
