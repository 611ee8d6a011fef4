"""Drivers race for overlapping ranges of driveways: whether any overlap, and how fast they are served.

    .venv/bin/python -m bench.driveways --drivers 500 --driveways 20 --seconds 60

Two `holdfast run` on one Redis and one PostgreSQL (with fsync), all real, on this machine, the drivers too.
Each holds a range of a day, and then gives it back, books, pays, is declined, cancels, or does two at once.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from scripts.sell_real_hall import holdfast, processes, servers
from server.database.pool import Database
from tests.bookings.race import Race


async def measure(environment: dict[str, str], state: Path, options: argparse.Namespace) -> bool:
    """One race; whether no two ranges overlap."""
    database = await Database.connect(environment["DATABASE_URL"], size=4)
    async with processes(environment, state) as served:
        race = Race([each.base_url for each in served], database, seed=options.seed)
        await race.sells(options.driveways)
        ends = time.monotonic() + options.seconds
        await race.runs(options.drivers, lambda _tried: time.monotonic() < ends, think=options.think)
        await race.settles()
        overlaps = await race.overlaps()
        show(race, options.seconds)
        print(f"bookings: {await race.standing()}")
        print(f"overlapping ranges: {overlaps}")
        await database.close()
    return overlaps == 0


def show(race: Race, seconds: float) -> None:
    """The figures as a table."""
    for name, count in sorted(race.figures.outcomes.items()):
        print(f"{count:8} {count / seconds:8.1f}/s  {name}")
    for name, taken in sorted(race.figures.seconds.items()):
        cuts = [1000 * cut for cut in statistics.quantiles([0, *taken], n=100)]
        print(f"{name}: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms")


def main() -> None:
    """The command line; exit status 1 where anything overlaps or the audit finds something."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--drivers", type=int, default=500)
    parser.add_argument("--driveways", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=5, help="seconds before each try, on average")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as environment:
        holdfast("migrate", environment=environment)
        apart = asyncio.run(measure(environment, Path(folder), options))
        holdfast("audit", environment=environment)
    sys.exit(0 if apart else 1)


if __name__ == "__main__":
    main()
