#!/bin/sh
# All tests: JavaScript's, Python's under coverage, the browser's. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
# What one process has compiled the next need not: some machines forbid it by default, and a start takes 5 s there, not 1½.
unset PYTHONDONTWRITEBYTECODE
CHROME="$(python scripts/browser.py)"
export CHROME

# A clean checkout has nothing compiled: once for all workers, beside what is not Python, and not by each of them.
[ -d tests/__pycache__ ] || python -m pytest -n 0 --collect-only -qq "$@" >/dev/null 2>&1 &
compiled=$!
if [ -n "$(find tests/js -name '*.test.*js' 2>/dev/null)" ]; then
    sh scripts/node.sh --test 'tests/js/**/*.test.*js'
fi
wait "$compiled" || true
coverage erase
failed=0
if ! coverage run -m pytest -n 4 --dist worksteal "$@"; then
    # Machines are shared: what fails beside others has one more try alone. What fails twice is a failure.
    echo "=== once more, alone: the tests named above ==="
    coverage run -m pytest -n 0 --last-failed --last-failed-no-failures none "$@" || failed=1
fi
coverage combine -q
coverage report || failed=1
exit "$failed"
