"""Servers get less than they need while people buy: connections, processor, memory, descriptors."""

import asyncio
import time

from tests.support.waiting import until
from tests.torture.matrix import Size, Torture, cell, percentile
from tests.torture.nemesis.limits import Descriptors, Memory, Throttle
from tests.torture.nemesis.postgresql import LockTable
from tests.torture.nemesis.processes import Stop, states
from tests.torture.probe import Probe, cpu, within
from tests.torture.stage import Stage, open_stage

HOLD_SECONDS = 5.0
BOOK_SECONDS = 5.0 + HOLD_SECONDS
TOLD_SECONDS = 3.0
WAITING = 100
MORE_MEGABYTES = 1
COMERS = 300
"""Sockets that come to a server without descriptors."""

MOST_CPU = 0.5


@cell(13, fault="the table of bookings locked for seconds", workload="W1", sizes=("full", "long"))
async def tables_locked(torture: Torture, size: Size) -> None:
    """Holds need no table; whoever books is told to try again, within the time a statement has."""
    async with open_stage(torture, size) as stage:
        lasts = 3.0 if size.name == "tier" else 10.0
        fault = LockTable(stage.street.database_url, "booking")
        await stage.arrive()
        async with stage.nemesis([fault], every=lasts + 2, lasts=lasts):
            await stage.sale()
    _waits(stage, "hold", 0.99, HOLD_SECONDS, "holds are answered while tables are locked")
    _waits(stage, "book", 0.99, BOOK_SECONDS, "bookings are answered, or told to come again")


@cell(13, fault="SIGSTOP of PostgreSQL for seconds", workload="W1", sizes=("full", "long"))
async def postgresql_frozen(torture: Torture, size: Size) -> None:
    """It takes connections and answers nothing: holds go on, whoever books is told to come again."""
    async with open_stage(torture, size) as stage:
        lasts = 3.0 if size.name == "tier" else 10.0
        await stage.arrive()
        async with stage.nemesis([Stop(stage.street.postgresql)], every=lasts + 2, lasts=lasts):
            await stage.sale()
    _waits(stage, "hold", 0.99, HOLD_SECONDS, "holds are answered while PostgreSQL is frozen")
    _waits(stage, "book", 0.99, BOOK_SECONDS, "bookings are answered, or told to come again")


@cell(14, fault="every connection of the pools waits for a lock", workload="W1", sizes=("full", "long"))
async def pools_exhausted(torture: Torture, size: Size) -> None:
    """Nobody waits in a queue without an end: whoever needs a connection is told that there is none."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        async with stage.nemesis([]) as nemesis:
            await nemesis.strike(LockTable(stage.street.database_url, "booking"))
            await asyncio.sleep(size.seconds / 6)  # until everybody's statements wait
            async with Probe.at(stage.street.servers[0]) as probe:
                took = await asyncio.gather(*(_is_told(probe) for _ in range(WAITING)))
        await selling
    name = "told that there is no connection, p99"
    within(torture, name, percentile(took, 0.99), TOLD_SECONDS, len(took))
    _waits(stage, "hold", 0.99, HOLD_SECONDS, "holds are answered while no pool has a connection")


async def _is_told(probe: Probe) -> float:
    """Seconds until the server answers what needs a connection."""
    began = time.monotonic()
    await probe.is_ready()
    return time.monotonic() - began


def _waits(stage: Stage, what: str, share: float, goal: float, name: str) -> None:
    within(
        stage.torture,
        f"{name}, p{share * 100:g}",
        stage.took(what, share),
        goal,
        len(stage.marks.get(what, ())),
    )


@cell(24, fault="one server has a fifth of a processor", workload="W1", sizes=("full", "long"))
async def throttled(torture: Torture, size: Size) -> None:
    """It is slow, and nobody with it loses a hold for that: whose pings are answered late is still there."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        async with stage.nemesis([]) as nemesis:
            await nemesis.strike(Throttle(stage.street.servers[0], 0.2))
            await stage.sale()
    _waits(stage, "hold", 0.99, HOLD_SECONDS, "holds are answered")


@cell(
    25,
    fault="one server out of memory while all its clients come back",
    workload="W8",
    sizes=("full", "long"),
)
async def out_of_memory(torture: Torture, size: Size) -> None:
    """The kernel kills it; its people find another one, and it comes back."""
    async with open_stage(torture, size, within=5.0) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        victim = stage.street.servers[0]
        pid = victim.pid
        async with stage.nemesis([]) as nemesis:
            fault = Memory(victim, MORE_MEGABYTES)
            await nemesis.strike(fault)
            await stage.order("drop", share=1.0, seed=torture.seed)
            await until(lambda: states([pid])[0] in {"Z", "gone"}, size.seconds)
            began = time.monotonic()
            await nemesis.heal(fault)
            async with Probe.at(victim) as probe:
                await probe.becomes(ready=True)
            within(torture, "started again and ready", time.monotonic() - began, 5.0)
        await selling


@cell(26, fault="one server may open no descriptor more", workload="W8", sizes=("full", "long"))
async def out_of_descriptors(torture: Torture, size: Size) -> None:
    """Whoever comes waits or is refused; it does not spin, and takes everybody in when it can."""
    async with open_stage(torture, size) as stage:
        await stage.arrive(size.people // 2)
        victim, selling = stage.street.servers[0], asyncio.create_task(stage.sale())
        async with stage.nemesis([]) as nemesis:
            fault = Descriptors(victim, 2)
            await nemesis.strike(fault)
            knocking = [asyncio.create_task(_knocks(victim.port)) for _ in range(COMERS)]
            used, began = cpu(victim.pid), time.monotonic()
            await asyncio.sleep(3)
            share = (cpu(victim.pid) - used) / (time.monotonic() - began)
            torture.figure(
                "processor of a server without descriptors",
                f"{share:.0%}",
                "≤ 50 %",
                reached=share <= MOST_CPU,
                n=COMERS,
            )
            await nemesis.heal(fault)
            for each in knocking:
                each.cancel()
            await asyncio.gather(*knocking, return_exceptions=True)
        async with Probe.at(victim) as probe:
            within(torture, "takes people in again", await probe.becomes(ready=True), 5.0)
        await selling


async def _knocks(port: int) -> None:
    """Connect, and stay as long as one is let."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await reader.read()
            finally:
                writer.transport.abort()
        except OSError:
            pass
        await asyncio.sleep(0.5)
