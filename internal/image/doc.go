// Package image reads base images and writes finished ones.
//
// [OpenBase] opens an OCI layout or a docker archive and gives it OCI media types; its
// layers stay the bytes they were. [Base.Facts] scans the layers once and says what a
// build has to know: whom files belong to, which directories exist, which glibc there is.
// [Compose] puts corn's layers and config on top, and [Write] writes the result to an OCI
// layout or a docker archive.
//
// Sources: OCI image-spec v1.1.1 (manifest.md, config.md, layer.md, image-layout.md,
// annotations.md), Docker image spec v1.2 (the archive of "docker save"), passwd(5),
// group(5). go-containerregistry supplies the types of the protocol; reading and writing
// of folders and archives is done here, because corn wants every byte verified and no
// half-written layout left behind.
//
// Departures: a layer entry whose path climbs out of the root is an error, where
// container engines clamp it to the root.
//
// Out of scope: registries and multi-platform outputs.
package image
