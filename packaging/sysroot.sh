#!/bin/sh
# The libraries that nxgate is linked with, of another architecture: sysroot.sh ARCHITECTURE DIRECTORY.
#
# They are Debian's packages of this release, from this machine's apt sources, but nothing is installed and
# no architecture is added to dpkg: apt keeps its state in DIRECTORY/apt, the files are unpacked below
# DIRECTORY, and DIRECTORY/var/lib/dpkg tells which package each file is of. Needs no root.
set -eu
architecture=$1
mkdir -p "$2"
directory=$(cd "$2" && pwd)
# shellcheck source=tests/packages.sh
. "$(dirname "$0")/../tests/packages.sh"
state=$directory/apt
done=$directory/complete
key="$architecture $directory $(sha256sum <"$0" | cut -c 1-16) $libraries"
[ "$(cat "$done" 2>/dev/null)" != "$key" ] || exit 0

fail() {
    tail -n 20 "$directory/log" >&2
    echo "sysroot.sh: $*" >&2
    exit 1
}
command -v apt-get >/dev/null || {
    echo "sysroot.sh: needs apt: another architecture is built on Debian" >&2
    exit 1
}

rm -rf "$directory"
mkdir -p "$state/lists/partial" "$state/archives/partial" "$directory/usr/lib" "$directory/var/lib/dpkg/info" \
    "$directory/var/lib/dpkg/updates"
ln -s usr/lib "$directory/lib"
# clang finds the headers of C++ by lib/gcc/../../include, of which ninja makes include.
ln -s usr/include "$directory/include"
: >"$state/status"
options="-o APT::Architecture=$architecture -o APT::Architectures=$architecture -o APT::Sandbox::User=$(id -un)
    -o Dir::State=$state -o Dir::State::status=$state/status -o Dir::Cache=$state -o Acquire::Languages=none"
# shellcheck disable=SC2086
apt-get $options update >"$directory/log" 2>&1 </dev/null || fail "apt-get update failed for $architecture"
names=''
# shellcheck disable=SC2086
for each in $libraries "$(printf 'libstdc++-%s-dev|' 16 15 14 13 12)"; do
    names="$names $(available "$each" $options)"
done
# shellcheck disable=SC2086
apt-get $options install -y --no-install-recommends --download-only $names >>"$directory/log" 2>&1 </dev/null ||
    fail "apt-get can't download the packages of $architecture"

# unpack DEB: its files, and what dpkg would know of them. /lib is /usr/lib, as in every Debian now.
info=$directory/var/lib/dpkg/info
echo 1 >"$info/format"
unpack() {
    dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$directory" --no-same-owner
    package=$(dpkg-deb -f "$1" Package)
    if [ "$(dpkg-deb -f "$1" Multi-Arch)" = same ]; then package=$package:$architecture; fi
    dpkg-deb --fsys-tarfile "$1" | tar -t | sed 's,^\./,/,; s,/$,,; s,^/lib/,/usr/lib/,' |
        awk -v root="$directory" '{ print root $0 }' >"$info/$package.list"
    for file in symbols shlibs; do
        dpkg-deb -I "$1" $file >"$info/$package.$file" 2>/dev/null || rm "$info/$package.$file"
    done
    { dpkg-deb -f "$1"; printf 'Status: install ok installed\n\n'; } >>"$directory/var/lib/dpkg/status"
}
for deb in "$state"/archives/*.deb; do unpack "$deb"; done
# Links that name a file from the root lead to the one in here.
find "$directory/usr" -type l -lname '/*' | while read -r link; do
    ln -sfr "$directory$(readlink "$link")" "$link"
done
rm -rf "$state"
printf '%s' "$key" >"$done"
echo "$(find "$info" -name '*.list' | wc -l) packages of $architecture are unpacked in $directory; none is installed"
