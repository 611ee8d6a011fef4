"""`python -m tests.teeth [--only NAME[,NAME]] [--jobs N] [--list]`: exit 1 if a planted bug survives."""

import argparse
import sys
import time
from typing import TextIO

from tests.teeth.bugs import BUGS
from tests.teeth.run import clean, hunt, table


def say(text: str, stream: TextIO = sys.stderr) -> None:
    """A line, at once."""
    stream.write(f"{text}\n")
    stream.flush()


def main() -> int:
    """Everything, or the bugs asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.teeth", description=__doc__)
    parser.add_argument("--only", default="", help="names of bugs, parted by commas")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--list", action="store_true", help="say what there is, and do nothing")
    asked = parser.parse_args()
    names = [name for name in asked.only.split(",") if name]
    unknown = sorted(set(names) - {bug.name for bug in BUGS})
    if unknown:
        parser.error(f"no bug is named {', '.join(unknown)}; --list names them")
    bugs = [bug for bug in BUGS if not names or bug.name in names]
    if asked.list:
        say("\n".join(f"{bug.name}  ({' '.join(bug.breaks)})" for bug in bugs), sys.stdout)
        return 0
    began = time.monotonic()
    say(f"{len(bugs)} bugs; first every check without one")
    for report in (broken := clean(bugs, asked.jobs, say)):
        say(f"{report.test} fails without any bug, at its {report.when}:\n{report.text}")
    if broken:
        return 1
    verdicts = hunt(bugs, asked.jobs, say)
    survivors = [verdict for verdict in verdicts if not verdict.caught]
    say(table(verdicts), sys.stdout)
    say(f"{len(bugs) - len(survivors)} of {len(bugs)} caught in {time.monotonic() - began:.0f} s", sys.stdout)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
