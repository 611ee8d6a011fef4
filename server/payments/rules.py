"""Payments as values, and the one decision about each: what is to be done next. Pure."""

from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from server.bookings.rules import Booking, PaymentStatus
from server.payments.provider import Intent


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay a booking. Amounts in minor units, times in milliseconds.

    `intent` is the provider's id, None until it is known; `requested_at` is written before the provider is
    first asked. `extra`: a success nobody asked for. `unwanted`: decided for good, this money goes back.
    `flag` says what a person has to look at.
    """

    id: UUID
    booking: UUID
    attempt: int
    provider: str
    status: PaymentStatus
    amount: int
    currency: str
    created_at: int
    updated_at: int
    extra: bool = False
    unwanted: bool = False
    flag: str | None = None
    intent: str | None = None
    client_secret: str | None = None
    redirect_url: str | None = None
    requested_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether a buyer may be paying by it."""
        return self.status in LIVE


LIVE: Final = frozenset({"pending", "authorized"})
LOOK_MS: Final = 15_000
LOOK_SLOWEST_PENDING_MS: Final = 60_000
LOOK_SLOWEST_MS: Final = 3_600_000
LATE_MS: Final = 3 * 86_400_000
FLAG_AMOUNT: Final = "amount_differs"
FLAG_CURRENCY: Final = "currency_differs"


class Step(Enum):
    """What settle does next; each but WAIT and DONE changes something, after which it decides anew."""

    WAIT = "the buyer or the provider has to act"
    DONE = "nothing is left to do"
    FAIL = "write down that this attempt took nothing"
    FLAG = "write down that the money does not match"
    CONFIRM = "the booking's lines are there: confirm it"
    RETAKE = "the booking expired: take its places again if nobody has them"
    REJECT = "write down that this money is not wanted"
    CAPTURE = "take what was authorised"
    PAID = "write down that the money is taken"
    VOID = "make it impossible to pay"
    REFUND = "owe the buyer all of it"
    REFUNDED = "write down that all of it went back"
    COLLAPSE = "the booking was confirmed on a promise that broke: give it up"


def decide(payment: Payment, booking: Booking, intent: Intent) -> Step:
    """The next step, from what is written and what the provider says; the order of events plays no part."""
    if not intent.has_money:
        return _without_money(payment, booking, intent)
    if booking.confirmed_by == payment.id and booking.status in {"confirmed", "completed"}:
        return _of_the_confirmed(payment, intent)
    if payment.unwanted:
        return _of_the_unwanted(payment, intent)
    if booking.status == "pending":
        return _of_the_pending(payment, intent)
    if booking.may_revive() and not mismatch(payment, intent):
        return Step.RETAKE
    return Step.REJECT


def mismatch(payment: Payment, intent: Intent) -> str | None:
    """How the money differs from the priced cart, None if it does not."""
    if intent.currency != payment.currency:
        return FLAG_CURRENCY
    offered = intent.captured if intent.status == "captured" else intent.amount
    return FLAG_AMOUNT if offered != payment.amount else None


def next_look(payment: Payment, booking: Booking, now: int) -> int:
    """When to ask the provider again about an attempt that is not finished: seldomer as it ages."""
    slowest = LOOK_SLOWEST_PENDING_MS if booking.status == "pending" else LOOK_SLOWEST_MS
    return now + min(max((now - payment.updated_at) // 4, LOOK_MS), slowest)


def is_over(payment: Payment, now: int) -> bool:
    """Whether nothing more is expected of an attempt that took nothing."""
    return payment.status == "failed" and now - payment.updated_at > LATE_MS


def refund_owed(intent: Intent) -> int:
    """What is still to be given back, in minor units."""
    return intent.captured - intent.refunded


def _without_money(payment: Payment, booking: Booking, intent: Intent) -> Step:
    if intent.captured:
        return Step.DONE if payment.status == "refunded" else Step.REFUNDED
    if booking.confirmed_by == payment.id and booking.status == "confirmed":
        return Step.WAIT if intent.status == "processing" else Step.COLLAPSE
    if intent.status == "cancelled":
        return Step.FAIL if payment.is_live else Step.DONE
    if booking.status != "pending":
        return Step.VOID
    if intent.status == "declined" and payment.is_live:
        return Step.FAIL
    return Step.WAIT


def _of_the_confirmed(payment: Payment, intent: Intent) -> Step:
    if intent.status == "authorised":
        return Step.CAPTURE
    return Step.PAID if payment.is_live or payment.status == "failed" else Step.DONE


def _of_the_pending(payment: Payment, intent: Intent) -> Step:
    wrong = mismatch(payment, intent)
    if wrong is None:
        return Step.CONFIRM
    return Step.DONE if payment.flag == wrong else Step.FLAG


def _of_the_unwanted(payment: Payment, intent: Intent) -> Step:
    if intent.is_free:
        return Step.DONE
    if intent.status == "authorised":
        return Step.VOID
    # First it is known as taken, then it is owed; from there the refund's own row leads.
    return Step.REFUND if payment.status in {"paid", "partially_refunded"} else Step.PAID
