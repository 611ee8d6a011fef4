"""A storm of Stripe's events on one server process: how fast they are acknowledged and worked off.

    .venv/bin/python -m bench.webhooks --rate 500 --copies 3 --seconds 10

`--rate` different events a second, each delivered `--copies` times, all shuffled. A Redis, a PostgreSQL (with
fsync) and `holdfast run`, all real, share one core; the suite's Stripe and whoever delivers share the other.

The `--payments` that the events are about are booked beforehand, which takes its time: each costs some calls
by Stripe's own library, of three milliseconds of processor. So does each look at a payment by an event; all
that is due of one payment is one look.

It ends within `--most` seconds and a little: where a machine is too busy for all of it, there are fewer
payments, or fewer deliveries, or not all are worked off, and it says so.
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

from bench import rig
from scripts.sell_real_hall import holdfast, servers
from tests.fake_stripe import FakeStripe
from tests.payments.webhooks.sender import Answers, Sender
from tests.payments.webhooks.storm import Storm, environment, shuffled, storm_on
from tests.support.processes import Process

OURS, THEIRS = {0}, {1}


def deliver(
    port: int, secret: str, bodies: list[bytes], rate: float, seconds: float
) -> tuple[Answers, float]:
    """In a process of its own, so that answers are timed when they come."""

    async def run() -> tuple[Answers, float]:
        sender = Sender(port, secret, lines=512)
        await sender.open()
        took = await sender.deliver_all(bodies, rate, seconds)
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
    os.sched_setaffinity(0, THEIRS)
    async with FakeStripe.serving() as stripe:
        os.sched_setaffinity(0, OURS)  # for the process that starts now
        async with Process({**around, **environment(stripe)}, state / "server.log") as process:
            os.sched_setaffinity(0, THEIRS)
            async with storm_on(process.base_url, around["DATABASE_URL"], stripe) as storm:
                until = time.perf_counter() + options.most
                await prepare(storm, options)
                bodies = shuffled(storm.bodies(options.rate * options.seconds), options.copies)
                before = used(state)
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    answers, took = await asyncio.get_running_loop().run_in_executor(
                        pool,
                        deliver,
                        process.port,
                        stripe.webhook_secret,
                        bodies,
                        options.rate * options.copies,
                        max(options.seconds, (until - time.perf_counter()) / 2),
                    )
                rig.say(f"{len(answers.seconds)} of {len(bodies)} delivered")
                drained = await drain(storm, until)
                after = used(state)
                effects = await storm.effects()
    show(answers, took, bodies)
    print(drained)
    for name, seconds in after.items():
        spent = seconds - before[name]
        each = 1e6 * spent / max(1, len(answers.seconds))
        print(f"{name}: {spent:.1f} s of processor, {each:.0f} us a delivery")
    print(f"effects of {len(storm.intents)} payments: {effects}")


async def prepare(storm: Storm, options: argparse.Namespace) -> None:
    """Payments that their buyers have made at Stripe: as many as a third of the time is enough for."""
    await storm.sells(options.payments)
    began = time.perf_counter()
    await storm.books(options.payments, options.most / 3)
    rig.say(f"{len(storm.intents)} of {options.payments} booked in {time.perf_counter() - began:.0f} s")
    await storm.pays()


async def drain(storm: Storm, until: float) -> str:
    """Wait until all is worked off, or the time is up; how it stands then."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(max(5.0, until - began)):
            await storm.drained()
    except TimeoutError:
        waited = time.perf_counter() - began
        return f"NOT drained {waited:.1f} s after the last: {await storm.waiting()} events wait"
    return f"drained {time.perf_counter() - began:.1f} s after the last"


def show(answers: Answers, took: float, bodies: list[bytes]) -> None:
    """How deliveries were answered."""
    cuts = [1000 * cut for cut in statistics.quantiles(answers.seconds, n=100)]
    size, sent = sum(map(len, bodies)) / len(bodies), len(answers.seconds)
    print(f"{sent} of {len(bodies)} deliveries ({size / 1024:.1f} KB each) in {took:.1f} s")
    print(f"answered {dict(answers.statuses)}, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, ", end="")
    print(f"max {1000 * max(answers.seconds):.0f} ms")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=500, help="different events a second")
    parser.add_argument("--copies", type=int, default=3, help="how often each is delivered")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--payments", type=int, default=300, help="that the events are about")
    parser.add_argument("--most", type=float, default=90, help="seconds for all of it, about")
    options = parser.parse_args()
    os.sched_setaffinity(0, OURS)  # PostgreSQL and Redis inherit it
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as around:
        holdfast("migrate", environment=around)
        asyncio.run(measure(around, Path(folder), options))


if __name__ == "__main__":
    main()
