"""Bookings that were paid in time, changed and handed on: what the checkers say when a promise was broken."""

from typing import Any

import pytest

from tests.torture.checkers import Intent, Ledger, check_all, money
from tests.torture.checkers.ledger import Booking, Line, Payment
from tests.torture.scribe import EXACT, Scribe

SEAT = ("hall", "A-1", 1)
OTHER = ("hall", "A-2", 1)


@pytest.fixture
def scribe() -> Scribe:
    scribe = Scribe()
    scribe.did("ann", "connect", (0, 1), {}, holds=[])
    return scribe


def row(*slots: str, status: str = "confirmed", **more: Any) -> Booking:
    state = "released" if status == "cancelled" else "confirmed"
    lines = tuple(Line("hall", slot, 1, state) for slot in slots)
    return Booking("b1", "BK-1", "s", status, "paid", 1_000, "eur", 50, lines, **more)


def found(scribe: Scribe, booking: Booking) -> list[str]:
    ledger = Ledger(100_000, {"b1": booking})
    return [str(each) for each in check_all(scribe.history, ledger, terms=EXACT)]


def told(
    *lines: tuple[str, str, int], change: str | None = None, status: str = "confirmed"
) -> dict[str, Any]:
    written = [list(line) for line in lines]
    return {"booking": "b1", "status": status, "lines": written, "change": change, "expires_at": 100}


def is_changed(
    scribe: Scribe, *lines: tuple[str, str, int], at: tuple[int, int | None], **answer: Any
) -> None:
    arguments = {"booking": "b1", "lines": [list(line) for line in lines], "key": f"k{at[0]}"}
    scribe.did("ann", "change", at, arguments, **answer)


# -- paid in time -------------------------------------------------------------------------------------------


def pays(scribe: Scribe, at: tuple[int, int], outcome: str = "succeed") -> None:
    scribe.did("ann", "book", (2, 10), {"reference": "BK"}, **told(SEAT, status="pending"), holds=[])
    scribe.did("ann", "pay", at, {"booking": "b1", "payment": "p", "outcome": outcome})


def test_who_paid_in_time_and_lost_the_seat_all_the_same(scribe: Scribe) -> None:
    """Nothing is sold twice and all money went back: nobody else would notice."""
    pays(scribe, (20, 30))
    lost = row("A-1", status="cancelled", reason="expired")
    assert found(scribe, lost) == ["I6  b1 was paid 70 ms before its deadline, and has expired"]


@pytest.mark.parametrize(
    ("at", "outcome", "gives_up"),
    [((90, 120), "succeed", False), ((20, 30), "decline", False), ((20, 30), "succeed", True)],
)
def test_who_paid_late_in_vain_or_for_nothing_has_lost_nothing(
    scribe: Scribe, at: tuple[int, int], outcome: str, *, gives_up: bool
) -> None:
    pays(scribe, at, outcome)
    if gives_up:
        scribe.did("ann", "cancel", (40, 45), {"booking": "b1"})
    assert found(scribe, row("A-1", status="cancelled", reason="expired")) == []


# -- changed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slots", "what"),
    [
        (("A-1",), []),
        (("A-2",), []),
        (("A-1", "A-2"), ["I8  BK-1 has A-1+A-2, and is to have A-1 or A-2"]),
        (("A-3",), ["I8  BK-1 has A-3, and is to have A-1 or A-2"]),
    ],
)
def test_a_change_that_nobody_answered_has_brought_all_or_nothing(
    scribe: Scribe, slots: tuple[str, ...], what: list[str]
) -> None:
    scribe.did("ann", "read", (2, 10), {"booking": "b1"}, **told(SEAT))
    is_changed(scribe, OTHER, at=(20, None))
    assert found(scribe, row(*slots)) == what


def test_a_change_that_was_told_as_made_is_not_taken_back(scribe: Scribe) -> None:
    is_changed(scribe, OTHER, at=(20, 30), **told(OTHER))
    scribe.did("ann", "read", (40, 50), {"booking": "b1"}, **told(OTHER))
    assert found(scribe, row("A-2")) == []
    assert found(scribe, row("A-1")) == ["I8  BK-1 has A-1, and is to have A-2"]


def test_a_change_that_is_under_way_may_still_be_made_or_not(scribe: Scribe) -> None:
    is_changed(scribe, OTHER, at=(20, 30), **told(SEAT, change="c1"))
    assert found(scribe, row("A-1")) == found(scribe, row("A-2")) == []


def test_a_booking_that_was_only_changed_stands(scribe: Scribe) -> None:
    scribe.did("ann", "read", (2, 10), {"booking": "b1"}, **told(SEAT))
    is_changed(scribe, OTHER, at=(20, None))
    assert "I8  BK-1 is cancelled (changed), and was only changed" in found(
        scribe, row("A-1", status="cancelled", reason="changed")
    )


