// Package channel opens conda channels, over HTTP or in folders, and hands out their records
// by name.
//
// [Open] brings the index of each channel and subdir into the cache, in the best form that
// the channel has: shards (CEP 16), repodata.json.zst, repodata.json. [Set.Closure] loads
// everything that some names can reach through dependencies; with shards that is one request for
// each name, many at a time, with the other forms it reads the one index that
// conda/repodata made of the file once. [Set.Records] is then pure: the solver asks for names
// and gets records, decoded when they are first asked for.
//
// Sources: CEP 26 (what a channel is), CEP 16, 15, 36, RFC 9110 and 9111 (conditional requests, ranges,
// freshness), conda's documentation of .condarc, and conda's practice for tokens in URLs.
//
// .condarc is read for transport alone: aliases, custom channels, mirrors, proxies, TLS, time-outs.
// What would change an answer (channels, channel_priority, pinned_packages) is not: the same
// project has to give the same lock on every machine. "defaults" is a channel like any other, and
// asked only where somebody wrote it.
//
// Credentials come from URLs, netrc and the files of mamba and rattler. They go to the host they
// belong to and nowhere else, over https only unless the user wrote http. They never stand
// in a record, an error, a cache or a [Snapshot].
//
// Departures: conda stops where noarch/ is missing; here a channel needs one of the subdirs that
// were asked for. conda asks a server again after local_repodata_ttl; here Cache-Control decides.
//
// Out of scope: archives (internal/fetch downloads them through transport.Client.RoundTripper),
// signatures, JLAP, uploading.
package channel
