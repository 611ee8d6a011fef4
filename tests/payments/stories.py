"""What may become of a payment at Stripe, as steps between which we may hear of it or not, and its one end.

Each step happens at Stripe, or is an order of somebody's; what we do about it is left to events, the return
page and the loops.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from server.accounts.rules import Caller
from server.bookings.store import moment
from tests.payments.house import PRICE
from tests.payments.stripe_house import CARD, CHALLENGED, DECLINED, StripeBuyer, StripeHouse

Step = Callable[[StripeHouse, StripeBuyer], Awaitable[None]]
OWNER: Final = Caller(session="owner", user="owner")


@dataclass(frozen=True)
class Story:
    """`end` is (booking, payment); `kept` what Stripe's ledger keeps of it, in minor units."""

    name: str
    steps: tuple[Step, ...]
    end: tuple[str, str]
    kept: int = 0
    via: str | None = None

    @property
    def hall(self) -> str:
        """Where it is played, beside the others."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)


def pays_by(card: str) -> Step:
    async def step(_house: StripeHouse, ann: StripeBuyer) -> None:
        await ann.pays(card=card)

    return step


def answers(*, ok: bool) -> Step:
    """The challenge (3-D Secure)."""

    async def step(house: StripeHouse, ann: StripeBuyer) -> None:
        await house.stripe.authenticate(ann.intent, ok=ok)

    return step


async def debit_succeeds(house: StripeHouse, ann: StripeBuyer) -> None:
    await house.stripe.succeed(ann.intent)


async def debit_fails(house: StripeHouse, ann: StripeBuyer) -> None:
    await house.stripe.fail(ann.intent)


async def is_settled(house: StripeHouse, ann: StripeBuyer) -> None:
    """The buyer is back on our page, which asks."""
    await house.office.payments.settle(ann.attempt.id)
    assert await ann.status() == ("confirmed", "paid")


async def gets_part_back(house: StripeHouse, ann: StripeBuyer) -> None:
    await house.office.payments.refund(OWNER, str(ann.own.id), PRICE // 2, "half")
    await house.office.refunds_run()


async def gets_all_back(house: StripeHouse, ann: StripeBuyer) -> None:
    await house.office.payments.refund(OWNER, str(ann.own.id), None, "")
    await house.office.refunds_run()


async def gets_all_back_by_hand(house: StripeHouse, ann: StripeBuyer) -> None:
    house.stripe.dashboard.refund(house.stripe.intent(ann.intent).id)


async def disputes(house: StripeHouse, ann: StripeBuyer) -> None:
    house.stripe.dashboard.dispute(house.stripe.intent(ann.intent).id)


def bank_says(outcome: Any) -> Step:
    async def step(house: StripeHouse, ann: StripeBuyer) -> None:
        (dispute,) = [
            event["data"]["object"]["id"]
            for event in house.stripe.events
            if event["type"] == "charge.dispute.created"
            and event["data"]["object"]["payment_intent"] == house.stripe.intent(ann.intent).id
        ]
        house.stripe.dashboard.close_dispute(dispute, outcome)

    return step


async def shares_half(house: StripeHouse, ann: StripeBuyer) -> None:
    ann.payment = await house.office.payments.attempt(ann.caller, str(ann.own.id), PRICE // 2)


async def takes_the_rest(house: StripeHouse, ann: StripeBuyer) -> None:
    ann.payment = await house.office.payments.attempt(ann.caller, str(ann.own.id))


async def deadline_comes(house: StripeHouse, ann: StripeBuyer) -> None:
    """For this booking alone."""
    await house.execute(
        "update booking set expires_at = $2, release_at = $2 where id = $1", ann.own.id, moment(house.clock())
    )
    await house.office.payments.closing.worker._work()


PAID: Final = ("confirmed", "paid")
TAKEN: Final = (pays_by(CARD), is_settled)

STORIES: Final = (
    Story("paid", (pays_by(CARD),), PAID, PRICE),
    Story("challenged, then paid", (pays_by(CHALLENGED), answers(ok=True)), PAID, PRICE),
    Story(
        "challenge failed, then paid",
        (pays_by(CHALLENGED), answers(ok=False), pays_by(CARD)),
        PAID,
        PRICE,
    ),
    Story("declined, then paid", (pays_by(DECLINED), pays_by(CARD)), PAID, PRICE),
    Story("declined", (pays_by(DECLINED),), ("pending", "failed")),
    Story("debited", (pays_by("bank"), debit_succeeds), PAID, PRICE),
    Story("debit failed", (pays_by("bank"), debit_fails), ("pending", "failed")),
    Story("half given back", (*TAKEN, gets_part_back), ("confirmed", "partially_refunded"), PRICE // 2),
    Story("given back", (*TAKEN, gets_all_back), ("cancelled", "refunded")),
    Story("given back by hand", (*TAKEN, gets_all_back_by_hand), ("cancelled", "refunded")),
    Story("dispute open", (*TAKEN, disputes), ("confirmed", "disputed")),
    Story("dispute won", (*TAKEN, disputes, bank_says("won")), PAID, PRICE),
    Story("dispute lost", (*TAKEN, disputes, bank_says("lost")), ("cancelled", "refunded")),
    Story("expired", (deadline_comes,), ("cancelled", "failed")),
    Story("paid by two", (shares_half, pays_by(CARD), takes_the_rest, pays_by(CARD)), PAID, PRICE // 2),
    Story("half paid", (shares_half, pays_by(CARD), deadline_comes), ("cancelled", "failed")),
    Story("expired on Stripe's page", (deadline_comes,), ("cancelled", "failed"), via="checkout"),
    Story("paid on Stripe's page", (pays_by(CARD),), PAID, PRICE, via="checkout"),
    Story("debited on Stripe's page", (pays_by("bank"), debit_succeeds), PAID, PRICE, via="checkout"),
)