def test_what_was_given_up_by_a_change_may_be_anothers_and_what_it_brought_may_not(scribe: Scribe) -> None:
    scribe.did("ann", "read", (2, 10), {"booking": "b1"}, **told(SEAT))
    is_changed(scribe, OTHER, at=(20, 30), **told(OTHER))
    for at in ((40, 50), (80, 90)):
        scribe.did("ann", "read", at, {"booking": "b1"}, **told(OTHER))
    scribe.did("ben", "connect", (0, 1), {}, holds=[])
    scribe.holds("ben", "h1", "A-1", at=(60, 65))
    assert found(scribe, row("A-2")) == []
    scribe.holds("ben", "h2", "A-2", at=(66, 70))
    (double,) = found(scribe, row("A-2"))
    assert double.startswith("I2  hall A-2 is had 2 times of 1")


def test_what_a_booking_was_to_be_changed_to_may_be_refused_to_others(scribe: Scribe) -> None:
    is_changed(scribe, OTHER, at=(20, None))
    scribe.is_refused("ben", "A-2", at=(30, 40))
    scribe.is_refused("ben", "A-3", at=(30, 40))
    assert found(scribe, row("A-1")) == ["I3  ben was refused hall A-3, which nobody can have had"]


def test_what_was_paid_for_a_change_is_its_bookings() -> None:
    """The second intent is known at its provider by the change; the booking has since become cheaper."""
    payments = [
        Payment("p1", "b1", "b1", "pi1", "paid", 1_000, "eur"),
        Payment("p2", "b1", "c1", "pi2", "paid", 500, "eur", change="c1"),
    ]
    first = Intent("pi1", "b1", "p1", "eur", 1_000, "succeeded", captured=1_000, refunded=300)
    second = Intent("pi2", "c1", "p2", "eur", 500, "succeeded", captured=500)
    for worth, is_right in ((1_200, True), (1_500, False)):
        ledger = Ledger(0, {"b1": row("A-1", worth=worth)}, payments)
        wrong = [*money.conserved(ledger, [first, second]), *money.each_paid_once(ledger, [first, second])]
        assert (wrong == []) == is_right


def test_what_the_bank_took_back_is_not_given_back_again() -> None:
    ended = row("A-1", status="cancelled", reason="disputed")
    ledger = Ledger(0, {"b1": ended}, [Payment("p1", "b1", "b1", "pi1", "refunded", 1_000, "eur")])
    right = Intent("pi1", "b1", "p1", "eur", 1_000, "succeeded", captured=1_000, reversed=1_000)
    assert money.conserved(ledger, [right]) == money.each_paid_once(ledger, [right]) == []
    twice = Intent(
        "pi1", "b1", "p1", "eur", 1_000, "succeeded", captured=1_000, refunded=1_000, reversed=1_000
    )
    assert "pi1 of 1000 took 1000, gave back 1000" in str(money.each_paid_once(ledger, [twice])[0])


# -- handed on ----------------------------------------------------------------------------------------------


def is_handed_on(scribe: Scribe, at: tuple[int, int | None] = (20, 30)) -> None:
    scribe.did("ann", "book", (2, 10), {"reference": "BK"}, **told(SEAT), holds=[])
    scribe.did("ben", "accept", at, {"booking": "b1"}, **told(SEAT))


@pytest.mark.parametrize(
    ("who", "at", "what"),
    [
        ("ann", (40, 50), ["I9  ann could read b1 of ann"]),
        ("ann", (25, 50), []),
        ("ben", (40, 50), []),
        ("ben", (12, 15), ["I9  ben could read b1 of ann"]),
        ("cem", (12, 15), ["I9  cem could read b1 of ann"]),
    ],
)
def test_a_booking_is_seen_by_whose_it_is_alone(
    scribe: Scribe, who: str, at: tuple[int, int], what: list[str]
) -> None:
    is_handed_on(scribe)
    scribe.did(who, "read", at, {"booking": "b1"}, **told(SEAT))
    assert found(scribe, row("A-1")) == what


@pytest.mark.parametrize(
    ("who", "at", "is_wrong"),
    [("ann", (12, 15), True), ("ann", (25, 50), False), ("ben", (40, 50), True), ("cem", (40, 50), False)],
)
def test_nobody_is_told_that_their_own_booking_is_not_there(
    scribe: Scribe, who: str, at: tuple[int, int], *, is_wrong: bool
) -> None:
    is_handed_on(scribe)
    scribe.did(who, "read", at, {"booking": "b1"}, "fail", code="not_found")
    said = [f"I8  {who} asked to read b1 and was told that there is none"]
    assert found(scribe, row("A-1")) == (said if is_wrong else [])


def test_where_nobody_knows_whether_it_was_taken_it_may_be_either_ones(scribe: Scribe) -> None:
    is_handed_on(scribe, at=(20, None))
    scribe.did("ann", "read", (40, 50), {"booking": "b1"}, **told(SEAT))
    scribe.did("ann", "read", (60, 70), {"booking": "b1"}, "fail", code="not_found")
    scribe.did("ben", "read", (80, 90), {"booking": "b1"}, **told(SEAT))
    assert found(scribe, row("A-1")) == []
