#!/bin/sh
# Rewrites the hashed locks from pyproject.toml. For maintainers: needs uv on PATH.
# The locks hold names, versions and hashes, and no address, so that they install from any mirror.
set -eu
cd "$(dirname "$0")/.."

compile() {
    lock="requirements/$1.txt"
    shift
    uv pip compile pyproject.toml --extra demo --group build "$@" --universal --python-version 3.11 \
        --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -q -o "$lock"
    if grep -n '://' "$lock"; then
        echo "$lock holds an address" >&2
        exit 1
    fi
}

compile demo "$@"
compile dev --group dev "$@"
