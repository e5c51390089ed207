#!/bin/sh
# Installs the release at NXGATE_URL, unless nxgate is there, and lets it make sandboxes.
set -eu
if ! command -v nxgate >/dev/null; then
    [ -n "$NXGATE_URL" ] || {
        echo "::error::nxgate isn't installed: give the action the url of a release"
        exit 1
    }
    curl -fsSL "$NXGATE_URL/install.sh" | sudo NXGATE_URL="$NXGATE_URL" sh
fi
# Ubuntu 24.04 wants a profile of a program that makes user namespaces.
if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ] &&
    [ ! -e /etc/apparmor.d/nxgate ]; then
    sudo install -m 644 "$GITHUB_ACTION_PATH/../examples/nxgate.apparmor" /etc/apparmor.d/nxgate
    sudo apparmor_parser -r /etc/apparmor.d/nxgate
fi
nxgate doctor --run
