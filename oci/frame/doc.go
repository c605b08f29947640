// Package frame writes file tree entries as one independently compressed run of tar entries.
//
// A frame is one gzip member or one zstd frame. Both formats say that members may be
// concatenated (RFC 1952 section 2.2, RFC 8878 section 3), so frames put one after another
// are one valid layer blob: package oci/layer does that without compressing again. A frame
// holds no end-of-archive blocks; they are a constant frame of their own, [Trailer].
//
// Sources: OCI image-spec layer.md for what a layer may hold, POSIX.1-2024 pax for the
// archive: ustar headers where they can say it, and pax extended headers where not.
//
// The bytes are a function of the entries, the compression and [FormatVersion] alone, not
// of how callers cut their writes, the clock, cores or the machine. Headers are written
// here rather than by archive/tar, so that a new Go release cannot change them.
//
// Out of scope: devices, hard links to files outside of the frame, whiteouts other than as the
// plain files that they are, and which frame goes into which layer (oci/plan).
package frame
