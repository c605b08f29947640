// Package plan decides which frames share a layer, and in which order layers stand.
//
// It is a pure function of what an image is to hold and of the layout it had before; no
// frame need exist. The rule, with its measurements, is docs/design/layers.md:
//
//  1. an artifact of Params.AloneBytes or more stands alone, the largest first, at most
//     Params.MaxAlone of them;
//  2. a smaller one that one env uses goes to that env's private bucket, which is split by
//     sha256(name) where it is large;
//  3. a smaller one that several envs use goes to shared bucket sha256(name) mod Params.Buckets.
//
// What was given a place keeps it while it is in use, whatever the rule says by then
// ([State]). From the bottom: exec layers of the base, stand-alone layers, shared
// buckets, private buckets, placements with the exec layers of their envs, metadata.
//
// Out of scope: what a frame holds, and the text of corn.lock.
package plan
