#!/bin/sh
# Installs the Debian packages that a set of tasks needs, if they are missing, and says so.
#
#   setup.sh build|package|test|lint|bench...
set -eu

build="clang-19 lld-19 libclang-rt-19-dev cmake ninja-build pkg-config git
    libboost1.81-dev libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev libpsl-dev
    libsodium-dev libcap-ng-dev libseccomp-dev libidn2-dev libunistring-dev libncurses-dev
    libfstrm-dev libprotobuf-c-dev protobuf-c-compiler libgtest-dev libgmock-dev"
package="build-essential debhelper dpkg-dev python3"
test="python3 python3-pytest python3-dnspython python3-jsonschema bind9-dnsutils iproute2 util-linux procps curl
    musl-tools gcc libc-bin dnsmasq-base clang-format-19
    docker.io docker-compose iptables busybox-static nftables valgrind zsh fish man-db tmux
    dnstap-ldns fstrm-bin protobuf-compiler
    debootstrap lintian systemd systemd-container python3-kubernetes python3-yaml $package"
# Where Node came from elsewhere it brought one, which Debian's would conflict with.
command -v npm >/dev/null || test="$test npm"
engines="$test"
lint="clang-format-19 clang-tidy-19"
bench="python3 libbenchmark-dev dnsperf dnsmasq-base unbound dnsdist knot knot-dnsutils nsd
    iproute2 nftables strace"

wanted=''
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    package) wanted="$wanted $package" ;;
    test) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    bench) wanted="$wanted $bench" ;;
    engines) wanted="$wanted $engines" ;;
    *) echo "setup.sh: no such set: $set (build, package, test, lint, bench, engines)" >&2; exit 2 ;;
    esac
done

missing=''
for package in $(printf '%s\n' $wanted | sort -u); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing Debian packages:$missing"
sudo=''
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup.sh: needs root or sudo" >&2; exit 1; }
    sudo=sudo
fi
# A server's package would start it; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    $sudo sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy"
    trap '$sudo rm -f $policy' EXIT
fi
log=$(mktemp)
# shellcheck disable=SC2086
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "setup.sh: apt-get failed, see $log" >&2
    exit 1
fi
rm -f "$log"
