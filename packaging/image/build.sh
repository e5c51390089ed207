#!/bin/sh
# Builds the image with an engine: build.sh BINARY VERSION DIRECTORY TAG, and writes DIRECTORY/nxgate.tar.
# DOCKER is the command that reaches the engine.
set -eu
binary=$1 version=$2 directory=$3 tag=$4
source=$(dirname "$0")
context=$directory/context

# shellcheck disable=SC2086  # DOCKER may have options
${DOCKER:-docker} version >/dev/null || {
    echo "build.sh: needs a Docker engine: start one, or have DOCKER say how to reach it" >&2
    exit 1
}

rm -rf "$context"
mkdir -p "$context/root/usr/bin" "$context/root/etc/nxgate" \
    "$context/owned/run/nxgate" "$context/owned/var/lib/nxgate"
install -m 755 "$binary" "$context/root/usr/bin/nxgate"
install -m 644 "$source/nxgate.toml" "$context/root/etc/nxgate/nxgate.toml"
# A user that nothing else on the host is likely to run as.
printf '%s\n' root:x:0:0:root:/: nobody:x:65534:65534:nobody:/: nxgate:x:60953:60953:nxgate:/: \
    >"$context/root/etc/passwd"
printf '%s\n' root:x:0: nogroup:x:65534: nxgate:x:60953: >"$context/root/etc/group"
install -m 644 "$source/Dockerfile" "$context/Dockerfile"

# shellcheck disable=SC2086
${DOCKER:-docker} build --quiet --network none --build-arg "VERSION=$version" --tag "$tag" "$context"
# shellcheck disable=SC2086
${DOCKER:-docker} save --output "$directory/nxgate.tar" "$tag"
