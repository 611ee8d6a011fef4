"""What a hold costs over a real socket, and how soon it is answered.

    .venv/bin/python -m bench.holds --sockets 2000 --rounds 2

One server process, a Redis and a PostgreSQL with files, all on this machine; a hall of 50,000 seats that
somebody watches. Each session holds a seat and gives it back, round after round: as many at once as
`--window` says for the cost, then evenly at `--rate` for the times. The cost is processor time of the server
and of Redis for each command, by the kernel's count; on two cores that are shared it says more than the wall.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from redis.asyncio import Redis

from bench import report
from bench.buyers import Answers, Buyer, Buyers, cpu_seconds, masked
from scripts.sell_real_hall import holdfast, servers
from tests.support.processes import Process

HALL = "hall"
SEATS = 50_000
RATE, P99 = 5000, 50.0  # DESIGN §9


class Bench:
    """A server process with its Redis and the hall's seats."""

    def __init__(self, server: int, redis: int, seats: list[str]) -> None:
        self.result = report.Result("holds", "make bench-holds")
        self._pids = (server, redis)
        self._seats = seats
        self._taken = 0

    def used(self) -> tuple[float, float]:
        """Processor seconds of the server and of Redis."""
        server, redis = map(cpu_seconds, self._pids)
        return server, redis

    def seat(self) -> str:
        """The next one in the hall."""
        self._taken += 1
        return self._seats[self._taken * 37 % len(self._seats)]

    def holds(self, buyers: list[Buyer]) -> Iterator[tuple[Buyer, bytes]]:
        """Each takes a seat."""
        for buyer in buyers:
            items = [[self.seat(), 1]]
            yield buyer, masked({"type": "hold", "ref": 1, "resource": HALL, "items": items})

    def releases(self, buyers: list[Buyer]) -> Iterator[tuple[Buyer, bytes]]:
        """Each gives it back."""
        for buyer in buyers:
            yield buyer, masked({"type": "release", "ref": 2, "hold": buyer.hold})

    def turns(self, buyers: list[Buyer]) -> Iterator[tuple[Buyer, bytes]]:
        """A hold, and the release of one made half a round before, by turns."""
        half = len(buyers) // 2
        for place, taking in enumerate(self.holds(buyers)):
            yield taking
            if place >= half:
                yield from self.releases([buyers[place - half]])
        yield from self.releases(buyers[len(buyers) - half :])

    def show(self, what: str, answers: Answers, before: tuple[float, float]) -> None:
        """One row."""
        server, redis = (now - then for now, then in zip(self.used(), before, strict=True))
        count = len(answers.took)
        print(
            f"{what:28} {count:6} in {answers.seconds:5.1f} s = {count / answers.seconds:6.0f}/s   "
            f"server {1e6 * server / count:5.0f} µs  Redis {1e6 * redis / count:4.0f} µs   "
            f"p50 {answers.ms(0.5):5.1f} ms  p99 {answers.ms(0.99):5.1f} ms",
            file=sys.stderr,
            flush=True,
        )
        rate, p99, timed = count / answers.seconds, answers.ms(0.99), what.endswith("releases/s")
        self.result.add(
            what,
            f"{rate:,.0f}/s, p50 {answers.ms(0.5):.1f} ms, p99 {p99:.1f} ms",
            goal=f"≥ {RATE:,}/s" if what == "hold" else f"p99 ≤ {P99:.0f} ms" if timed else "",
            reached=rate >= RATE if what == "hold" else p99 <= P99 if timed else None,
            note=f"each {1e6 * server / count:.0f} µs of the server, {1e6 * redis / count:.0f} µs of Redis",
        )
        if answers.refused:
            raise SystemExit(f"{len(answers.refused)} were refused, first {answers.refused[0]!r}")


def measure(port: int, bench: Bench, options: argparse.Namespace) -> None:
    """All figures."""
    watcher = Buyers(port, 1)
    watcher.connect()
    watched = {"type": "subscribe", "ref": 0, "channel": f"availability:{HALL}"}
    watcher.ask_all([(watcher.all[0], masked(watched))], 1)
    buyers = Buyers(port, options.sockets)
    before = bench.used()
    bench.show("join, a new session", buyers.connect(), before)
    for _ in range(options.rounds):
        before = bench.used()
        bench.show("hold", buyers.ask_all(bench.holds(buyers.all), options.window), before)
        buyers.listen(0.5)
        before = bench.used()
        bench.show("release", buyers.ask_all(bench.releases(buyers.all), options.window), before)
        buyers.listen(0.5)
    if options.rate:
        before = bench.used()
        answers = buyers.ask_evenly(bench.turns(buyers.all), 2 * options.rate)
        bench.show(f"{options.rate} holds and releases/s", answers, before)
    tokens = buyers.drop()
    buyers.listen(1.0)
    before = bench.used()
    bench.show("join again, all at once", buyers.connect(tokens), before)


async def run(around: dict[str, str], state: Path, options: argparse.Namespace) -> None:
    """One server process."""
    async with Process(around, state / "server.log") as process, httpx.AsyncClient() as client:
        hall = (await client.get(f"{process.base_url}/api/resources/{HALL}", timeout=30)).json()
        redis = Redis.from_url(around["REDIS_URL"])
        pid = (await redis.info("server"))["process_id"]
        await redis.aclose()
        bench = Bench(process.pid, pid, [slot["id"] for slot in hall["slots"]])
        measure(process.port, bench, options)
        report.finish(bench.result, options)


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--sockets", type=int, default=2000, help="sessions, each with one")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--window", type=int, default=500, help="commands unanswered at once")
    parser.add_argument("--rate", type=int, default=2500, help="holds a second for the times; 0 is none")
    options = parser.parse_args()
    if options.quick:
        options.sockets, options.rounds, options.rate = 50, 1, 50
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as around:
        holdfast("migrate", environment=around)
        made = ["--generate", "stadium", "--seats", SEATS, "--resource", HALL]
        print(holdfast("import", *map(str, made), environment=around), end="")
        asyncio.run(run(around, Path(folder), options))


if __name__ == "__main__":
    main()
