"""`python -m tests.simulation.mistakes` looks for the rare mistakes of bugs.py until a seed finds each.

They need a meeting that few seeds have, and other seeds whenever anything is changed: so it takes minutes
of a processor, and no run of the tests waits for it. Exit 1 if any was not found.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterable
from typing import Final

from tests.simulation.bugs import BUGS, RARE, Bug
from tests.simulation.story import Failed, tell

ALL: Final[dict[str, tuple[Bug, str]]] = {
    bug.__name__: (bug, words) for bug, words in [*RARE.items(), *BUGS.items()]
}


def found_by(bug: Bug, words: str, seeds: Iterable[int]) -> int | None:
    """The first seed that says what it breaks; a story that fails in other words is raised."""
    with bug():
        for seed in seeds:
            try:
                tell(seed)
            except Failed as failed:
                if not re.search(words, str(failed.__cause__)):
                    raise
                return seed
    return None


def main() -> int:
    """Every rare one, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mistakes", description=__doc__)
    parser.add_argument("--only", default="", help=f"of {', '.join(ALL)}")
    parser.add_argument("--seeds", type=int, default=1000, help="how many at most, for each")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    asked = parser.parse_args()
    names = [name for name in asked.only.split(",") if name] or [bug.__name__ for bug in RARE]
    missed = 0
    for name in names:
        began = time.process_time()
        seed = found_by(*ALL[name], range(asked.first, asked.first + asked.seeds))
        how = f"not in {asked.seeds} seeds" if seed is None else f"by seed {seed}"
        missed += seed is None
        sys.stdout.write(f"{name}: {how}, {time.process_time() - began:.0f} s of CPU\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
