#!/bin/sh
# Gathers what is published of a version: release.sh BUILD VERSION DIRECTORY FILE..., where the files are the
# package and the image. SOURCE_DATE_EPOCH is the date of all that is in it.
set -eu
build=$1 version=$2 directory=$3
shift 3
root=$(dirname "$0")/..
name=nxgate-$version-linux-$(uname -m)
tree=$directory/$name

rm -rf "$directory"
mkdir -p "$tree"
DESTDIR=$directory/installed cmake --install "$build" --prefix /usr >/dev/null
cp -r "$directory/installed/usr/share" "$tree/share"
rm -r "$directory/installed"
install -D -m 755 "$build/nxgate_static" "$tree/bin/nxgate"
cp -r "$root/examples" "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$tree"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$directory" -c "$name" | gzip -n >"$directory/$name.tar.gz"
rm -r "$tree"
install -m 644 "$@" "$directory"  # `docker save` keeps its file to itself
/usr/bin/python3 "$root/packaging/sbom.py" "$build" "$version" "$SOURCE_DATE_EPOCH" \
    >"$directory/nxgate-$version.spdx.json"
cd "$directory"
sha256sum -- * >SHA256SUMS
