"""A storm of Stripe's events on one server process: how fast they are acknowledged and worked off.

    .venv/bin/python -m bench.webhooks --rate 500 --copies 3 --seconds 30

`--rate` different events a second, each delivered `--copies` times, all shuffled. A Redis, a PostgreSQL (with
fsync) and `holdfast run`, all real, share one core; the suite's Stripe and whoever delivers share the other.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from scripts.sell_real_hall import holdfast, servers
from tests.fake_stripe import FakeStripe
from tests.payments.webhooks.sender import Answers, Sender
from tests.payments.webhooks.storm import environment, shuffled, storm_on
from tests.support.processes import Process

OURS, THEIRS = {0}, {1}


def deliver(port: int, secret: str, bodies: list[bytes], rate: float) -> tuple[Answers, float]:
    """In a process of its own, so that answers are timed when they come."""

    async def run() -> tuple[Answers, float]:
        sender = Sender(port, secret, lines=512)
        await sender.open()
        took = await sender.deliver_all(bodies, rate)
        sender.close()
        return sender.answers, took

    os.sched_setaffinity(0, THEIRS)
    return asyncio.run(run())


def cpu_of(needle: str, beside: str = "") -> float:
    """Seconds of processor that all processes have used whose command line or folder says so."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if needle in line and beside in f"{(entry / 'cwd').readlink()} {line}":
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return total


def used(state: Path) -> dict[str, float]:
    """Seconds of processor by what used them."""
    return {"server": cpu_of("-m server run"), "PostgreSQL": cpu_of("postgres", str(state))}


async def measure(around: dict[str, str], state: Path, options: argparse.Namespace) -> None:
    """One storm, and what came of it."""
    count = options.rate * options.seconds
    os.sched_setaffinity(0, THEIRS)
    async with FakeStripe.serving() as stripe:
        os.sched_setaffinity(0, OURS)  # for the process that starts now
        async with Process({**around, **environment(stripe)}, state / "server.log") as process:
            os.sched_setaffinity(0, THEIRS)
            async with storm_on(process.base_url, around["DATABASE_URL"], stripe) as storm:
                await storm.sells(options.payments)
                began = time.perf_counter()
                await storm.books(options.payments)
                print(f"{options.payments} booked in {time.perf_counter() - began:.0f} s")
                await storm.pays()
                bodies = shuffled(storm.bodies(count), options.copies)
                size = sum(map(len, bodies)) / len(bodies)
                before = used(state)
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    answers, took = await asyncio.get_running_loop().run_in_executor(
                        pool,
                        deliver,
                        process.port,
                        stripe.webhook_secret,
                        bodies,
                        options.rate * options.copies,
                    )
                ended = time.perf_counter()
                await storm.drained()
                drained = time.perf_counter() - ended
                after = used(state)
                effects = await storm.effects()
    cuts = [1000 * cut for cut in statistics.quantiles(answers.seconds, n=100)]
    print(f"{len(bodies)} deliveries of {count} events ({size / 1024:.1f} KB) in {took:.1f} s")
    print(f"answered {dict(answers.statuses)}, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, ", end="")
    print(f"max {1000 * max(answers.seconds):.0f} ms; drained {drained:.1f} s after the last")
    for name, seconds in after.items():
        spent = seconds - before[name]
        print(f"{name}: {spent:.1f} s of processor, {1e6 * spent / len(bodies):.0f} us a delivery")
    print(f"effects of {options.payments} payments: {effects}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=500, help="different events a second")
    parser.add_argument("--copies", type=int, default=3, help="how often each is delivered")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--payments", type=int, default=1500, help="that the events are about")
    options = parser.parse_args()
    os.sched_setaffinity(0, OURS)  # PostgreSQL and Redis inherit it
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as around:
        holdfast("migrate", environment=around)
        asyncio.run(measure(around, Path(folder), options))


if __name__ == "__main__":
    main()
