#!/bin/sh
# The long forms of the suite's proofs, one after the other: about an hour on two idle cores. docs/payments-proofs.md
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

MODEL_EXAMPLES="${MODEL_EXAMPLES:-2500}" pytest -n 0 -q tests/model
KILL_EVERY="${KILL_EVERY:-1}" pytest -n 2 -q tests/payments/test_kill_points.py tests/payments/test_crashes.py \
  tests/payments/test_approval_crashes.py tests/bookings/test_changes_crashes.py
FAULT_SEEDS="${FAULT_SEEDS:-200}" pytest -n 2 -q tests/payments/test_stripe_faults.py
PERMUTATIONS="${PERMUTATIONS:-120}" pytest -n 0 -q tests/payments/test_permutations.py
DEADLINE_STEP="${DEADLINE_STEP:-1}" pytest -n 0 -q tests/payments/test_deadline_grid.py
RACE_ROUNDS="${RACE_ROUNDS:-20}" pytest -n 0 -q tests/whole/test_two_processes.py
BENCHES=1 pytest -n 0 -q tests/bench
