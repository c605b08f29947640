// Package base makes the base images of the demo and of the tests.
//
// [Debian] is what a hub's image is really built on: Debian's minbase by
// mmdebstrap, user jovyan, and the environment that pangeo's base image sets.
// [Tiny] has the same config over a handful of files, needs no network and takes
// milliseconds.
//
// With Config.OnBuild Debian is an equal of pangeo/base-image for those who build on it.
//
// All carry two traps on purpose: the config names the entrypoint /srv/start, a
// file that is not there unless asked for, and it has ONBUILD triggers, which must not
// reach an image made from it.
//
// The same package versions give the same digest: clocks, logs, caches and what
// mmdebstrap takes from the host (its name, its resolver, its mirror) are
// normalised away.
package base
