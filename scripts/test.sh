#!/bin/sh
# All tests: JavaScript's, Python's under coverage, the browser's. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
CHROME="$(python scripts/browser.py)"
export CHROME

if [ -n "$(find tests/js -name '*.test.*js' 2>/dev/null)" ]; then
    sh scripts/node.sh --test 'tests/js/**/*.test.*js'
fi
coverage erase
failed=0
coverage run -m pytest -n 2 --dist worksteal "$@" || failed=1
coverage combine -q
coverage report || failed=1
exit "$failed"
