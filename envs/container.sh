#!/bin/sh
# What both recipes of the container do, in a bare Debian 13: envs/Dockerfile and envs/covidseg.def.
# Usage: sh envs/container.sh [cu126]
set -eu
cd "$(dirname "$0")/.."
apt-get update
apt-get install --yes --no-install-recommends ca-certificates git make procps python3 python3-venv
PIP_NO_CACHE_DIR=1 sh envs/setup.sh python3 "${1:-}" /opt/covidseg
# A mounted checkout may belong to another user than the one in the container; git would refuse to read it.
git config --system --add safe.directory '*'
rm -rf /var/lib/apt/lists/*
