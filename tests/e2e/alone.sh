#!/bin/sh
# pytest with these arguments as on a host of its own: other processes, links and network namespaces, and
# so another engine. The shell stays, as process 1, which waits for orphans.
set -eu
mkdir -p /run/netns /etc/netns
# The package is installed in a Debian root that comes from the network.
case $1 in */test_deb.py) network= ;; *) network=--net ;; esac
# shellcheck disable=SC2016
exec unshare --mount $network --pid --fork --kill-child --mount-proc sh -c '
    mount -t tmpfs tmpfs /run/netns && mount -t tmpfs tmpfs /etc/netns && ip link set lo up &&
    /usr/bin/python3 -m pytest "$@" -p no:cacheprovider' alone "$@"
