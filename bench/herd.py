"""Everybody at once: ten thousand join a map of 50,000 seats, and later are all dropped and all come back.

    .venv/bin/python -m bench.herd --viewers 10000 --seats 50000

The seats are half sold at random, which compresses worst; viewers offer permessage-deflate as browsers do.
The dropped come back at the same moment, without the random pause of a real client, each with the position at
which it began, while seats go on changing; with `--tokens` each to its own session, which Redis is asked
about. One is back with its first frame of the map, and right if in the end its map, worked out from the
frames it got before and after, is that of a fresh snapshot. Redis' commands and transactions of PostgreSQL
are those that their own statistics count.

Beside it stands the limit of a join: a program in C that accepts, answers and sends as many bytes, and does
nothing else (bench/c/welcome.c).
"""

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis import Redis

from bench import report, rig, viewers
from bench.compiler import compiled
from bench.rig import Holdfast, Stand
from bench.sale import Sale
from bench.viewers import Story
from bench.watchers import OPENED, STARTED, Watchers, server_frame, watching
from tests.support.processes import free_port

COMMAND = "make bench-herd"
JOINS_GOAL, SNAPSHOT_GOAL, BACK_GOAL = 5000, 20 * 1024, 5.0
HERD_SHARE = 0.1  # commands a returning viewer, above which it is a herd on Redis
CHANGES = 20.0
AT_ONCE = 2000
USUAL_SECONDS = 3.0
TRANSACTIONS = "transactions"


def asked(stand: Stand) -> Counter[str]:
    """Commands that Redis has run, by name, and transactions that PostgreSQL has ended, so far."""
    with Redis.from_url(stand.environment["REDIS_URL"]) as redis:
        stats = redis.info("commandstats")
    found = Counter({name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()})
    found[TRANSACTIONS] = asyncio.run(_transactions(stand.environment["DATABASE_URL"]))
    return found


