// Package image reads base images and writes finished ones.
//
// [OpenBase] opens an OCI layout, a docker archive or an image of a registry and gives it
// OCI media types; its layers stay the bytes they were. [Base.Facts] scans the layers once and says what a
// build has to know: whom files belong to, which directories exist, which glibc there is.
// [Compose] puts corn's layers and config on top, and [Write] writes the result to an OCI
// layout, a docker archive or a registry. [ReadPrevious] says which layers of an earlier
// image a build may take over as they are (docs/design/registry.md).
//
// Sources: OCI image-spec v1.1.1 (manifest.md, config.md, layer.md, image-layout.md,
// annotations.md), Docker image spec v1.2 (the archive of "docker save"), passwd(5),
// group(5); OCI distribution-spec v1.1.0. go-containerregistry supplies the types of the
// protocol and the login to registries; reading and writing is done here, because corn
// wants every byte verified, no half-written layout left behind, uploads that go on where
// they broke, and few requests.
//
// Departures: a layer entry whose path climbs out of the root is an error, where
// container engines clamp it to the root.
//
// Out of scope: multi-platform outputs, deleting from registries.
package image
