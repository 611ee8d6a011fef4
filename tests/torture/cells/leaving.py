"""Buyers go in every way there is, and come back."""

import time
from typing import Any

from tests.torture.matrix import Size, Torture, cell, percentile
from tests.torture.nemesis.processes import Restart
from tests.torture.stage import HALL, open_stage

GRACE, LIVENESS, LATE = 1, 3, 1.0
"""Seconds: the settings of these cells, and what a promise allows besides."""


@cell(27, fault="clients leave, crash, fall silent and come back", workload="W5")
async def clients_leave(torture: Torture, size: Size) -> None:
    """What they held is free within the grace; what those held that come back, or stay, is kept."""
    settings: dict[str, Any] = {"DISCONNECT_GRACE_SECONDS": str(GRACE), "LIVENESS_SECONDS": str(LIVENESS)}
    people = size.seats + 1
    hall = {"hold_seconds": 20, "hold_max_seconds": 40, "seats": size.seats}
    async with open_stage(torture, size, hall=hall, crowds=1, **settings) as stage:
        await stage.arrive(people)
        ways = ["leave", "cut", "silent", "return", "stay"]
        (found,) = await stage.order("leave", ways=ways, seconds=GRACE + LIVENESS + 3.0)
    allowed = {"leave": GRACE, "cut": GRACE, "silent": LIVENESS + GRACE}
    for way, within in allowed.items():
        took = found["took"].get(way, [])
        worst = percentile(took, 1.0)
        torture.figure(
            f"the seat of one who goes ({way}) is free again",
            f"{worst:.2f} s at the latest",
            f"≤ {within + LATE:g} s",
            reached=worst <= within + LATE,
            n=len(took),
        )
        if found["kept"].get(way):
            torture.breaks(
                "I7", f"{found['kept'][way]} seats of clients who went ({way}) were not free again"
            )
    for way in ("return", "stay"):
        lost = len(found["took"].get(way, ()))
        torture.claims(f"holds of those who {way}", lost + found["kept"].get(way, 0))
        if lost:
            torture.breaks("I7", f"{lost} holds of clients who {way} were given away")


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
    asked = sum(len(stage.marks.get(name, ())) for name in ("hold", "book", "pay", "read", "cancel"))
    unanswered = sum(n for name, n in stage.counts.items() if name.startswith("unknown "))
    share = unanswered / max(1, asked)
    torture.figure("requests without an answer", f"{share:.2%}", "< 0.5 %", reached=share < 0.005, n=asked)


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
