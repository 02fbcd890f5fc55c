#!/bin/sh
# Create a virtual environment with the pinned packages. Usage: sh envs/setup.sh <python> [cu126] [folder]
# The folder is .venv if none is named.
set -eu

python=$1
venv=${3:-.venv}
requirements=envs/requirements${2:+-$2}.txt
if [ ! -f "$requirements" ]; then
    echo "error: TORCH=$2: no $requirements; allowed: cu126, or nothing for CUDA 13" >&2
    exit 1
fi
full=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo none)
version=${full%.*}
case $full in
    3.14.1) # torchvision names this version as the only one that it does not work with
        echo "error: Python 3.14.1 cannot be used, torchvision excludes it; install a later Python 3.14" >&2
        exit 1
        ;;
    3.11.* | 3.12.* | 3.13.* | 3.14.*) ;;
    *)
        echo "error: Python 3.11 to 3.14 is needed, '$python' is $version; try make PYTHON=/path/to/python3.13" >&2
        exit 1
        ;;
esac

# Debian and Ubuntu have a separate package for the part of Python that makes virtual environments.
missing=
"$python" -c 'import ensurepip' 2>/dev/null || missing=python$version-venv
# For Python 3.14 pip compiles two packages of which there are no wheels: immutables and pyjpegls.
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
if [ "$version" = 3.14 ]; then
    command -v g++ >/dev/null || missing="$missing g++"
    [ -f "$header" ] || missing="$missing python$version-dev"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: packages of the system are missing; run: sudo apt-get install --yes" $missing >&2
        exit 1
    fi
    apt-get update
    apt-get install --yes $missing
fi

echo "Setting up $venv with Python $version; this takes some minutes the first time."
"$python" -m venv --clear "$venv"
[ -z "${PIP_NO_INDEX:-}" ] || "$venv/bin/python" envs/wheels.py "$requirements" ${PIP_FIND_LINKS:-}
# uv installs in seconds, but does not read the settings of pip: with an index, a folder of wheels or constraints
# in these, uv would take other packages than pip.
install() {
    if command -v uv >/dev/null && ! "$venv/bin/python" -m pip config list | grep -qE 'index|find-links|constraint'; then
        uv pip install --quiet --python "$venv/bin/python" --index-strategy unsafe-best-match --requirement "$requirements"
    else
        "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$requirements"
    fi
}
install || {
    echo "error: the packages cannot be installed, the lines above say why; without internet: docs/offline.md" >&2
    exit 1
}