async def _transactions(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
        found: int = await connection.fetchval(query)
        return found
    finally:
        await connection.close()


def joining(watchers: Watchers, server: Holdfast, result: report.Result, number: int) -> Story:
    """All join, as fast as they are let in."""
    rig.say(f"{number} viewers join")
    used, began = server.cpu(), time.monotonic()
    watchers.opens(number)
    joined = watchers.joined(number + 1, viewers.JOINED, 60)
    took, spent = time.monotonic() - began, server.cpu() - used
    story = viewers.story(watchers.story())
    snapshots = {
        frame.wire
        for frame, message in zip(story.log.frames.values(), story.messages.values(), strict=True)
        if message["type"] == "snapshot"
    }
    rate, wire = number / spent, max(snapshots)
    result.add(
        "viewers joining a map",
        f"{rate:,.0f}/s a core",
        f"≥ {JOINS_GOAL:,}/s a core",
        reached=rate >= JOINS_GOAL and joined.open == number + 1,
        note=f"{joined.open - 1:,} of {number:,} joined in {took:.1f} s; {1e6 * spent / number:.0f} µs each",
    )
    result.add(
        "snapshot on the wire",
        f"{wire / 1024:.1f} KB",
        f"≤ {SNAPSHOT_GOAL // 1024} KB",
        reached=wire <= SNAPSHOT_GOAL,
        note="half of the seats sold at random, deflated",
    )
    own = f"{100 * joined.cpu / took:.0f} % of the other core"
    result.add("the watchers' own cost", own)
    result.facts |= {"joins_per_second_of_cpu": rate, "snapshot_bytes": wire, "join_seconds": took}
    return story


def limit(story: Story, number: int) -> float:
    """Seconds of processor for a join where nothing is done but what the kernel has to."""
    sizes = [story.log.frames[frame].wire for frame, _ in story.log.events[0] if frame > 0]
    rig.say(f"{number} viewers join a program in C")
    with tempfile.TemporaryDirectory(prefix="holdfast-limit-") as folder:
        answer, port = Path(folder) / "answer", free_port()
        answer.write_bytes(b"".join(map(server_frame, sizes[: viewers.JOINED])))
        command = [str(compiled("welcome")), str(port), str(answer)]
        program = rig.Program(command, core=rig.SERVER_CORE, log=Path(folder) / "log")
        try:
            return _joins_cost(program, port, number)
        finally:
            program.stop()


def _joins_cost(program: rig.Program, port: int, number: int) -> float:
    with watching(port, viewers.request(port, deflate=True)) as watchers:
        watchers.says(viewers.joins("hall"))
        deadline = time.monotonic() + rig.START_SECONDS
        while not watchers.stats().open and time.monotonic() < deadline:
            watchers.opens(1, first=number)  # until it listens
            watchers.wait(viewers.JOINED, 1)
        used = program.cpu()
        watchers.opens(number)
        joined = watchers.wait(viewers.JOINED, 60)
        return (program.cpu() - used) / max(1, joined.open - 1)


def told_of_limit(result: report.Result, seconds: float) -> None:
    """Its row in the table."""
    text = f"{1 / seconds:,.0f}/s a core"
    result.add(
        "the same of a program in C that sends as many bytes", text, note=f"{1e6 * seconds:.0f} µs each"
    )
    result.facts["limit_seconds"] = seconds


@dataclass
class Return:
    """When all were dropped, what that cost the server's core (s), and what was asked beyond the usual."""

    dropped: float
    cpu: float
    asked: Counter[str]


def coming_back(stand: Stand, watchers: Watchers, server: Holdfast, sale: Sale, number: int) -> Return:
    """Drop them all and let them all come back."""
    before, began = asked(stand), time.time()
    sale.runs(CHANGES, USUAL_SECONDS)
    between, usual = asked(stand), time.time() - began
    rig.say(f"{number} sockets are dropped at once and come back")
    used, dropped = server.cpu(), time.time()
    watchers.drop(0, number)
    watchers.opens(number, at_once=AT_ONCE)
    sale.runs(CHANGES, USUAL_SECONDS)
    watchers.wait(viewers.JOINED, 60)
    spent, after, took = server.cpu() - used, asked(stand), time.time() - dropped
    share = took / usual
    more = {name: after[name] - between[name] - share * (between[name] - before[name]) for name in after}
    return Return(dropped, spent, Counter({name: max(0, round(count)) for name, count in more.items()}))


def backs(story: Story, number: int, dropped: float) -> list[float]:
    """Seconds from the drop to the first frame of the map of each that came back."""
    found = []
    for watcher in range(number):
        opened = [when for what, when in story.log.events.get(watcher, ()) if what in {STARTED, OPENED}]
        since = opened[-1] if opened else float("inf")
        first = next((when for when, _ in story.told(watcher) if when >= since), None)
        if first is not None:
            found.append(first - dropped)
    return found


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--seats", type=int, default=50_000)
    parser.add_argument("--tokens", action="store_true", help="the dropped come back to their sessions")
    options = parser.parse_args()
    if options.quick:
        options.viewers, options.seats = 100, 2000
    number = options.viewers
    result = report.Result("herd", COMMAND)
    with rig.stand() as stand:
        rig.say(f"putting {options.seats} seats on sale")
        stand.hall("hall", options.seats, sold=0.5)
        stand.hall("other", 1000)
        with (
            stand.holdfast() as server,
            watching(server.port, viewers.request(server.port, deflate=True)) as watchers,
        ):
            watchers.logs(True)
            watchers.says(viewers.joins("hall"))
            watchers.opens(1, first=number)  # the first one has the server load the map
            watchers.joined(1, viewers.JOINED, 20)
            first = joining(watchers, server, result, number)
            start = first.replica(0)
            sale = Sale(server.port, "hall", options.seats, buyers=10, only=free_seats(start))
            sale.opens()
            token = viewers.TOKEN if options.tokens else None
            watchers.says(viewers.joins("hall", (start.epoch, start.version), token=token))
            found = coming_back(stand, watchers, server, sale, number)
            watchers.settles()
            watchers.says(viewers.joins("hall"))
            watchers.opens(1, first=number + 1)
            last = watchers.wait(viewers.JOINED, 20)
            story = viewers.story(watchers.story())
    told_of_limit(result, limit(first, number))
    fresh = story.replica(number + 1)
    wrong = story.wrong(range(number), fresh, start)
    back = backs(story, number, found.dropped)
    slowest = max(back, default=float("inf"))
    right = number - len(wrong)
    result.add(
        "all dropped at once: back and right",
        f"{min(right, len(back)):,} of {number:,} in {slowest:.1f} s",
        f"all within {BACK_GOAL:.0f} s",
        reached=right == len(back) == number and slowest <= BACK_GOAL,
        note=f"half within {rig.percentile(back, 0.5):.1f} s; {1e6 * found.cpu / number:.0f} µs of processor "
        f"each; {last.failed} handshakes failed",
    )
    transactions = found.asked.pop(TRANSACTIONS)
    commands = sum(found.asked.values())
    most = ", ".join(f"{name} {count:,}" for name, count in found.asked.most_common(3) if count)
    result.add(
        "what their return asks of Redis and PostgreSQL",
        f"{commands:,} commands, {transactions:,} transactions",
        "no herd",
        reached=max(commands, transactions) <= HERD_SHARE * number,
        note=f"beyond what was asked in as many seconds before: {most or 'nothing'}",
    )
    result.facts |= {
        "back_seconds": slowest, "wrong": len(wrong), "return_cpu": found.cpu, "asked": dict(found.asked),
        "transactions": transactions,
    }  # fmt: skip
    report.finish(result, options)


def free_seats(map_: viewers.Replica) -> list[int]:
    """Those that can be had."""
    return [index for index, free in enumerate(map_.available) if free]


if __name__ == "__main__":
    main()
