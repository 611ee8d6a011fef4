"""Buyers go in every way there is, and come back."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.torture.matrix import Size, Torture, by_size, cell, percentile
from tests.torture.nemesis.deploys import MIGRATION, Deploy, Deployable, Version, deployable
from tests.torture.nemesis.processes import Restart
from tests.torture.overheard import Overheard
from tests.torture.stage import HALL, Stage, open_stage

GRACE, LIVENESS, LATE = 1, 3, 1.0
"""Seconds: the settings of these cells, and what a promise allows besides."""

UNASKED_SECONDS: Final = 5.0
MOST_ASKED: Final = 10

GOES: Final = ("leave", "cut", "silent")
STAYS: Final = ("return", "stay")
WHILE_DEPLOYED: Final[dict[str, Any]] = {"buys": 1_000_000, "gives_back": 0.6, "rests": (0.0, 2.0)}


@cell(27, fault="clients leave, crash, fall silent and come back", workload="W5")
async def clients_leave(torture: Torture, size: Size) -> None:
    """What they held is free within the grace; what those held that come back, or stay, is kept."""
    async with open_stage(torture, size, **comes_and_goes(size)) as stage:
        took = await people_leave(stage)
    allowed = {"leave": GRACE, "cut": GRACE, "silent": LIVENESS + GRACE}
    for way, within in allowed.items():
        worst = percentile(took.get(way, ()), 1.0)
        torture.figure(
            f"the seat of one who goes ({way}) is free again",
            f"{worst:.2f} s at the latest",
            f"≤ {within + LATE:g} s",
            reached=worst <= within + LATE,
            n=len(took.get(way, ())),
        )


def comes_and_goes(size: Size) -> dict[str, Any]:
    """A stage for `people_leave`: short waits, and a seat for each."""
    return {
        "hall": {"hold_seconds": 30, "hold_max_seconds": 40, "seats": size.seats},
        "crowds": 1,
        "DISCONNECT_GRACE_SECONDS": str(GRACE),
        "LIVENESS_SECONDS": str(LIVENESS),
    }


async def people_leave(
    stage: Stage, *, later: float = 0.0, asks: bool = False
) -> Mapping[str, Sequence[float]]:
    """Each holds a seat and goes, comes back or stays; seconds until seats were free again, by how they went.

    Those of who went have to be within the liveness, the grace and `later`; of others none may be. If
    somebody `asks`, who stays does something all the while.
    """
    torture = stage.torture
    await stage.arrive(stage.size.seats + 1)
    seconds = GRACE + LIVENESS + 3.0 + later
    (found,) = await stage.order("leave", ways=[*GOES, *STAYS], seconds=seconds, asks=asks)
    for way in GOES:
        if left := found["kept"].get(way):
            torture.breaks("I7", f"{left} seats of clients who went ({way}) were not free again")
    for way in STAYS:
        lost = len(found["took"].get(way, ()))
        torture.claims(f"holds of those who {way}", lost + found["kept"].get(way, 0))
        if lost:
            torture.breaks("I7", f"{lost} holds of clients who {way} were given away")
    took: Mapping[str, Sequence[float]] = found["took"]
    return took


@cell(28, fault="all clients of one server dropped at once", workload="W8")
async def clients_dropped(torture: Torture, size: Size) -> None:
    """They come back to the others, each with the position it had, and all see the same soon after."""
    within = 5.0
    async with open_stage(torture, size, within=within) as stage:
        await stage.arrive(2 * size.people)
        began = time.monotonic()
        stage.recorder.observe("nemesis", "fault", name="kill", phase="strike", said="server 0")
        await stage.street.servers[0].kill()
        back = await stage.converges(within)
        took = time.monotonic() - began
        stage.recorder.observe("nemesis", "fault", name="kill", phase="heal", said=f"{back:.2f} s")
        await stage.street.servers[0].start()
    torture.figure(
        "all are back and see what Redis has",
        f"{took:.2f} s",
        f"≤ {within:g} s",
        reached=took <= within,
        n=2 * size.people,
    )


@cell(28, fault="kill -9 of one server, PostgreSQL overheard", workload="W8", sizes=("full", "long"))
async def dropped_unasked(torture: Torture, size: Size) -> None:
    """Who comes back is shown what the process has in memory: PostgreSQL is not asked for each."""
    async with open_stage(torture, size, within=5.0) as stage:
        await stage.arrive(2 * size.people)
        async with Overheard.of(stage.street) as quiet:
            await asyncio.sleep(UNASKED_SECONDS)
        async with Overheard.of(stage.street) as overheard:
            await stage.street.servers[0].kill()
            await asyncio.sleep(0.1)
            await stage.are_back()
        await stage.street.servers[0].start()
        asked = overheard.but_for(quiet)
    lost = stage.counts["sockets lost"]
    torture.figure(
        "statements that nobody asks where all is quiet",
        f"{asked.total()} while {lost} came back; {quiet.statements.total()} others in {UNASKED_SECONDS:g} s",
        f"≤ {MOST_ASKED}",
        reached=asked.total() <= MOST_ASKED,
        n=lost,
        note="; ".join(f"{count} x {text[:60]}" for text, count in asked.most_common(3)),
    )


@cell(
    29,
    fault="servers restarted one after the other, as a deploy does it",
    workload="W1",
    sizes=("full", "long"),
)
async def rolling_restart(torture: Torture, size: Size) -> None:
    """Clients are told to go elsewhere; what is under way is answered; no hold is lost."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        async with stage.nemesis([Restart(*stage.street.servers)], every=3.0, lasts=0.2):
            await stage.sale()
    _all_answered(stage)


