# The Debian packages that a set of tasks needs; tests/setup.sh and packaging/sysroot.sh read it.
# A|B: whichever of them this release of Debian has.
# shellcheck shell=sh disable=SC2034
libraries="libboost1.81-dev|libboost-url-dev libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev libpsl-dev
    libsodium-dev libcap-ng-dev libseccomp-dev libidn2-dev libunistring-dev libncurses-dev
    libfstrm-dev libprotobuf-c-dev libgtest-dev libgmock-dev"
build="clang-19 lld-19 libclang-rt-19-dev cmake ninja-build pkg-config git protobuf-c-compiler $libraries"
package="build-essential debhelper dpkg-dev python3"
image="python3"
# For another architecture: its libraries come from packaging/sysroot.sh, and are installed nowhere.
cross="qemu-user binutils-aarch64-linux-gnu"
test="python3 python3-pytest python3-dnspython python3-jsonschema bind9-dnsutils iproute2 util-linux procps curl
    musl-tools gcc libc-bin dnsmasq-base clang-format-19
    iptables busybox-static nftables valgrind zsh fish man-db tmux
    wget openssl python3-pip python3-requests python3-websocket
    dnstap-ldns fstrm-bin protobuf-compiler
    debootstrap lintian systemd systemd-container python3-kubernetes python3-yaml $package"
# What came from elsewhere, as docker-ce or Node's own npm, Debian's would replace.
if command -v dockerd >/dev/null; then
    command -v docker >/dev/null || test="$test docker-cli"
else
    # Since Debian 13 docker.io is without its client.
    test="$test docker.io"
    command -v docker >/dev/null || test="$test docker-cli|docker.io"
fi
# Docker's own compose is a plugin of the client, and conflicts with Debian's.
command -v docker-compose >/dev/null || [ -x /usr/libexec/docker/cli-plugins/docker-compose ] ||
    test="$test docker-compose"
lint="clang-format-19 clang-tidy-19"
bench="python3 libbenchmark-dev dnsperf dnsmasq-base unbound dnsdist knot knot-dnsutils nsd
    haproxy libnginx-mod-stream sniproxy iproute2 nftables strace
    bubblewrap passt slirp4netns"
command -v npm >/dev/null || {
    test="$test npm"
    bench="$bench npm"
}

# available NAME|NAME... [OPTION...]: the first of them that apt has, asked with these options.
available() {
    alternatives=$1
    shift
    for name in $(printf '%s' "$alternatives" | tr '|' ' '); do
        if apt-cache "$@" policy "$name" | grep -q 'Candidate: [^(]'; then break; fi
    done
    echo "$name"
}
