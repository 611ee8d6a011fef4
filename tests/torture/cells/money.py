"""A Stripe that tells nothing, that tells everything three times, and payments at the last moment."""

import asyncio
import time

from tests.payments.webhooks.sender import Sender
from tests.payments.webhooks.storm import PRICE, shuffled, storm_on
from tests.torture.matrix import Size, Torture, cell, percentile
from tests.torture.stage import open_stage
from tests.torture.verdict import intents_of

POLLED_SECONDS = 90.0
DRAINED_SECONDS = 30.0
ANSWER_MS = 200.0
NEVER = 1 << 30


@cell(19, fault="every webhook lost", workload="W1", sizes=("full", "long"))
async def webhooks_lost(torture: Torture, size: Size) -> None:
    """Whoever paid is confirmed all the same: what is not told is asked for."""
    async with open_stage(torture, size, stripe=True, hall={"payment_seconds": 60}) as stage:
        assert stage.street.stripe is not None
        stage.street.stripe.deliveries.lose(NEVER)
        await stage.arrive(size.people // 4)
        began = time.monotonic()
        seconds = 45.0 if size.name == "tier" else POLLED_SECONDS + 30
        await stage.sale(seconds=seconds, declined=0.0, cancels=0.0, walks_away=0.0, vanishes=0.0)
        took = time.monotonic() - began
    torture.figure(
        "all who paid are confirmed without one webhook",
        f"{took:.1f} s",
        f"≤ {POLLED_SECONDS:g} s",
        reached=took <= POLLED_SECONDS,
        n=stage.confirmed,
    )


@cell(20, fault="a storm of webhooks, each three times, in no order", workload="W6", sizes=("full", "long"))
async def webhook_storm(torture: Torture, size: Size) -> None:
    """Every effect once; every event is answered soon, and worked off soon after."""
    payments, events = (12, 200) if size.name == "tier" else (40, 5_000)
    async with open_stage(torture, size, stripe=True, processes=1) as stage:
        await stage.arrive(10)
        street = stage.street
        assert street.stripe is not None
        async with storm_on(street.servers[0].base_url, street.database_url, street.stripe) as storm:
            await storm.sells(payments)
            await storm.books(payments)
            await storm.pays()
            sender = Sender(street.servers[0].port, street.stripe.webhook_secret, lines=16)
            await sender.open()
            await sender.deliver_all(shuffled(storm.bodies(events), 3, torture.seed), rate=500)
            sender.close()
            began = time.monotonic()
            async with asyncio.timeout(3 * DRAINED_SECONDS):
                await storm.drained()
            drained = time.monotonic() - began
            effects = await storm.effects()
    answered = 1000 * percentile(sender.answers.seconds, 0.99)
    torture.claims("webhooks delivered", 3 * events)
    torture.figure(
        "an event is answered (p99)",
        f"{answered:.0f} ms",
        "< 200 ms",
        reached=answered < ANSWER_MS,
        n=3 * events,
    )
    torture.figure(
        "all are worked off",
        f"{drained:.1f} s",
        f"≤ {DRAINED_SECONDS:g} s",
        reached=drained <= DRAINED_SECONDS,
    )
    if effects.captured != {PRICE: payments} or effects.capture_keys != {1: payments} or effects.refunds:
        torture.breaks("I4", "an event had an effect twice, or none", effects)
    if sender.answers.statuses != {200: 3 * events}:
        torture.breaks("I4", "an event was not taken", sender.answers.statuses)


@cell(21, fault="paid at the deadline, 200 ms before to 200 ms after", workload="W2")
async def paid_at_the_deadline(torture: Torture, size: Size) -> None:
    """Either it is confirmed or it costs nothing: nothing is taken that has to be given back."""
    people = 80 if size.name == "tier" else 400
    hall = {"seats": people, "hold_seconds": 20, "hold_max_seconds": 40, "payment_seconds": 6}
    async with open_stage(torture, size, hall=hall, crowds=1) as stage:
        await stage.arrive(people)
        (found,) = await stage.order("race", spread=0.2)
        refunded = sum(intent.refunded > 0 for intent in await intents_of(stage.street))
    ends = found["ends"]
    torture.claims("payments at the deadline", people)
    torture.figure(
        "how they ended", ", ".join(f"{number} {end}" for end, number in sorted(ends.items())), n=people
    )
    torture.figure("refunds", str(refunded), "0", reached=refunded == 0, n=people)
    if set(ends) - {"confirmed", "cancelled"}:
        torture.breaks("I4", "a payment at the deadline has no end", ends)
