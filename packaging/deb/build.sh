#!/bin/sh
# Makes a Debian package of what was built: build.sh BUILD VERSION DIRECTORY [ARCHITECTURE], which gives
# DIRECTORY/nxgate_VERSION_ARCHITECTURE.deb. SOURCE_DATE_EPOCH is its date; for an architecture that isn't this
# machine's, NXGATE_SYSROOT has its libraries.
set -eu
build=$1 version=$2 directory=$3 architecture=${4:-$(dpkg --print-architecture)}
source=$(cd "$(dirname "$0")" && pwd)
root=$source/../..
tree=$directory/nxgate-$version
stage=$tree/stage

rm -rf "$tree" "$directory"/*_"$architecture".deb
mkdir -p "$tree" "$stage/etc/nxgate"
cp -r "$source/debian" "$tree/debian"
cp "$root/LICENSE" "$tree/debian/copyright"
cat >"$tree/debian/changelog" <<END
nxgate ($version) unstable; urgency=medium

  * See NEWS.md.

 -- The nxgate authors <nxgate@nxgate.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
DESTDIR=$stage cmake --install "$build" --prefix /usr >/dev/null
install -m 644 "$source/nxgate.toml" "$stage/etc/nxgate/nxgate.toml"
install -D -m 644 "$root/examples/nxgate.toml" "$stage/usr/share/doc/nxgate/examples/nxgate.toml"
install -D -m 644 "$root/examples/nxgate.apparmor" "$stage/usr/share/nxgate/apparmor"
install -m 644 "$root/CHANGELOG.md" "$stage/usr/share/doc/nxgate/NEWS.md"
mkdir -p "$stage/usr/share/zsh/vendor-completions"
mv "$stage/usr/share/zsh/site-functions/_nxgate" "$stage/usr/share/zsh/vendor-completions"
rmdir "$stage/usr/share/zsh/site-functions"
# The units are written for /usr/local and as a guide to it.
for unit in service socket; do
    sed -e '/^#/d' -e 's,/usr/local/bin,/usr/bin,' "$root/examples/nxgate.$unit" >"$tree/debian/nxgate.$unit"
done
cd "$tree"
DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage --build=binary --host-arch "$architecture" --no-check-builddeps \
    --unsigned-source --unsigned-changes >"../build.log" 2>&1 || {
    tail -n 30 ../build.log >&2
    exit 1
}
