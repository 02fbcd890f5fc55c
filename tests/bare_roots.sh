#!/bin/sh
# Run the README's commands in bare systems: only git, make, and what the README names. Not part of `make test`.
#
#   sh tests/bare_roots.sh [bookworm] [trixie] [noble] [resolute]   Debian 12 and 13, Ubuntu 24.04 and 26.04
#
# COMMANDS="make demo && make quick"   what is run
# FOLDER=/var/tmp/bare_roots           place of the systems; one takes up to 10 GB, and is deleted after a success
# SHARE="/folder /folder"              folders of this machine to see in the systems, of wheels for example
# KEYRING=/path/to/keyring.gpg         of Ubuntu; without it, the keyring comes from Ubuntu's package
#
# Needs root, Linux, and the packages mmdebstrap and ca-certificates. Variables PIP_... hold in the systems too.
# Ends with 3 if this machine cannot make or enter such a system, and with 1 if the commands fail in it.
set -eu
cd "$(dirname "$0")/.."
folder=${FOLDER:-/var/tmp/bare_roots}
commands=${COMMANDS:-make demo && make quick}
keyring=${KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}
ubuntu=http://archive.ubuntu.com/ubuntu
package=ubuntu-keyring_2023.11.28.1_all.deb
package_checksum=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8

# Not every Debian has a package with the keys of Ubuntu's archive.
fetch_keyring() {
    [ -n "${KEYRING:-}" ] || [ -e "$keyring" ] && return
    keyring=$folder/ubuntu/usr/share/keyrings/ubuntu-archive-keyring.gpg
    [ -e "$keyring" ] && return
    /usr/lib/apt/apt-helper download-file "$ubuntu/pool/main/u/ubuntu-keyring/$package" "$folder/$package" \
        "SHA256:$package_checksum" && dpkg-deb --extract "$folder/$package" "$folder/ubuntu"
}

make_root() {
    case $1 in
        bookworm | trixie) mmdebstrap --quiet --variant=apt --include="$packages" "$1" "$root" ;;
        noble | resolute)
            fetch_keyring && mmdebstrap --quiet --variant=apt --include="$packages" --components=main,universe \
                --keyring="$keyring" "$1" "$root" "$ubuntu"
            ;;
        *) echo "error: $1: allowed are bookworm, trixie, noble and resolute" >&2 && exit 1 ;;
    esac
}

# Mounts are seen by the command alone, and end with it: to delete the system deletes nothing of this machine.
enter() {
    root=$root share=${SHARE:-} unshare --mount --pid --fork sh -euc '
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt $share; do
            [ -d "$path" ] && mkdir -p "$root$path" || touch "$root$path"
            mount --bind "$path" "$root$path"
        done
        exec chroot "$root" env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -euc "$1"' sh "$1"
}

packages=git,make,python3,ca-certificates
for suite in "${@:-bookworm}"; do
    root=$folder/$suite
    rm -rf --one-file-system "$root"
    mkdir -p "$folder"
    { make_root "$suite" && enter true; } || { echo "$suite: this machine cannot make such a system" >&2 && exit 3; }
    git clone --quiet . "$root/covidseg"
    enter "cd /covidseg; python3 --version; $commands" || { echo "$suite: failed; see $root" >&2 && exit 1; }
    echo "$suite: done"
    rm -rf --one-file-system "$root"
done
