"""`python -m tests.torture`: torment Holdfast, and say whether it kept its promises.

make torture                                # the tier, in minutes
make torture ARGS='--only 2,5 --seed 7'     # cells 2 and 5 as that seed has them, in the tier's size
make torture ARGS=--every                   # every cell in that size
make torture ARGS=--long                    # 10,000 buyers, 1,000 seats, and a soak
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes import ROOT
from tests.torture import report
from tests.torture.matrix import SIZES, Cell, Outcome, Size, SizeName, matrix
from tests.torture.run import play_all
from tests.torture.street import open_ground

REPORT = ROOT / ".cache" / "torture"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--every", action="store_true", help="every cell, not the tier's alone")
    parser.add_argument("--full", action="store_true", help="1,000 buyers and 100 seats in every cell")
    parser.add_argument("--long", action="store_true", help="10,000 buyers, 1,000 seats, and the soak")
    parser.add_argument("--seed", type=int, default=None, help="of all chance; by itself a new one")
    parser.add_argument("--only", default="", help="cells by number or name: 2,5,redis_flushed")
    parser.add_argument("--report", type=Path, default=REPORT, help="where report.html and report.json go")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for logs and histories to stay in")
    parser.add_argument("--list", action="store_true", help="say which cells there are")
    return parser.parse_args(given)


def chosen(only: str, size: Size, *, every: bool = False) -> list[Cell]:
    """The cells that are asked for; else those of this size, or every one that does not take an hour."""
    wanted = {each.strip() for each in only.split(",") if each.strip()}
    any_of_them = every or (bool(wanted) and size.name == "tier")
    cells = [cell for cell in matrix() if size.name in cell.sizes or (any_of_them and "full" in cell.sizes)]
    if not wanted:
        return cells
    found = [cell for cell in cells if {str(cell.number), cell.name} & wanted]
    unknown = wanted - {name for cell in found for name in (str(cell.number), cell.name)}
    if unknown:
        sys.exit(f"no cell of this size is called {', '.join(sorted(unknown))}; --list names them")
    return found


def again(size: SizeName, seed: int, only: str, *, every: bool) -> str:
    """The command that plays the same."""
    given = [f"--seed {seed}", f"--{size}" if size != "tier" else "", f"--only {only}" if only else ""]
    given += ["--every"] if every else []
    return f"make torture ARGS='{' '.join(filter(None, given))}'"


def say(text: str) -> None:
    """Progress, for whoever waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def done(outcome: Outcome) -> None:
    """What came of a cell, in a few lines."""
    if outcome.not_here:
        say(f"    not on this machine: {outcome.not_here}")
        return
    say(f"    {'kept' if outcome.is_good else 'BROKEN'} in {outcome.seconds:.1f} s")
    for figure in outcome.figures:
        mark = {True: "✓", False: "✗", None: "·"}[figure.reached]
        say(f"    {mark} {figure.name}: {figure.value} {f'({figure.goal})' if figure.goal else ''}")
    for broken in outcome.violations:
        say(f"    {broken.promise} BROKEN: {broken.text}")
    if outcome.error:
        say("    " + outcome.error.replace("\n", "\n    "))


async def run(options: argparse.Namespace) -> int:
    """Play, report, and answer what the process exits with."""
    name: SizeName = "long" if options.long else "full" if options.full else "tier"
    size = SIZES[name]
    cells = chosen(options.only, size, every=options.every)
    if options.list:
        for cell in cells:
            sys.stdout.write(f"{cell.number:3} {cell.name:34} {cell.workload}: {cell.fault}\n")
        return 0
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool's troubles are what we are after
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    command = again(name, seed, options.only, every=options.every)
    say(f"{len(cells)} cells, seed {seed}; again: {command}")
    with tempfile.TemporaryDirectory(prefix="holdfast-torture-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        async with open_ground(Path(scratch)) as ground:
            outcomes = await play_all(
                cells, size, seed=seed, ground=ground, folder=folder, say=say, done=done
            )
    made = report.write(options.report, outcomes, seed=seed, command=command)
    broken = [outcome for outcome in outcomes if not outcome.is_good]
    away = sum(bool(outcome.not_here) for outcome in outcomes)
    kept = len(outcomes) - len(broken) - away
    cannot = f", {away} cannot be played on this machine" if away else ""
    say(f"{kept} of {len(outcomes)} cells kept every promise{cannot}; see {made}")
    return 1 if broken or not kept else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(arguments())))
