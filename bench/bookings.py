"""Bookings from hold to confirmed with the sandbox provider: how many a second, and what each of them costs.

    .venv/bin/python -m bench.bookings --rate 300 --seconds 10

`--rate` buyers a second (0: as fast as `--lines` of them can) do as their pages do, over HTTP/1.1 that is
kept alive: hold a seat, book it, pay it in the sandbox, and hear that it is confirmed. Each has a session of
its own, opened beforehand. Redis, PostgreSQL (with fsync) and one `holdfast run`, all real, are on this
machine, the buyers in a process of their own. That a booking is confirmed they hear on Redis, where sockets
hear it from.

Then, beside it and in the same servers, the least that this costs anybody (`bench/floor.py`): the same rows
by pgbench, and as many requests to a uvicorn that does nothing.
"""

import argparse
import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import asyncpg

from bench import floor, report, rig
from bench.paying import HALL, Figures, load, open_sessions
from scripts.sell_real_hall import holdfast
from server.database.pool import Database
from server.embedded.postgresql import PostgreSQL
from server.embedded.redis import Redis
from server.inventory.drafts import ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from tests.support.processes import Process

PRICE = 2500
SAMPLED = 0.05
# Of one statement in twenty PostgreSQL writes down how long it took.
OPTIONS = {
    "shared_preload_libraries": "pg_stat_statements",
    "log_min_duration_sample": "0",
    "log_statement_sample_rate": str(SAMPLED),
}
ENOUGH = 600
"""Bookings of which what they cost at least is measured."""

MAKES = "with patience"
"""How the statement begins that makes bookings, for as many as wait."""
_DURATION = re.compile(r"duration: ([0-9.]+) ms  (?:execute|statement|parse|bind)")


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process and all it started have used."""
    children: dict[int, list[int]] = {}
    times: dict[int, list[str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        times[int(entry.name)] = fields
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        total += sum(map(int, times[one][11:15])) if one in times else 0
        todo += children.get(one, [])
    return total / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Machine:
    """The servers, and where to ask about them."""

    redis: Redis
    postgresql: PostgreSQL
    environment: Mapping[str, str]


@contextmanager
def machine(state: Path) -> Iterator[Machine]:
    """A Redis and a PostgreSQL that counts its statements."""
    kept, lasting = Redis(state / "redis"), PostgreSQL(state / "postgresql", options=OPTIONS)
    try:
        around = {
            **os.environ,
            "REDIS_URL": kept.start(),
            "DATABASE_URL": lasting.start(),
            "SECRET_KEY": "a-secret-of-this-bench-0123456789abcdef",
            "PAYMENTS": "sandbox",
            "RATE_COMMANDS": "0",
            "RATE_BOOKINGS": "0",
            "LOG_LEVEL": "warning",
        }
        yield Machine(kept, lasting, around)
    finally:
        kept.stop()
        lasting.stop()


async def sells(url: str, seats: int) -> None:
    """A hall with so many seats."""
    database = await Database.connect(url, size=2, command_seconds=60)
    inventory = Inventory(database)
    slots = tuple(SlotDraft(id=f"S-{n}", label=f"S-{n}", capacity=1, price=PRICE) for n in range(seats))
    await inventory.create(
        ResourceDraft(
            id=HALL,
            kind="seats",
            title="The sale",
            owner="owner",
            time_zone="Europe/Berlin",
            currency="eur",
            slots=slots,
        )
    )
    await inventory.close()
    await database.close()


async def measure(on: Machine, state: Path, options: argparse.Namespace) -> None:
    """One sale, and what it took."""
    count = options.bookings or int(options.rate * options.seconds)
    url = on.environment["DATABASE_URL"]
    await sells(url, count + options.warm)
    asking = await asyncpg.connect(url)
    await asking.execute("create extension pg_stat_statements")
    async with Process(on.environment, state / "server.log") as process:
        server = child_of(process)
        sessions = await open_sessions(process.port, count + options.warm)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            buy = partial(load, process.port, on.environment["REDIS_URL"])
            run = partial(asyncio.get_running_loop().run_in_executor, pool)
            await run(partial(buy, sessions[: options.warm], first=0, rate=0, lines=16))
            await asking.execute("select pg_stat_statements_reset()")
            logged = on.postgresql.log.stat().st_size
            pids = {"server": server, "PostgreSQL": on.postgresql.pid, "Redis": on.redis.pid}
            before = {name: cpu_of(pid) for name, pid in pids.items()}
            if options.wait:
                print(f"server {server}", flush=True)
            rest = sessions[options.warm :]
            done = await run(partial(buy, rest, first=options.warm, rate=options.rate, lines=options.lines))
            used = {name: cpu_of(pid) - before[name] for name, pid in pids.items()}
        statements = await asking.fetch(
            "select query, calls, total_exec_time as ms, max_exec_time as most, total_plan_time as planned"
            " from pg_stat_statements order by calls desc"
        )
        confirmed = await asking.fetchval("select count(*) from booking where status = 'confirmed'")
        print((state / "server.log").read_text()[-2000:], end="")
    await asking.close()
    show(done, count, used)
    least = await least_of(on, statements, count)
    result = result_of(done, count, used, confirmed - options.warm)
    times = [
        float(each) for each in _DURATION.findall(on.postgresql.log.read_text(errors="replace")[logged:])
    ]
    p95 = rig.percentile(times, 0.95)
    result.add("a statement of PostgreSQL", f"p95 {p95:.1f} ms", "p95 < 50 ms", reached=p95 < 50)
    compare(result, least)
    report.finish(result, options)
    print(f"confirmed in PostgreSQL: {confirmed} of {count + options.warm}; not heard of: {done.lost}")
    show_database(
        statements, count, on.postgresql.log.read_text(errors="replace")[logged:], options.statements
    )


@dataclass(frozen=True)
class Least:
    """Milliseconds of processor for a booking: of PostgreSQL for its rows (None: no pgbench), of uvicorn."""

    rows: float | None
    at_once: int
    requests: float


async def least_of(on: Machine, statements: Sequence[asyncpg.Record], count: int) -> Least:
    """What nobody could do with less, of as many bookings at once as there were."""
    calls = sum(row["calls"] for row in statements if row["query"].startswith(MAKES))
    at_once = max(1, round(count / calls)) if calls else 1
    some = min(count, ENOUGH)
    rows = await floor.rows(
        on.environment["DATABASE_URL"], count=some, at_once=at_once, cpu=lambda: cpu_of(on.postgresql.pid)
    )
    requests = await floor.requests(some)
    return Least(None if rows is None else 1000 * rows, at_once, 1000 * requests / some)


def compare(result: report.Result, least: Least) -> None:
    """What of it is the rows' and the requests' own."""
    if least.rows is not None:
        said = f"PostgreSQL {least.rows:.1f} ms"
        note = f"no reading, as many bookings at once as ours had, {least.at_once}"
        result.add("the same rows and commits, by pgbench", said, note=note)
    said = f"server {least.requests:.2f} ms"
    result.add(
        "three requests to a uvicorn that does nothing", said, note="with Starlette; no Redis, no PostgreSQL"
    )
    result.facts |= {
        "floor_rows_ms": least.rows,
        "floor_requests_ms": least.requests,
        "at_once": least.at_once,
    }


def unit() -> float:
    """Milliseconds of processor for a million additions: what this machine's are worth just now."""
    began = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number
    return 1000 * (time.process_time() - began)


