// Package registrytest runs container registries for tests, and lets them fail.
//
// [Start] serves go-containerregistry's registry from memory, with what that leaves out:
// blobs belong to repositories and can be mounted from one into another, uploads can go on
// after a break, and a manifest is refused while the repository lacks one of its blobs. [StartDebian] runs Debian's
// docker-registry, the real one. Both stand behind the same front, which counts requests,
// asks for a login, and fails as [Fault] says.
//
// Sources: OCI distribution-spec v1.1.0; Docker's token authentication as docker-registry
// 2.8 speaks it.
package registrytest
