// Package repodata reads the indexes of conda channels: repodata.json and the shards of
// CEP 16, both into one form that is opened lazily.
//
// Sources: CEP 36 (draft of 2026-03-04: repodata.json), CEP 15 (base_url, repodata_version 2),
// CEP 16 (shards), CEP 17 (python_site_packages_path), CEP 44, 45 and 48 (extra dependencies, flags,
// the section "v3"), and what conda's SubdirData accepts.
//
// A [Shard] holds all records of one package name, encoded: what the name depends on can be
// read without decoding a record, and the slices of equal dependency lists are one. An
// [Index] is a file of shards with a sorted table of their names; [Convert] makes one out of a
// repodata.json in one pass and bounded memory, whatever its size and order. [DecodeShard]
// turns a shard of CEP 16 into the same form. docs/formats/repodata-index.md describes the bytes,
// docs/design/repodata.md has the reasons and the measurements.
//
// What is lenient, as conda is: unknown fields; dependencies that are null or missing; numbers where
// versions or builds belong; timestamps in seconds; sums that are no sums count as not given; noarch as
// a boolean. A record without name, version or build takes them from its file name.
// What cannot be used at all (a value that is no object, a file name that names no archive, a
// record_version above 1) is left out and counted in [Info].
//
// Departures: a file that is listed in "removed" is left out even where "packages" still has
// it (conda and mamba never look at "removed"; a channel that says so means it). A .tar.bz2
// is left out where the same dist is there as .conda, as conda does.
//
// Out of scope: the network (conda/channel), comparing versions, run_exports, signatures.
package repodata
