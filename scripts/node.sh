#!/bin/sh
# Runs the Node that Playwright brings: the JavaScript tests need no other.
set -eu
root="$(cd "$(dirname "$0")/.." && pwd)"
node="$("$root/.venv/bin/python" -c 'import pathlib, playwright; print(pathlib.Path(playwright.__file__).parent / "driver" / "node")')"
exec "$node" "$@"
