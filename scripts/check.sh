#!/bin/sh
# Style, types and the rules of who imports whom. Changes nothing.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

ruff check .
ruff format --check .
mypy & # the longest of them has a core of its own
types=$!
lint-imports --no-logo
node="$(sh scripts/node.sh --print process.execPath)"
find static tests -name vendor -prune -o \( -name '*.js' -o -name '*.mjs' \) -print0 | xargs -0 -n 1 -P 2 "$node" --check
wait "$types"
