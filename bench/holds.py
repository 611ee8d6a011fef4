"""What a hold costs over a real socket, and how soon it is answered.

    .venv/bin/python -m bench.holds --sockets 2000 --rounds 3

A hall of 50,000 seats that somebody watches. Each session holds a seat and gives it back, round after round:
as many at once as `--window` says for the cost, then evenly at `--rate` for the times. The cost is processor
time of the server, and of Redis, for each command, less what the server uses when nobody asks for anything.
"""

import statistics
import time
from collections.abc import Iterator

from redis import Redis

from bench import report, rig
from bench.buyers import Answers, Buyer, Buyers, masked
from bench.rig import Holdfast

COMMAND = "make bench-holds"
HALL = "hall"
SEATS = 50_000
GOAL = 5_000
IDLE_SECONDS = 3.0
"""How long the server is watched at rest: what it uses by itself is no hold's cost."""


class Bench:
    """A server with its Redis and the hall's seats."""

    def __init__(self, server: Holdfast, redis: int) -> None:
        self._server = server
        self._redis = redis
        self._taken = 0
        self._idle = 0.0

    def used(self) -> tuple[float, float]:
        """Processor seconds of the server and of Redis."""
        return self._server.cpu(), rig.cpu_seconds(self._redis)

    def rests(self) -> None:
        """See what the server uses by itself."""
        before = self.used()[0]
        time.sleep(IDLE_SECONDS)
        self._idle = (self.used()[0] - before) / IDLE_SECONDS

    def holds(self, buyers: list[Buyer]) -> Iterator[tuple[Buyer, bytes]]:
        """Each takes the next seat there is."""
        for buyer in buyers:
            self._taken += 1
            items = [[f"s{self._taken * 37 % SEATS}", 1]]
            yield buyer, masked({"type": "hold", "ref": 1, "resource": HALL, "items": items})

    def releases(self, buyers: list[Buyer]) -> Iterator[tuple[Buyer, bytes]]:
        """Each gives it back."""
        for buyer in buyers:
            yield buyer, masked({"type": "release", "ref": 2, "hold": buyer.hold})

    def microseconds(self, what: str, answers: Answers, before: tuple[float, float]) -> tuple[float, float]:
        """The server's and Redis' for each command; say them."""
        server, redis = (now - then for now, then in zip(self.used(), before, strict=True))
        count = len(answers.took)
        if answers.refused:
            raise SystemExit(f"{len(answers.refused)} were refused, first {answers.refused[0]!r}")
        costs = 1e6 * (server - self._idle * answers.seconds) / count, 1e6 * redis / count
        rig.say(
            f"{what:24} {count:6} in {answers.seconds:5.1f} s; server {costs[0]:5.0f} µs, "
            f"Redis {costs[1]:4.0f} µs; p50 {answers.ms(0.5):.1f} ms, p99 {answers.ms(0.99):.1f} ms"
        )
        return costs


def watch(port: int) -> Buyers:
    """Somebody who looks at the hall."""
    watcher = Buyers(port, 1)
    watcher.connect()
    watched = {"type": "subscribe", "ref": 0, "channel": f"availability:{HALL}"}
    watcher.ask_all([(watcher.all[0], masked(watched))], 1)
    return watcher


def pid_of(redis_url: str) -> int:
    """Redis' process."""
    with Redis.from_url(redis_url) as redis:
        return int(redis.info("server")["process_id"])


def measure(bench: Bench, port: int, result: report.Result, options: report.argparse.Namespace) -> None:
    """All figures."""
    watcher = watch(port)
    buyers = Buyers(port, options.sockets)
    before = bench.used()
    bench.microseconds("join, a new session", buyers.connect(), before)
    buyers.listen(1.0)
    bench.rests()
    takes, gives = [], []
    for _ in range(options.rounds):
        before = bench.used()
        takes.append(
            bench.microseconds("hold", buyers.ask_all(bench.holds(buyers.all), options.window), before)
        )
        buyers.listen(0.5)
        before = bench.used()
        gives.append(
            bench.microseconds("release", buyers.ask_all(bench.releases(buyers.all), options.window), before)
        )
        buyers.listen(0.5)
    hold, redis = (statistics.median(each[part] for each in takes) for part in (0, 1))
    before = bench.used()
    even = buyers.ask_evenly(bench.holds(buyers.all), options.rate)
    bench.microseconds(f"{options.rate} holds a second", even, before)
    watcher.listen(0.1)
    rate = 1e6 / max(hold, redis)
    result.add(
        "holds of one process, by processor time",
        f"{rate:,.0f}/s",
        f"≥ {GOAL:,}/s",
        reached=rate >= GOAL,
        note=f"{hold:.0f} µs of the server, {redis:.0f} µs of Redis; a release "
        f"{statistics.median(each[0] for each in gives):.0f} µs",
    )
    p99 = even.ms(0.99)
    result.add(
        f"answered, at {options.rate:,} holds/s",
        f"p50 {even.ms(0.5):.1f} ms, p99 {p99:.0f} ms",
        "p99 ≤ 50 ms",
        reached=p99 <= 50,
        note=f"{len(even.took) / even.seconds:,.0f}/s were answered",
    )
    result.facts = {"hold_us": hold, "redis_us": redis, "p99_ms": p99, "holds": takes, "releases": gives}


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--sockets", type=int, default=2000, help="sessions, each with one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=int, default=200, help="commands unanswered at once")
    parser.add_argument("--rate", type=int, default=GOAL // 2, help="holds a second for the times")
    options = parser.parse_args()
    if options.quick:
        options.sockets, options.rounds = 100, 1
    result = report.Result("holds", COMMAND)
    with rig.stand(RATE_COMMANDS="50") as stand:
        stand.hall(HALL, SEATS)
        with stand.holdfast() as server, rig.on_core(rig.LOAD_CORE):
            bench = Bench(server, pid_of(stand.environment["REDIS_URL"]))
            measure(bench, server.port, result, options)
    report.finish(result, options)


if __name__ == "__main__":
    main()
