"""States only go where the tables let them."""

import itertools
from typing import Any, get_args
from uuid import uuid4

import pytest

from server.accounts.rules import Caller
from server.bookings import moves
from server.bookings.rules import (
    BOOKING_MOVES,
    PAYMENT_MOVES,
    Booking,
    BookingStatus,
    Line,
    PaymentStatus,
    holds_of,
)

BOOKING_STATES: tuple[BookingStatus, ...] = get_args(BookingStatus)
PAYMENT_STATES: tuple[PaymentStatus, ...] = get_args(PaymentStatus)


def line(position: int = 0, **more: Any) -> Line:
    fields: dict[str, Any] = {
        "position": position,
        "resource": "hall",
        "index": position,
        "slot": f"A-{position}",
        "label": f"A-{position}",
        "quantity": 1,
        "price": 100,
        "hold": "h",
    }
    return Line(**(fields | more))


def booking(status: str = "pending", payment_status: str = "pending", **more: Any) -> Booking:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "reference": "BK-1",
        "session": "s",
        "user": "u",
        "owner": "o",
        "status": status,
        "payment_status": payment_status,
        "currency": "eur",
        "total": 100,
        "customer": {},
        "created_at": 0,
        "expires_at": 1,
        "lines": (line(),),
    }
    return Booking(**(fields | more))


def test_every_state_has_its_row() -> None:
    assert set(BOOKING_MOVES) == set(BOOKING_STATES)
    assert set(PAYMENT_MOVES) == set(PAYMENT_STATES)


def test_nothing_comes_back_to_pending_and_nothing_leaves_its_end() -> None:
    assert all("pending" not in moves for moves in BOOKING_MOVES.values())
    assert all("pending" not in moves for moves in PAYMENT_MOVES.values())
    assert BOOKING_MOVES["cancelled"] == BOOKING_MOVES["completed"] == PAYMENT_MOVES["refunded"] == set()


@pytest.mark.parametrize(("old", "new"), [*itertools.product(PAYMENT_STATES, PAYMENT_STATES)])
def test_a_payment_goes_where_the_table_says(old: PaymentStatus, new: PaymentStatus) -> None:
    if old == new or new in PAYMENT_MOVES[old]:
        assert moves.next_payment_status(old, new) == new
    else:
        with pytest.raises(moves.IllegalMove, match=f"from {old} to {new}"):
            moves.next_payment_status(old, new)


@pytest.mark.parametrize("status", BOOKING_STATES)
def test_a_booking_is_confirmed_only_from_pending(status: str) -> None:
    old = booking(status)
    if status == "pending":
        new = moves.confirmed(old, uuid4(), "paid", 5)
        assert (new.status, new.payment_status, new.confirmed_at) == ("confirmed", "paid", 5)
        assert [each.state for each in new.lines] == ["confirmed"]
    else:
        with pytest.raises(moves.IllegalMove):
            moves.confirmed(old, uuid4(), "paid", 5)


@pytest.mark.parametrize("status", BOOKING_STATES)
def test_a_booking_is_cancelled_while_it_lives(status: str) -> None:
    old = booking(status)
    if status in {"pending", "confirmed"}:
        new = moves.cancelled(old, "released", "failed", 5)
        assert (new.status, new.payment_status, new.cancel_reason) == ("cancelled", "failed", "released")
    else:
        with pytest.raises(moves.IllegalMove):
            moves.cancelled(old, "released", "failed", 5)


def test_a_late_payment_confirms_what_expired_and_nothing_else_that_was_cancelled() -> None:
    expired = booking(
        "cancelled", "failed", cancelled_at=1, cancel_reason="expired", lines=(line(state="released"),)
    )
    revived = moves.confirmed(expired, uuid4(), "paid", 5)
    assert (revived.status, revived.cancelled_at, revived.cancel_reason) == ("confirmed", None, None)
    for reason in ("returned", "released", "hold_expired", "refunded", "payment_failed"):
        with pytest.raises(moves.IllegalMove):
            moves.confirmed(booking("cancelled", cancel_reason=reason), uuid4(), "paid", 5)


def test_a_released_line_is_not_released_again() -> None:
    with pytest.raises(moves.IllegalMove, match="line"):
        moves.cancelled(booking(lines=(line(state="released"),)), "released", "failed", 5)


def test_a_payment_status_alone_changes_by_the_same_table() -> None:
    assert moves.paid(booking(), "failed").payment_status == "failed"
    with pytest.raises(moves.IllegalMove):
        moves.paid(booking(payment_status="paid"), "pending")


def test_who_may_see_a_booking() -> None:
    own = booking()
    assert own.is_of(Caller(session="", user="u"))
    assert not own.is_of(Caller(session="s"))
    assert not own.is_of(Caller(session="s", user="v"))
    assert booking(user=None).is_of(Caller(session="s"))
    assert booking(user=None).is_of(Caller(session="s", user="v"))
    assert not own.is_of(Caller(session="", user="o"))
    assert own.is_seen_by(Caller(session="", user="o"))
    assert not own.is_seen_by(Caller(session="t", user="v"))
    assert not booking(session="", user=None).is_of(Caller(session=""))


def test_its_holds_are_made_anew_from_its_lines() -> None:
    sold = booking(lines=(line(0), line(1, hold="k", range=("a", "b")), line(2)))
    first, second = holds_of(sold)
    assert [item.index for item in first.items] == [0, 2]
    assert (second.id, second.range, second.booking) == ("k", ("a", "b"), str(sold.id))
