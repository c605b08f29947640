// Package layer puts frames one after another: one layer blob of an OCI image.
//
// A layer is a prelude frame (the directories above the roots of its frames), its
// frames, and a trailer frame (tar's end-of-archive blocks). Nothing is compressed here:
// the blob's digest and the diff ID of the uncompressed stream come from one pass over
// frames that are in the cache. What the pass learnt is remembered under the layer's key,
// so a layer that was assembled once costs nothing, even if its frames are gone since.
//
// Sources: OCI image-spec layer.md, RFC 1952 section 2.2, RFC 8878 section 3.
// Design and measurements: docs/design/layers.md.
//
// Out of scope: pushing (internal/image), and which frames share a layer (oci/plan).
package layer
