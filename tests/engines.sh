#!/bin/sh
# Runs the tests with a Docker engine against the engines of this and of other Debian releases, each
# in a root directory of its own, and prints one line for each.
#
#   engines.sh NXGATE
#
# The roots are made once, in NXGATE_ENGINE_ROOTS (default build/engines). NXGATE_RELEASES names the
# releases.
set -eu
binary=$(readlink -f "$1")
cd "$(dirname "$0")/.."
roots=${NXGATE_ENGINE_ROOTS:-$PWD/build/engines}
releases=${NXGATE_RELEASES:-"trixie sid"}
packages=docker.io,docker-cli,containerd,runc,iptables,nftables,ca-certificates,iproute2
# All but those about the doctor, whose words depend on the engine.
tests=$(ls tests/e2e/test_docker*.py tests/e2e/test_redteam_docker.py | grep -v doctor)
mkdir -p "$roots" build/results

run() { # NAME ROOT
    results=build/results/engine-$1.xml
    status=failed
    NXGATE_BINARY=$binary NXGATE_PRESET=release NXGATE_ENGINE_ROOT=$2 PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest $tests -q -p no:cacheprovider --tb=short \
        --junitxml "$results" >"build/engine-$1.log" 2>&1 && status=passed
    version=$(sed -n 's/.*name="engine" value="\([^"]*\)".*/\1/p' "$results" | head -n 1)
    printf '%-10s %-18s %s: %s\n' "$1" "${version:-?}" "$status" "$(tail -n 1 "build/engine-$1.log")"
    [ $status = passed ]
}

outcome=0
run "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "" || outcome=1
for release in $releases; do
    root=$roots/$release
    if [ ! -e "$root/usr/bin/docker" ]; then
        rm -rf "$root"
        debootstrap --variant=minbase --include=$packages "$release" "$root" \
            >"$roots/$release.log" 2>&1 || { echo "debootstrap $release failed, see $roots/$release.log"; exit 1; }
    fi
    run "$release" "$root" || outcome=1
done
exit $outcome
