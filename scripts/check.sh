#!/bin/sh
# Style, types and the rules of who imports whom. Changes nothing.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

ruff check .
ruff format --check .
mypy
lint-imports --no-logo
find static tests -name vendor -prune -o \( -name '*.js' -o -name '*.mjs' \) -print | while read -r file; do
    sh scripts/node.sh --check "$file"
done
