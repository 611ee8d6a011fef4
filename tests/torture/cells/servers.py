"""Servers of Holdfast die, freeze and come back while people buy."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.torture.attended import told_after
from tests.torture.history import History
from tests.torture.matrix import Size, Torture, cell, percentile
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.stage import Stage, open_stage

HUMAN: Final[Mapping[str, Any]] = {"rests": (1.0, 10.0)}
"""Ten thousand need a moment each to see that a seat is free; some hundred may be as quick as they can."""

BOX_OFFICE: Final[Mapping[str, Any]] = {
    "buys": 1_000_000,
    "seats": (4, 4),
    "thinks": (0.0, 0.2),
    "pays_after": (0.0, 0.2),
    "walks_away": 0.0,
    "vanishes": 0.0,
}
TICKETS_A_MINUTE: Final = 9_000
TOLD_SECONDS: Final = 1.0


@cell(1, fault="none", workload="W1")
async def nothing_happens(torture: Torture, size: Size) -> None:
    """An on-sale as it should be: everybody comes for the same few seats at once."""
    async with _on_sale(torture, size) as stage:
        await stage.arrive()
        await _sells_out(stage, 20.0)


@cell(1, fault="none", workload="W4", sizes=("long",))
async def box_office(torture: Torture, size: Size) -> None:
    """Families buy four seats at a time for a minute, as quickly as they can."""
    async with open_stage(torture, size, hall={"seats": 20 * size.seats}) as stage:
        await stage.arrive(size.people // 50)
        sold = await stage.sale(seconds=60.0, **BOX_OFFICE)
        rate = 60 * sold.tickets / sold.seconds
        torture.figure(
            "confirmed tickets a minute",
            f"{rate:,.0f}",
            f"≥ {TICKETS_A_MINUTE:,}",
            reached=rate >= TICKETS_A_MINUTE,
            n=sold.tickets,
        )


@cell(2, fault="kill -9 of one server every 2 s", workload="W1")
async def one_server_killed(torture: Torture, size: Size) -> None:
    """Whoever was with it comes back to another, by its token; what was asked is asked again by its name."""
    async with _on_sale(torture, size) as stage:
        await stage.arrive()
        async with stage.nemesis([Kill(*stage.street.servers)], every=2.0):
            await _sells_out(stage, 60.0)


@asynccontextmanager
async def _on_sale(torture: Torture, size: Size) -> AsyncIterator[Stage]:
    """A stage, and how soon its holds were answered."""
    heartbeat: dict[str, Any] = {"HEARTBEAT_SECONDS": "5"} if size.name == "long" else {}
    async with open_stage(torture, size, **heartbeat) as stage:
        yield stage
    for share, most in ((0.5, 0.4), (0.99, 2.0)):
        took = stage.took("hold", share)
        name = f"a hold is answered (p{100 * share:.0f})"
        torture.figure(
            name, f"{took:.2f} s", f"≤ {most:g} s", reached=took <= most, n=len(stage.marks["hold"])
        )


async def _sells_out(stage: Stage, within: float) -> None:
    sold = await stage.sale(**(HUMAN if stage.size.name == "long" else {}))
    is_reached = sold.tickets == stage.size.seats and sold.seconds <= within
    stage.torture.figure(
        "sold out",
        f"{sold.tickets:,} of {stage.size.seats:,} tickets in {sold.seconds:.1f} s",
        f"all in {within:g} s",
        reached=is_reached,
        n=sold.tickets,
    )


@cell(3, fault="kill -9 of all servers at once", workload="W1", sizes=("full", "long"))
async def all_servers_killed(torture: Torture, size: Size) -> None:
    """Nobody is left to ask for a while; what was held is held when they are back."""
    async with open_stage(torture, size, within=5.0) as stage:
        await stage.arrive()
        every = 5.0 if size.name == "tier" else 10.0
        async with stage.nemesis([Kill(*stage.street.servers, all_at_once=True)], every=every, lasts=0.5):
            await stage.sale()


@cell(4, fault="SIGSTOP of one server for longer than a hold lasts", workload="W1", sizes=("full", "long"))
async def one_server_frozen(torture: Torture, size: Size) -> None:
    """It wakes up believing that it is earlier than it is, and may not act on it."""
    async with open_stage(torture, size, hall={"hold_seconds": 4}) as stage:
        await stage.arrive()
        lasts = (1.0, 7.0) if size.name == "tier" else (1.0, 25.0)
        async with stage.nemesis([Stop(*stage.street.servers)], every=8.0, lasts=lasts):
            await stage.sale()
    told = told_after(History.read(*torture.folder.glob("*.jsonl")), Stop.name)
    latest = percentile(told, 1.0)
    torture.figure(
        "who was with it is told of what ended meanwhile, once it goes on",
        f"p50 {percentile(told, 0.5):.2f} s, the last {latest:.2f} s" if told else "nobody's ended meanwhile",
        "≤ 1 s",
        reached=latest <= TOLD_SECONDS if told else None,
        n=len(told),
    )
