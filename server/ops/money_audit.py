"""I4 as PostgreSQL's own rows have it: whatever was taken is a confirmed booking's, or goes back. Pure.

What a provider's ledger says besides is the reconciler's business; this needs no provider.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from server.ops.audit import Finding
from server.payments.rules import TAKEN

LATE_SECONDS: Final = 120
"""How long money may be on its way to where it belongs before somebody should look."""

_STANDING: Final = frozenset({"confirmed", "completed"})
_ASKED: Final = frozenset({"awaited", "granted"})
_PROMISED_OR_PAID: Final = frozenset({"authorized", "paid"})
"""What counts for a booking whose owner was asked: with money disputed or gone back it would be given up."""


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """Amounts in minor units; `given` by refunds of ours that ended, `owed` by those that have not.

    `refunded` is what its provider says went back, `age` (seconds) how long it has been as it is, `kept` what
    stays of it by its resource's policy though its booking was cancelled.
    """

    id: str
    status: str
    accepted: bool
    amount: int
    currency: str
    refunded: int
    given: int
    owed: int
    age: float
    kept: int = 0


@dataclass(frozen=True, slots=True)
class BookingRow:
    """`keeps`: by its resource's policy it stands though its money was lost in a dispute.

    `status` is `awaited` or `granted` for a pending one whose owner was asked.
    """

    reference: str
    status: str
    total: int
    currency: str
    keeps: bool
    payments: Sequence[PaymentRow]

    @property
    def stands(self) -> bool:
        """Whether somebody may come and use it."""
        return self.status in _STANDING


def money(bookings: Iterable[BookingRow]) -> list[Finding]:
    """Everything of I4 that does not hold."""
    return sorted(
        Finding("I4", booking.reference, sentence)
        for booking in bookings
        for sentence in (*_paid_for(booking), *_kept(booking), *_given_back(booking))
    )


def _paid_for(booking: BookingRow) -> Iterator[str]:
    """A confirmed booking has its money, and one whose owner was asked what it is to be confirmed by."""
    if booking.status in _ASKED:
        there = sum(payment.amount for payment in booking.payments if payment.status in _PROMISED_OR_PAID)
        if there < booking.total:
            yield f"is {booking.status} for {booking.total}, and {there} is promised"
    if not booking.stands or not booking.total:
        return
    accepted = [payment for payment in booking.payments if payment.accepted]
    brought = sum(payment.amount for payment in accepted)
    if brought != booking.total:
        yield f"is {booking.status} for {booking.total}, its payments are for {brought}"
    if any(payment.currency != booking.currency for payment in accepted):
        yield f"is {booking.status} in {booking.currency}, and was paid in something else"
    for payment in accepted:
        if payment.status not in TAKEN and payment.age > LATE_SECONDS:
            yield f"is {booking.status}, and its payment {payment.id} is still {payment.status}"
    back = sum(payment.refunded for payment in accepted if payment.age > LATE_SECONDS)
    if accepted and back >= booking.total and not booking.keeps:
        yield f"is {booking.status}, and all of its money went back"


def _kept(booking: BookingRow) -> Iterator[str]:
    """Money that is no confirmed booking's is given back."""
    for payment in booking.payments:
        belongs = (booking.stands and payment.accepted) or booking.status in _ASKED
        if belongs or payment.age <= LATE_SECONDS:
            continue
        left = payment.amount - payment.refunded
        if payment.status in {"paid", "partially_refunded"} and left > payment.owed + payment.kept:
            yield f"is {booking.status}, and {left} of payment {payment.id} is kept, {payment.owed} owed"
        if payment.status == "authorized" and booking.status == "cancelled":
            yield f"is cancelled, and payment {payment.id} is still promised"


def _given_back(booking: BookingRow) -> Iterator[str]:
    """Nobody gets back more than was paid."""
    for payment in booking.payments:
        back = max(payment.refunded, payment.given)
        if back > payment.amount or payment.given + payment.owed > payment.amount:
            yield f"payment {payment.id} of {payment.amount} gives back {back}, and owes {payment.owed} more"
        elif payment.given + payment.owed > payment.amount - payment.kept:
            yield f"payment {payment.id} gives back {payment.given}, though {payment.kept} of it is to stay"
