#!/bin/sh
# Gathers what is published of a version for one architecture: release.sh BUILD VERSION ARCHITECTURE DIRECTORY
# PACKAGE IMAGE, and writes the checksums of all that DIRECTORY has by then. SOURCE_DATE_EPOCH is the date of
# all that is in it, NXGATE_URL the address that install.sh downloads from, NXGATE_SYSROOT the place of another
# architecture's libraries.
set -eu
build=$1 version=$2 architecture=$3 directory=$4 package=$5 image=$6
root=$(dirname "$0")/..
name=nxgate-$version-linux-$architecture
tree=$directory/$name

rm -rf "$tree"
mkdir -p "$tree"
DESTDIR=$directory/installed cmake --install "$build" --prefix /usr >/dev/null
cp -r "$directory/installed/usr/share" "$tree/share"
rm -r "$directory/installed"
install -D -m 755 "$build/nxgate_static" "$tree/bin/nxgate"
cp -r "$root/examples" "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$tree"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$directory" -c "$name" | gzip -n >"$directory/$name.tar.gz"
rm -r "$tree"
install -m 644 "$package" "$directory"
gzip -n <"$image" >"$directory/nxgate-$version-image-$architecture.tar.gz"
/usr/bin/python3 "$root/packaging/sbom.py" "$build" "$version" "$SOURCE_DATE_EPOCH" \
    ${NXGATE_SYSROOT:+"$NXGATE_SYSROOT"} >"$directory/$name.spdx.json"
sed -e "s,@VERSION@,$version," -e "s,'@URL@','${NXGATE_URL:-@URL@}'," "$root/packaging/install.sh" \
    >"$directory/install.sh"
cd "$directory"
rm -f SHA256SUMS
sha256sum -- * >SHA256SUMS
