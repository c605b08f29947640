#!/bin/sh
# Installs what the demo needs beside Go: Debian's tools to make the base image and the
# channel, an engine to run the image in, a browser to look at it. "setup.sh tests" also
# installs what the tests run the image with: a registry, a hub, other engines. Says what is
# missing where it cannot install.
set -eu
# command=package
needs="mmdebstrap=mmdebstrap dockerd=docker.io docker=docker.io chromium=chromium chromedriver=chromium-driver xz=xz-utils zstd=zstd unzip=unzip dash=dash bash=bash"
if [ "${1:-}" = tests ]; then
	needs="$needs git=git docker-registry=docker-registry jupyterhub=jupyterhub containerd=containerd ctr=containerd podman=podman skopeo=skopeo newuidmap=uidmap"
fi
missing="" packages=""
for need in $needs; do
	command -v "${need%%=*}" >/dev/null 2>&1 || {
		missing="$missing ${need%%=*}"
		packages="$packages ${need#*=}"
	}
done
[ -e /etc/ssl/certs/ca-certificates.crt ] || { missing="$missing ca-certificates"; packages="$packages ca-certificates"; }
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: missing:$missing" >&2
		echo "setup: on Debian, as root: apt-get install$packages" >&2
		echo "setup: elsewhere, install these and run the command again" >&2
		exit 1
	fi
	echo "setup: installing$packages"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086  # a list of words
	apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi
command -v "${GO:-go}" >/dev/null 2>&1 || { echo "setup: go is missing: see https://go.dev/doc/install" >&2; exit 1; }

# Sandboxes of a user who has a range of ids: useradd gives one. The tests find the user by /etc/subuid.
if [ "${1:-}" = tests ] && [ "$(id -u)" = 0 ] && ! getent passwd corn-tests >/dev/null; then
	useradd --no-create-home --comment "tests of corn's sandbox" corn-tests
fi

# An engine that runs already is used. Otherwise one is started for the tests: without a
# bridge, so that it needs no firewall rights; containers use the host's network.
if ! docker info >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ]; then
		echo "setup: no Docker engine answers, and starting one needs root" >&2
		exit 1
	fi
	log="${TMPDIR:-/tmp}/corn-dockerd.log"
	echo "setup: starting dockerd (log: $log)"
	setsid dockerd --iptables=false --ip6tables=false --bridge=none >"$log" 2>&1 </dev/null &
	i=0
	until docker info >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 60 ] || { echo "setup: dockerd did not start; the end of its log:" >&2; tail -n 5 "$log" >&2; exit 1; }
		sleep 0.5
	done
fi
