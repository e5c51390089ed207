#!/bin/sh
# pytest with these arguments as on a host of its own: other processes, links and network namespaces, and
# so another engine. The shell inside stays, as process 1, which waits for orphans. Their temporary files are
# in one directory, which is removed at the end; its name is short, as paths of sockets have to be.
set -eu
mkdir -p /run/netns /etc/netns
# The package is installed in a Debian root that comes from the network.
case $1 in */test_deb.py) network= ;; *) network=--net ;; esac
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/nxXXXXX")
export TMPDIR
trap 'rm -rf --one-file-system "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$TMPDIR"
# shellcheck disable=SC2016
unshare --mount $network --pid --fork --kill-child --mount-proc sh -c '
    mount -t tmpfs tmpfs /run/netns && mount -t tmpfs tmpfs /etc/netns && ip link set lo up &&
    /usr/bin/python3 -m pytest "$@" -p no:cacheprovider' alone "$@"
