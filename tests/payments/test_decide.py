"""The one decision about a payment, as a table."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from server.bookings.rules import Booking
from server.payments.provider import Intent, IntentStatus
from server.payments.rules import (
    LATE_MS,
    LOOK_MS,
    LOOK_SLOWEST_MS,
    LOOK_SLOWEST_PENDING_MS,
    Payment,
    Step,
    decide,
    is_over,
    next_look,
)

OURS, OTHERS = UUID(int=1), UUID(int=2)
TOTAL = 500


def booking(status: str = "pending", **more: Any) -> Booking:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "reference": "BK-1",
        "session": "s",
        "user": None,
        "owner": "o",
        "status": status,
        "payment_status": "pending",
        "currency": "eur",
        "total": TOTAL,
        "customer": {},
        "created_at": 0,
        "expires_at": 1,
        "lines": (),
    }
    return Booking(**(fields | more))


def payment(**more: Any) -> Payment:
    fields: dict[str, Any] = {
        "id": OURS,
        "booking": uuid4(),
        "attempt": 1,
        "provider": "p",
        "status": "pending",
        "amount": TOTAL,
        "currency": "eur",
        "created_at": 0,
        "updated_at": 0,
    }
    return Payment(**(fields | more))


def intent(status: IntentStatus, captured: int | None = None, refunded: int = 0, **more: Any) -> Intent:
    fields: dict[str, Any] = {"amount": TOTAL, "currency": "eur"} | more
    taken = (fields["amount"] if status == "captured" else 0) if captured is None else captured
    return Intent(id="i", status=status, captured=taken, refunded=refunded, **fields)


EXPIRED = booking("cancelled", cancel_reason="expired", cancelled_at=1)
RELEASED = booking("cancelled", cancel_reason="released", cancelled_at=1)
OWN = booking("confirmed", confirmed_by=OURS, confirmed_at=1, secured=TOTAL)
FOREIGN = booking("confirmed", confirmed_by=OTHERS, confirmed_at=1, secured=TOTAL)
KNOWN = payment(unwanted=True, status="paid")
PARTLY = payment(unwanted=True, status="partially_refunded", refunded=1)
GONE = payment(unwanted=True, status="refunded", refunded=TOTAL)
PROMISED = payment(status="authorized", accepted=True)
PAID = payment(status="paid", accepted=True)

TABLE: list[tuple[str, Payment, Booking, Intent, Step]] = [
    ("nobody has paid yet", payment(), booking(), intent("open"), Step.WAIT),
    ("the outcome is not known", payment(), booking(), intent("processing"), Step.WAIT),
    ("declined", payment(), booking(), intent("declined"), Step.FAIL),
    ("declined and written down", payment(status="failed"), booking(), intent("declined"), Step.WAIT),
    ("cancelled at the provider", payment(), booking(), intent("cancelled"), Step.FAIL),
    ("cancelled and written down", payment(status="failed"), booking(), intent("cancelled"), Step.DONE),
    ("nobody may pay this any more", payment(), EXPIRED, intent("open"), Step.VOID),
    ("nor this", payment(status="failed"), FOREIGN, intent("declined"), Step.VOID),
    ("promised in time", payment(), booking(), intent("authorised"), Step.CONFIRM),
    ("taken in time", payment(), booking(), intent("captured"), Step.CONFIRM),
    ("declined, then paid", payment(status="failed"), booking(), intent("authorised"), Step.CONFIRM),
    ("confirmed on a promise", PROMISED, OWN, intent("authorised"), Step.CAPTURE),
    ("confirmed and taken", PROMISED, OWN, intent("captured"), Step.NOTE),
    ("all is done", PAID, OWN, intent("captured"), Step.DONE),
    ("the promise broke", PROMISED, OWN, intent("cancelled"), Step.COLLAPSE),
    ("the promise may break", PROMISED, OWN, intent("processing"), Step.WAIT),
    ("promised too late", payment(status="failed"), EXPIRED, intent("authorised"), Step.RETAKE),
    ("taken too late", payment(status="failed"), EXPIRED, intent("captured"), Step.RETAKE),
    ("for what its buyer gave up", payment(status="failed"), RELEASED, intent("captured"), Step.REJECT),
    ("paid twice", payment(), FOREIGN, intent("captured"), Step.REJECT),
    ("not wanted, only promised", payment(unwanted=True), FOREIGN, intent("authorised"), Step.VOID),
    ("not wanted, not yet written", payment(unwanted=True), FOREIGN, intent("captured"), Step.NOTE),
    ("not wanted, written down", KNOWN, FOREIGN, intent("captured"), Step.REFUND),
    ("a part went back", KNOWN, FOREIGN, intent("captured", refunded=1), Step.NOTE),
    ("and is known", PARTLY, FOREIGN, intent("captured", refunded=1), Step.REFUND),
    ("all went back", KNOWN, FOREIGN, intent("captured", refunded=TOTAL), Step.NOTE),
    ("and is known", GONE, FOREIGN, intent("captured", refunded=TOTAL), Step.DONE),
    ("too little", payment(), booking(), intent("authorised", amount=TOTAL - 1), Step.FLAG),
    ("too little was taken", payment(), booking(), intent("captured", captured=1), Step.FLAG),
    ("another currency", payment(), booking(), intent("authorised", currency="usd"), Step.FLAG),
    (
        "flagged before",
        payment(flag="amount_differs"),
        booking(),
        intent("authorised", amount=TOTAL + 1),
        Step.DONE,
    ),
    ("too little and too late", payment(), EXPIRED, intent("authorised", amount=TOTAL - 1), Step.REJECT),
    ("nothing to pay", payment(amount=0), booking(total=0), intent("captured", amount=0), Step.CONFIRM),
    (
        "nothing to give back",
        payment(amount=0, unwanted=True, status="paid"),
        RELEASED,
        intent("captured", amount=0),
        Step.DONE,
    ),
]


@pytest.mark.parametrize(("case", "money", "sold", "says", "step"), TABLE, ids=[row[0] for row in TABLE])
def test_the_next_step_is(case: str, money: Payment, sold: Booking, says: Intent, step: Step) -> None:
    assert decide(money, sold, says) is step, case


def test_an_unfinished_payment_is_looked_at_seldomer_as_it_ages_but_often_while_its_booking_waits() -> None:
    assert next_look(payment(), booking(), 1000) == 1000 + LOOK_MS
    assert next_look(payment(), booking(), 10_000_000) == 10_000_000 + LOOK_SLOWEST_PENDING_MS
    assert next_look(payment(), EXPIRED, 4_000_000) == 5_000_000
    assert next_look(payment(), EXPIRED, 90_000_000) == 90_000_000 + LOOK_SLOWEST_MS
    assert not is_over(payment(), LATE_MS + 1)
    assert is_over(payment(status="failed"), LATE_MS + 1)