def _all_answered(stage: Stage) -> None:
    asked = sum(len(stage.marks.get(name, ())) for name in ("hold", "book", "pay", "read", "cancel"))
    unanswered = sum(n for name, n in stage.counts.items() if name.startswith("unknown "))
    share, reached = unanswered / max(1, asked), unanswered < 0.005 * asked
    stage.torture.figure("requests without an answer", f"{share:.2%}", "< 0.5 %", reached=reached, n=asked)


@cell(
    29,
    fault="the schema migrated beside running servers, which then go over to the next version",
    workload="W7",
    sizes=("full", "long"),
    bound=lambda size: 2 * by_size(size),
)
async def deployed(torture: Torture, size: Size) -> None:
    """Tables are changed while people book in them, and one server after the other is the next version."""
    version = Version(torture.folder / "next")
    version.needs(MIGRATION)
    beside = [deployable] * size.processes
    async with open_stage(torture, size, hall={"seats": 3 * size.seats}, processes=0, beside=beside) as stage:
        servers = [each for each in stage.street.servers if isinstance(each, Deployable)]
        deploy = Deploy(servers, version)
        await stage.arrive()
        async with (
            stage.beside(stage.sale(seconds=2 * size.seconds, **WHILE_DEPLOYED)),
            stage.nemesis([]) as nemesis,
        ):
            while not deploy.is_done:
                await nemesis.strike(deploy)
                await nemesis.heal(deploy)
        rows = await stage.street.count("select count(deployed_with) from booking")
        torture.claims("rows that have what a migration added beside traffic", rows)
    _all_answered(stage)


@cell(31, fault="every process sweeps what ends in one second", workload="W5")
async def all_end_at_once(torture: Torture, size: Size) -> None:
    """Each hold ends once, and is told so once, however many processes want to end it."""
    people, each = (60, 10) if size.name == "tier" else (500, 10)
    async with open_stage(torture, size, hall={"seats": people * each, "hold_seconds": 6}, crowds=1) as stage:
        await stage.arrive(people)
        (found,) = await stage.order("expire", each=each)
    late = found["late"]
    torture.claims("holds that ended at their deadline", len(late))
    torture.figure(
        "told after the deadline",
        f"p50 {1000 * percentile(late, 0.5):.0f} ms, the last {1000 * percentile(late, 1.0):.0f} ms",
        "≤ 1 s",
        reached=percentile(late, 1.0) <= 1.0,
        n=len(late),
    )
    if found["left"]:
        torture.breaks("I3", f"{found['left']} holds of {HALL} never ended")
    if found["again"]:
        torture.breaks("I3", f"{found['again']} ends were told twice")


@cell(
    32, fault="bots take what they may and let it go, again and again", workload="W10", sizes=("full", "long")
)
async def hoarders(torture: Torture, size: Size) -> None:
    """Honest buyers get their seats all the same, and nobody ever has more than the limit."""
    limit, bots, honest = 6, size.people // 5, size.people // 2
    hall = {"seats": size.people, "max_hold_items": limit}
    async with open_stage(torture, size, hall=hall, crowds=1) as stage:
        await stage.arrive(bots + honest)
        until = time.monotonic() + size.seconds
        await stage.order("aside", people=bots)
        bot_work = stage.order("hoard", seats=limit + 2, until=until)
        async with stage.beside(bot_work) as hoarded:
            await stage.sale(walks_away=0.0, vanishes=0.0, cancels=0.0, releases=0.0)
        (found,) = await hoarded
    torture.figure(
        "the most that one had at once", str(found["most"]), f"≤ {limit}", reached=found["most"] <= limit
    )
    if found["most"] > limit:
        torture.breaks("I9", f"one session held {found['most']} of at most {limit}")
    served = stage.confirmed / honest
    torture.figure(
        "honest buyers who got a seat", f"{served:.0%}", "≥ 95 %", reached=served >= 0.95, n=honest
    )
