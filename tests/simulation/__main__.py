"""`python -m tests.simulation --seeds 10000` runs many, `--seed 17` one, with all that happened in it."""

import argparse
import sys
import time
from typing import TextIO

from tests.simulation.story import Failed, tell

SAYS_EVERY = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, with its trace")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return _one(chosen.seed)
    return _many(chosen.first, chosen.seeds)


def _say(text: str, to: TextIO = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


def _one(seed: int) -> int:
    try:
        told = tell(seed)
    except Failed as failed:
        _say(failed.text)
        _say(str(failed).partition("\n")[0])
        return 1
    _say(told.text())
    _say(f"seed {seed}: {told.seconds:.1f} s, {told.faults} faults, {told.digest}")
    return 0


def _many(first: int, count: int) -> int:
    failed, began = [], time.process_time()
    for done, seed in enumerate(range(first, first + count), start=1):
        try:
            tell(seed)
        except Failed as failure:
            failed.append(seed)
            _say(str(failure))
        if done % SAYS_EVERY == 0:
            spent = time.process_time() - began
            _say(f"{done} of {count} seeds, {len(failed)} failed, {spent:.0f} s of CPU", sys.stderr)
    _say(f"{count} seeds from {first}: {len(failed)} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
