#!/bin/sh
# Installs the Debian packages that a set of tasks needs, if they are missing, and says which. Never
# removes or replaces a package.
#
#   setup.sh build|package|image|cross|test|lint|bench|engines...
set -eu

# shellcheck source=tests/packages.sh
. "$(dirname "$0")/packages.sh"

wanted=''
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    package) wanted="$wanted $package" ;;
    image) wanted="$wanted $image" ;;
    cross) wanted="$wanted $cross" ;;
    test | engines) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    bench) wanted="$wanted $bench" ;;
    *)
        echo "setup.sh: no such set: $set (build, package, image, cross, test, lint, bench, engines)" >&2
        exit 2
        ;;
    esac
done

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "no apt here; install what these Debian packages hold, then use cmake --preset release:" $wanted

# PACKAGE[|PACKAGE...]: whether one of them is there.
is_installed() {
    for name in $(printf '%s' "$1" | tr '|' ' '); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || return 0
    done
    return 1
}

missing=''
for each in $(printf '%s\n' $wanted | sort -u); do
    is_installed "$each" || missing="$missing $each"
done

# A server's package would start it; the tests start their own. What an interrupted run left is ours.
policy=/usr/sbin/policy-rc.d
mark='made by tests/setup.sh of nxgate, for as long as it runs'
sudo=''
[ "$(id -u)" = 0 ] || sudo=sudo
if [ -e $policy ] && grep -qs "$mark" $policy; then $sudo rm -f $policy; fi
[ -n "$missing" ] || exit 0
[ -z "$sudo" ] || command -v sudo >/dev/null || fail "needs root or sudo to install:$missing"

log=$(mktemp)
# A signal ends the script through `exit`, for dash runs the trap of EXIT after nothing else.
trap 'rm -f "$log" "$log.policy"; if grep -qs "$mark" $policy; then $sudo rm -f $policy; fi' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if ! $sudo apt-get update >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    fail "apt-get update failed"
fi
names=''
for each in $missing; do
    names="$names $(available "$each")"
done

# apt NAMES...: as it is done, and as it is shown before.
apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get "$@" -y --no-remove --no-install-recommends $names \
        >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "apt-get can't install$names (nothing is removed or replaced for it)"
    }
}
apt install --simulate
echo "installing these Debian packages:"
sed -n 's/^Inst \([^ ]*\).*/\1/p' "$log" | paste -sd ' ' | fold -s -w 100 | sed 's/^/    /'
if [ ! -e $policy ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" >"$log.policy"
    $sudo install -m 755 "$log.policy" $policy
fi
apt install
