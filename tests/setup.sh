#!/bin/sh
# Installs the Debian packages that a set of tasks needs, if they are missing, and says which. Never
# removes or replaces a package.
#
#   setup.sh build|package|test|lint|bench|engines...
set -eu

# A|B: whichever of them this release of Debian has.
build="clang-19 lld-19 libclang-rt-19-dev cmake ninja-build pkg-config git
    libboost1.81-dev|libboost-url-dev libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev libpsl-dev
    libsodium-dev libcap-ng-dev libseccomp-dev libidn2-dev libunistring-dev libncurses-dev
    libfstrm-dev libprotobuf-c-dev protobuf-c-compiler libgtest-dev libgmock-dev"
package="build-essential debhelper dpkg-dev python3"
test="python3 python3-pytest python3-dnspython python3-jsonschema bind9-dnsutils iproute2 util-linux procps curl
    musl-tools gcc libc-bin dnsmasq-base clang-format-19
    docker-compose iptables busybox-static nftables valgrind zsh fish man-db tmux
    dnstap-ldns fstrm-bin protobuf-compiler
    debootstrap lintian systemd systemd-container python3-kubernetes python3-yaml $package"
# What came from elsewhere, as docker-ce or Node's own npm, Debian's would replace.
command -v dockerd >/dev/null || test="$test docker.io"
command -v npm >/dev/null || test="$test npm"
lint="clang-format-19 clang-tidy-19"
bench="python3 libbenchmark-dev dnsperf dnsmasq-base unbound dnsdist knot knot-dnsutils nsd
    iproute2 nftables strace"

wanted=''
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    package) wanted="$wanted $package" ;;
    test | engines) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    bench) wanted="$wanted $bench" ;;
    *) echo "setup.sh: no such set: $set (build, package, test, lint, bench, engines)" >&2; exit 2 ;;
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
    for name in $(printf '%s' "$each" | tr '|' ' '); do
        if apt-cache policy "$name" | grep -q 'Candidate: [^(]'; then break; fi
    done
    names="$names $name"
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
