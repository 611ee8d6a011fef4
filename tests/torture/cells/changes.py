"""Bookings that are moved, handed on, given back and disputed while things break (W9)."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.torture.bank import Bank
from tests.torture.cells.network import EFFECTS
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis import Fault
from tests.torture.nemesis.links import ProxyFault
from tests.torture.nemesis.processes import Kill
from tests.torture.nemesis.redis import FlushRedis
from tests.torture.nemesis.stripe import WebhooksFail
from tests.torture.people.afterwards import USERS_SECRET
from tests.torture.proxy import CutAfter
from tests.torture.stage import Stage, open_stage

CHANGES: Final[dict[str, Any]] = {
    "buys": 1_000_000,
    "seats": (1, 2),
    "changes": 0.7,
    "hands_on": 0.3,
    "gives_back": 0.3,
    "declined": 0.0,
    "thinks": (0.0, 0.4),
    "pays_after": (0.1, 0.6),
}
CUT_SHARE: Final = 0.05
DONE: Final = """
select count(*) filter (where cancel_reason = 'changed') as made, count(*) filter (where change_of is not null
  and cancel_reason <> 'changed') as given_up,
  (select count(*) from transfer where state = 'accepted') as handed_on,
  count(*) filter (where cancel_reason = 'disputed') as disputed
from booking
"""


async def _played(
    torture: Torture,
    size: Size,
    faults: Callable[[Stage], Sequence[Fault]],
    *,
    every: float,
    lasts: float = 0.0,
    losing: Sequence[str] = (),
    **street: Any,
) -> None:
    """People who change what they booked while these strike; where Stripe is, a bank that disputes."""
    hall = {"seats": 3 * size.seats, "payment_seconds": 10}
    shop = {"JWT_SECRET": USERS_SECRET, **street}
    async with open_stage(torture, size, within=5.0, losing=losing, hall=hall, **shop) as stage:
        await stage.arrive(size.people // 5)
        until = time.monotonic() + size.seconds / 2
        async with Bank.beside(stage, until), stage.nemesis(faults(stage), every=every, lasts=lasts):
            await stage.sale(seconds=size.seconds / 2, **CHANGES)
        await _counts(stage)


async def _counts(stage: Stage) -> None:
    async with stage.street.database.connection() as connection:
        row = await connection.fetchrow(DONE)
    assert row is not None
    did = (("made", "changes made"), ("given_up", "changes given up"), ("handed_on", "bookings handed on"))
    for name, what in did:
        stage.torture.figure(what, str(row[name]), "some", reached=row[name] > 0)
    stage.torture.claims("bookings ended by a dispute", row["disputed"])


@cell(2, fault="kill -9 of one server every 2 s", workload="W9", sizes=("full", "long"))
async def changed_while_servers_die(torture: Torture, size: Size) -> None:
    """Moved, made larger, handed on: all of the old or all of the new, and whose it is, it is for all."""
    await _played(torture, size, lambda stage: [Kill(*stage.street.servers)], every=2.0)


@cell(6, fault="FLUSHALL", workload="W9", sizes=("full", "long"))
async def changed_while_redis_is_flushed(torture: Torture, size: Size) -> None:
    """What a change has taken nobody ever held: Redis has it again from what is written down."""
    await _played(
        torture,
        size,
        lambda stage: [FlushRedis(stage.street.redis.url)],
        every=3.0,
        losing=[FlushRedis.name],
    )


@cell(12, fault="kill -9 of PostgreSQL", workload="W9", sizes=("full", "long"))
async def changed_while_postgresql_dies(torture: Torture, size: Size) -> None:
    """A change is two bookings that exchange what they have in one transaction, or do not."""
    await _played(torture, size, lambda stage: [Kill(stage.street.postgresql)], every=3.0, lasts=0.5)


@cell(
    17,
    fault="5 % of answers cut after the effect: COMMIT, Redis' scripts, Stripe's POST",
    workload="W9",
    sizes=("full", "long"),
)
async def changed_with_answers_cut(torture: Torture, size: Size) -> None:
    """What was changed, paid, given back or disputed and never answered is done once."""

    def cutting(stage: Stage) -> list[Fault]:
        return [
            ProxyFault(
                *(proxy for (_, way), proxy in stage.street.proxies.items() if way == name),
                kind=CutAfter(share=CUT_SHARE, when=has),
                name=f"answers of {name} cut",
                all_at_once=True,
            )
            for name, has in EFFECTS.items()
        ]

    await _played(
        torture,
        size,
        cutting,
        every=1.0,
        lasts=2.0,
        stripe=True,
        proxies=("redis", "postgresql", "stripe"),
    )


@cell(
    20,
    fault="webhooks lost, or late and three times, and the bank asks for its money",
    workload="W9",
    sizes=("full", "long"),
)
async def disputed_while_webhooks_fail(torture: Torture, size: Size) -> None:
    """A dispute that nobody tells of is found; no money goes back twice, and none is kept for nothing."""
    await _played(
        torture,
        size,
        lambda stage: [WebhooksFail(stage.street.stripe.deliveries)] if stage.street.stripe else [],
        every=1.0,
        lasts=3.0,
        stripe=True,
    )
