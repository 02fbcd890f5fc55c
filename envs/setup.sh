#!/bin/sh
# Create .venv with the pinned packages. Usage: sh envs/setup.sh <python> [cu126]
set -eu

python=$1
requirements=envs/requirements${2:+-$2}.txt
if [ ! -f "$requirements" ]; then
    echo "error: TORCH=$2: no $requirements; allowed: cu126, or nothing for CUDA 13" >&2
    exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
case $version in
    3.11 | 3.12) ;;
    *)
        echo "error: Python 3.11 or 3.12 is needed, '$python' is $version; try make PYTHON=/path/to/python3.12" >&2
        exit 1
        ;;
esac

# Debian and Ubuntu have a separate package for the part of Python that makes virtual environments.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    install="apt-get install --yes python$version-venv"
    if [ "$(id -u)" != 0 ]; then
        echo "error: '$python' cannot make virtual environments; run: sudo $install" >&2
        exit 1
    fi
    apt-get update
    $install
fi

echo "Setting up .venv with Python $version; this takes some minutes the first time."
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --disable-pip-version-check --quiet --requirement "$requirements"
