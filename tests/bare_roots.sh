#!/bin/sh
# Run the README's commands in bare systems: only git, make, and what the README names. Not part of `make test`.
#
#   sh tests/bare_roots.sh [bookworm] [trixie] [noble] [resolute]   Debian 12 and 13, Ubuntu 24.04 and 26.04
#
# COMMANDS="make demo && make quick"   what is run
# FOLDER=/var/tmp/bare_roots           place of the systems; one takes up to 10 GB, and is deleted after a success
# SHARE="/folder /folder"              folders of this machine to see in the systems, of wheels for example
# KEYRING=/path/to/keyring.gpg         of Ubuntu, where the package ubuntu-keyring is not installed
#
# Needs root, Linux, and the packages mmdebstrap and ca-certificates. Variables PIP_... hold in the systems too.
set -eu
cd "$(dirname "$0")/.."
folder=${FOLDER:-/var/tmp/bare_roots}
commands=${COMMANDS:-make demo && make quick}
keyring=${KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}

make_root() {
    case $1 in
        bookworm | trixie) mmdebstrap --quiet --variant=apt --include="$packages" "$1" "$root" ;;
        noble | resolute)
            mmdebstrap --quiet --variant=apt --include="$packages" --components=main,universe \
                --keyring="$keyring" "$1" "$root" http://archive.ubuntu.com/ubuntu
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
    make_root "$suite"
    git clone --quiet . "$root/covidseg"
    enter "cd /covidseg; python3 --version; $commands" || { echo "$suite: failed; see $root" >&2 && exit 1; }
    echo "$suite: done"
    rm -rf --one-file-system "$root"
done
