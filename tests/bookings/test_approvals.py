"""A booking that its owner has to approve of goes only where the tables let it."""

from typing import get_args
from uuid import uuid4

import pytest

from server.bookings import moves
from server.bookings.moves import IllegalMove
from server.bookings.rules import APPROVAL_MOVES, Approval, Booking, CancelReason
from server.bookings.views import booking_view
from tests.bookings.test_rules import booking

PAYMENT = uuid4()


def _asked() -> Booking:
    return moves.awaited(booking(), "authorized", 99)


def test_every_answer_has_its_row_and_is_the_last() -> None:
    assert set(APPROVAL_MOVES) == {None, *get_args(Approval)}
    ends = {answer for answer, further in APPROVAL_MOVES.items() if not further}
    assert ends == set(get_args(Approval)) - {"awaited"}


def test_who_is_asked_has_its_places_taken_for_good_while_it_is_pending() -> None:
    asked = _asked()
    assert (asked.status, asked.payment_status, asked.expires_at) == ("pending", "authorized", 99)
    assert {line.state for line in asked.lines} == {"confirmed"}
    assert asked.is_awaited
    assert not asked.is_open
    assert booking_view(asked, int)["approval"] == {"state": "awaited", "expires_at": 99}
    assert booking_view(booking())["approval"] is None


def test_only_what_was_granted_is_confirmed() -> None:
    confirmed = moves.confirmed(moves.granted(_asked()), PAYMENT, "authorized", 5)
    assert (confirmed.status, confirmed.approval) == ("confirmed", "granted")
    assert {line.state for line in confirmed.lines} == {"confirmed"}
    with pytest.raises(IllegalMove):
        moves.confirmed(_asked(), PAYMENT, "authorized", 5)


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("declined", "declined"),
        ("unanswered", "lapsed"),
        ("by_buyer", "withdrawn"),
        ("payment_failed", "withdrawn"),
        ("disputed", "withdrawn"),
    ],
)
def test_each_end_says_whose_word_it_was(reason: CancelReason, answer: Approval) -> None:
    ended = moves.cancelled(_asked(), reason, "failed", 5)
    assert (ended.status, ended.approval) == ("cancelled", answer)
    assert {line.state for line in ended.lines} == {"released"}
    with pytest.raises(IllegalMove):
        moves.granted(ended)
    with pytest.raises(IllegalMove):
        moves.confirmed(ended, PAYMENT, "authorized", 6)


def test_nobody_is_asked_twice_and_nobody_grants_what_was_not_asked() -> None:
    with pytest.raises(IllegalMove):
        moves.awaited(_asked(), "authorized", 100)
    with pytest.raises(IllegalMove):
        moves.granted(booking())
    with pytest.raises(IllegalMove):
        moves.awaited(booking("confirmed", confirmed_at=1), "authorized", 100)


def test_what_an_owner_granted_stays_granted_when_it_is_given_up() -> None:
    confirmed = moves.confirmed(moves.granted(_asked()), PAYMENT, "authorized", 5)
    assert moves.cancelled(confirmed, "payment_failed", "failed", 6).approval == "granted"