def child_of(process: Process) -> int:
    child = process._child  # noqa: SLF001  # whose processor time is measured
    assert child is not None
    return child.pid


def result_of(done: Figures, count: int, used: Mapping[str, float], confirmed: int) -> report.Result:
    """What was measured, beside what docs/performance.md asks for."""
    result = report.Result("bookings", "make bench-bookings")
    rate, each = confirmed / done.took, 1000 * used["server"] / count
    result.add("hold → paid → confirmed", f"{rate:,.0f}/s", "≥ 300/s", reached=rate >= 297)
    others = ", ".join(f"{name} {1000 * used[name] / count:.1f} ms" for name in ("PostgreSQL", "Redis"))
    result.add("processor of the server for each", f"{each:.1f} ms", "≤ 2 ms", reached=each <= 2, note=others)
    answers = [1000 * second for seconds in done.routes.values() for second in seconds]
    p95, whole = rig.percentile(answers, 0.95), 1000 * rig.percentile(done.whole, 0.95)
    result.add("an answer over HTTP", f"p95 {p95:.0f} ms", "p95 < 200 ms", reached=p95 < 200)
    result.add("a booking, end to end", f"p95 {whole:.0f} ms", "< 2 s", reached=whole < 2000)
    result.facts = {"per_second": rate, "server_ms": each, "http_p95_ms": p95, "whole_p95_ms": whole}
    return result


def show(done: Figures, count: int, used: Mapping[str, float]) -> None:
    """Rate, cost and times."""
    print(f"{count} bookings in {done.took:.1f} s: {count / done.took:.0f}/s")
    spent = ", ".join(f"{name} {1000 * seconds / count:.2f}" for name, seconds in used.items())
    print(f"processor for each (ms): {spent}; a million additions {unit():.0f} ms")
    for name, seconds in {**done.routes, "hold to confirmed": done.whole}.items():
        print(f"{name}: {cuts([1000 * each for each in seconds])}")


def show_database(statements: Sequence[asyncpg.Record], count: int, log: str, lines: int) -> None:
    """How often PostgreSQL was asked for each booking, and how long that took."""
    calls = sum(row["calls"] for row in statements)
    print(f"statements for each: {calls / count:.1f}, {sum(row['ms'] for row in statements) / count:.2f} ms")
    print(f"a statement: {cuts([float(each) for each in _DURATION.findall(log)])}")
    for row in statements[:lines]:
        said = " ".join(row["query"].split())[:110]
        print(f"{row['calls'] / count:7.2f} {row['ms'] / row['calls']:7.3f} ms {row['most']:8.1f}  {said}")


def cuts(milliseconds: Sequence[float]) -> str:
    """Percentiles in words."""
    found = statistics.quantiles([*milliseconds, *milliseconds[:1]] or [0.0, 0.0], n=100)
    return f"p50 {found[49]:.1f} ms, p95 {found[94]:.1f} ms, p99 {found[98]:.1f} ms"


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--rate", type=float, default=300, help="bookings a second; 0: as fast as they can")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--bookings", type=int, default=0, help="how many, instead of --seconds")
    parser.add_argument("--lines", type=int, default=64, help="buyers at once")
    parser.add_argument("--warm", type=int, default=100, help="bookings before the measurement")
    parser.add_argument(
        "--statements", type=int, default=0, help="how many of PostgreSQL's statements to list"
    )
    parser.add_argument("--wait", action="store_true", help="print the server's pid, for a profiler")
    options = parser.parse_args()
    if options.quick:
        options.rate, options.seconds, options.warm = 10, 1, 4
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, machine(Path(folder)) as on:
        holdfast("migrate", environment=dict(on.environment))
        asyncio.run(measure(on, Path(folder), options))


if __name__ == "__main__":
    main()
