#!/bin/sh
# Installs a published nxgate: the static program, its manual pages and completions, below PREFIX (/usr/local).
#
#   curl -fsSL URL/install.sh | sh
#   curl -fsSL URL/install.sh | PREFIX=$HOME/.local sh      # needs no root
#
# It downloads the archive for this machine and SHA256SUMS from NXGATE_URL, by default where it was published
# itself, and installs nothing unless the checksum is right and the program runs here. It starts nothing, and
# changes nothing outside of PREFIX. `make release` fills in the version and the address.
set -eu

version='@VERSION@'
published='@URL@'

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# download FILE: from where nxgate is published into the temporary directory.
download() {
    if command -v curl >/dev/null; then
        curl -fsSL -o "$temporary/$1" "$url/$1" || fail "can't download $url/$1"
    elif command -v wget >/dev/null; then
        wget -q -O "$temporary/$1" "$url/$1" || fail "can't download $url/$1"
    else
        fail "needs curl or wget"
    fi
}

main() {
    url=${NXGATE_URL:-$published}
    case $url in @*) fail "not of a release: say where its files are, as NXGATE_URL=https://..." ;; esac
    prefix=${PREFIX:-/usr/local}

    [ "$(uname -s)" = Linux ] || fail "nxgate runs on Linux, and this is $(uname -s)"
    case $(uname -m) in
    x86_64 | amd64) architecture=amd64 ;;
    aarch64 | arm64) architecture=arm64 ;;
    *) fail "no program is published for $(uname -m) (only x86_64 and aarch64): build it, as README.md says" ;;
    esac
    command -v sha256sum >/dev/null || fail "needs sha256sum to check what it downloads"
    { mkdir -p "$prefix" && [ -w "$prefix" ] && { [ ! -e "$prefix/bin" ] || [ -w "$prefix/bin" ]; }; } 2>/dev/null ||
        fail "$prefix is not yours to write: run it with sudo, or with PREFIX=\$HOME/.local"

    name=nxgate-$version-linux-$architecture
    # Below PREFIX: programs can be run there, and moving them into place is one step.
    temporary=$(mktemp -d "$prefix/.nxgate-install.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    echo "downloading $url/$name.tar.gz"
    download SHA256SUMS
    download "$name.tar.gz"
    wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  $name.tar.gz\$/\1/p" "$temporary/SHA256SUMS")
    [ -n "$wanted" ] || fail "SHA256SUMS has no line for $name.tar.gz: nothing was installed"
    got=$(sha256sum <"$temporary/$name.tar.gz" | cut -d ' ' -f 1)
    [ "$got" = "$wanted" ] ||
        fail "$name.tar.gz has the wrong checksum ($got instead of $wanted): nothing was installed"

    tar -xzf "$temporary/$name.tar.gz" -C "$temporary"
    "$temporary/$name/bin/nxgate" --version >/dev/null 2>&1 ||
        fail "the program doesn't run here: nothing was installed"
    echo "installing in $prefix:"
    (cd "$temporary/$name" && find bin share -type f) | sort >"$temporary/files"
    while read -r file; do
        mkdir -p "$prefix/$(dirname "$file")"
        mv -f "$temporary/$name/$file" "$prefix/$file"
        echo "    $file"
    done <"$temporary/files"
    echo "nxgate $version is installed. To remove it: cd '$prefix' && rm $(tr '\n' ' ' <"$temporary/files")"
    case :$PATH: in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not in your PATH." ;; esac
}

# Read as a whole before anything runs, also from a pipe that breaks.
main
