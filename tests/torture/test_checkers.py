"""Bad histories made by hand: each checker says what is wrong, and only that."""

from typing import Any

import pytest

from tests.torture.checkers import Intent, Ledger, Terms, Violation, bookings, check_all, deadlines, money
from tests.torture.checkers.ledger import Booking, Line, Payment
from tests.torture.checkers.stories import Stories
from tests.torture.scribe import EXACT, SOON, Scribe


def found(scribe: Scribe, terms: Terms = EXACT) -> list[str]:
    return [str(violation) for violation in check_all(scribe.history, terms=terms)]


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


# -- double holds and bookings ------------------------------------------------------------------------------


def test_two_answered_holds_of_one_seat(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.holds("ben", "h2", "A-1", "A-2", at=(5, 20))
    assert found(scribe) == ["I2  hall A-1 is had 2 times of 1: h1 of ann, h2 of ben"]


def test_a_hold_that_may_have_been_given_back_in_time_is_no_double(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.did("ann", "release", (12, None), {"hold": "h1"})
    scribe.holds("ben", "h2", "A-1", at=(11, 20))
    assert found(scribe) == []


def test_capacity_counts_places(scribe: Scribe) -> None:
    terms = Terms(clocks_ms=0, capacities={("hall", "tour"): 5})
    scribe.holds("ann", "h1", "tour*3", at=(0, 10))
    scribe.holds("ben", "h2", "tour*2", at=(0, 10))
    assert found(scribe, terms) == []
    scribe.holds("cy", "h3", "tour", at=(11, 12))
    assert found(scribe, terms) == ["I2  hall tour is had 6 times of 5: h1 of ann, h2 of ben, h3 of cy"]


def test_an_extension_of_one_tab_keeps_the_whole_cart(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=100)
    scribe.did("ann", "extend", (90, 95), {}, reference="BK-ann", expires_at=500)
    scribe.holds("ben", "h2", "A-1", at=(200, 210))
    assert found(scribe) == ["I2  hall A-1 is had 2 times of 1: h1 of ann, h2 of ben"]


def test_whoever_came_back_within_the_grace_still_has_it(scribe: Scribe) -> None:
    terms = Terms(clocks_ms=0, grace_ms=50)
    scribe.did("ann", "connect", (0, 1), {}, holds=[])
    scribe.holds("ann", "h1", "A-1", at=(2, 10))
    scribe.did("ann", "disconnect", (20, 20), {})
    scribe.holds("ben", "h2", "A-1", at=(75, 80))
    assert found(scribe, terms) == []
    scribe.did("ann", "connect", (40, 45), {}, holds=[{"id": "h1", "expires_at": SOON, "status": "held"}])
    assert found(scribe, terms) == ["I2  hall A-1 is had 2 times of 1: h1 of ann, h2 of ben"]


def test_a_fault_that_loses_holds_excuses_the_next_one(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.holds("ben", "h2", "A-1", at=(30, 40))
    scribe.saw("nemesis", "fault", 20, name="flush_redis", phase="strike")
    scribe.saw("nemesis", "fault", 25, name="flush_redis", phase="heal")
    scribe.saw("ann", "hold", 45, hold="h1", status="lost", reason="lost")
    assert found(scribe) == []
    assert found(scribe, Terms(clocks_ms=0, losing=frozenset())) != []


def test_two_confirmed_bookings_of_one_seat(scribe: Scribe) -> None:
    scribe.books("ann", "b1", ("hall", "A-1", 1), at=(0, 10))
    scribe.books("ben", "b2", ("hall", "A-1", 1), at=(20, 30))
    assert found(scribe) == [
        "I2  hall A-1 is had 2 times of 1: b1 of ann, b2 of ben",
        "I1  hall A-1 is booked 2 times of 1: b1 of ann, b2 of ben",
    ]


def test_what_is_held_of_what_is_booked(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=1_000)
    scribe.books("ann", "b1", ("hall", "A-1", 1), at=(20, 30), holds=("h1",))
    assert found(scribe) == []
    scribe.holds("ben", "h2", "A-1", at=(40, 50))
    assert found(scribe) == ["I2  hall A-1 is had 2 times of 1: b1 of ann, h2 of ben"]


def test_late_money_may_take_again_what_had_expired(scribe: Scribe) -> None:
    line = ("hall", "A-1", 1)
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=50)
    scribe.books("ann", "b1", line, at=(20, 30), holds=("h1",), status="pending", expires_at=100)
    scribe.saw("ann", "hold", 110, hold="h1", status="expired", reason="deadline")
    scribe.holds("ben", "h2", "A-1", at=(120, 130))
    scribe.releases("ben", "h2", at=(140, 150))
    told: dict[str, Any] = {"booking": "b1", "status": "confirmed", "lines": [list(line)]}
    scribe.did("ann", "read", (160, 170), {"booking": "b1"}, **told)
    assert found(scribe) == []


def test_a_cancelled_booking_makes_room(scribe: Scribe) -> None:
    scribe.books("ann", "b1", ("hall", "A-1", 1), at=(0, 10))
    scribe.did("ann", "cancel", (15, None), {"booking": "b1"})
    scribe.books("ben", "b2", ("hall", "A-1", 1), at=(20, 30))
    assert found(scribe) == []


def test_ranges_overlap_by_their_buffer(scribe: Scribe) -> None:
    scribe.parks("ann", "h1", (8, 10), at=(0, 10))
    scribe.parks("ben", "h2", (10, 12), at=(0, 10))
    assert found(scribe) == []
    assert found(scribe, Terms(clocks_ms=0, buffer_ms=60_000))[0].startswith("I2  driveway is had twice")


# -- ends ---------------------------------------------------------------------------------------------------


def test_an_end_before_the_deadline(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=1_000)
    scribe.saw("ann", "hold", 700, hold="h1", status="expired", reason="deadline")
    assert found(scribe) == ["I3  h1 of ann was expired, 300 ms before it could end"]


def test_a_release_that_nobody_asked_for(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=1_000)
    scribe.saw("ann", "hold", 700, hold="h1", status="released", reason="left")
    assert found(scribe) == ["I7  h1 of ann was released, 300 ms before it could end"]


def test_a_hold_that_is_missing_after_a_reload(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=1_000)
    scribe.did("ann", "disconnect", (20, 20), {})
    scribe.did("ann", "connect", (30, 40), {}, holds=[])
    assert found(scribe) == []
    assert found(scribe, Terms(clocks_ms=0, grace_ms=100)) == [
        "I7  h1 of ann was missing, 960 ms before it could end"
    ]


def test_a_booking_refused_as_expired_before_the_deadline(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=1_000)
    scribe.did("ann", "book", (800, 900), {"reference": "BK-ann"}, "fail", code="hold_expired")
    assert found(scribe) == ["I7  h1 of ann was refused as expired, 100 ms before it could end"]


def test_a_hold_that_dies_while_it_is_paid(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=500)
    line = ("hall", "A-1", 1)
    scribe.books("ann", "b1", line, at=(20, 30), holds=("h1",), status="pending", expires_at=2_000)
    scribe.saw("ann", "hold", 600, hold="h1", status="expired", reason="deadline")
    assert found(scribe) == ["I6  h1 of ann was expired, 1400 ms before it could end"]


def test_an_end_that_is_told_late_or_never(scribe: Scribe) -> None:
    for client, told in (("ann", 1_400), ("ben", 2_600), ("cy", None)):
        scribe.did(client, "connect", (0, 1), {}, holds=[])
        scribe.holds(client, f"h-{client}", client, at=(2, 10), until=500)
        if told is not None:
            scribe.saw(client, "hold", told, hold=f"h-{client}", status="expired", reason="deadline")
    assert found(scribe) == [
        "I3  h-ben of ben: its end was told 2100 ms after its deadline",
        "I3  h-cy of cy: its end was never told",
    ]
    scribe.saw("nemesis", "fault", 400, name="stop_redis", phase="strike")
    scribe.saw("nemesis", "fault", 1_700, name="stop_redis", phase="heal")
    scribe.saw("cy", "hold", 2_650, hold="h-cy", status="expired", reason="deadline")
    assert found(scribe, Terms(clocks_ms=0, recovery_ms=0)) == []


def test_what_is_not_ones_own(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.books("ann", "b1", ("hall", "A-2", 1), at=(0, 10))
    scribe.releases("ben", "h1", at=(20, 30))
    scribe.did("ben", "read", (20, 30), {"booking": "b1"}, booking="b1")
    assert found(scribe) == ["I9  ben could release h1 of ann", "I9  ben could read b1 of ann"]


def test_a_seat_that_stays_taken_after_its_hold(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), until=500)
    scribe.is_refused("ben", "A-1", at=(1_400, 1_600))
    assert found(scribe) == []
    scribe.is_refused("ben", "A-1", at=(1_501, 1_600))
    assert found(scribe) == ["I3  ben was refused hall A-1, which nobody can have had"]
    scribe.holds("cy", "h2", "A-1", at=(1_550, None))
    assert found(scribe) == []


# -- versions and views -------------------------------------------------------------------------------------


def test_versions_that_fall_or_come_twice(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), version=7)
    scribe.holds("ben", "h2", "A-2", at=(20, 30), version=6)
    scribe.holds("cy", "h3", "A-3", at=(0, 40), version=6)
    assert found(scribe) == [
        "I10  hall: h2 got version 6 after h1 had 7",
        "I10  hall: version 6 was given twice, to h3 and h2",
    ]


def test_the_same_hold_answered_again_is_one_effect(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10), version=7)
    scribe.holds("ben", "h2", "A-2", at=(20, 30), version=8)
    scribe.holds("ann", "h1", "A-1", at=(40, 50), version=8)
    assert found(scribe) == []


def test_who_insists_by_a_key_is_answered_as_the_first_time(scribe: Scribe) -> None:
    """The answer may be old by then: so is its version, and its hold may have ended."""
    asked: dict[str, Any] = {"resource": "hall", "items": [["A-1", 1]], "key": "k"}
    answer: dict[str, Any] = {
        "hold": "h1",
        "items": [["A-1", 1]],
        "expires_at": 30,
        "reference": "BK-ann",
        "version": 7,
    }
    scribe.did("ann", "hold", (0, None), asked)
    scribe.holds("ben", "h2", "A-1", at=(35, 38), version=9)
    scribe.did("ann", "hold", (40, 50), asked, **answer)
    assert found(scribe) == []
    scribe.did("cy", "hold", (60, 70), {**asked, "key": "another"}, **answer | {"hold": "h3"})
    assert found(scribe) == ["I10  hall: h3 got version 7 after h2 had 9"]


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ({"how": "snapshot", "epoch": "e", "to": 4}, "a snapshot goes back from version 5 to 4"),
        ({"how": "delta", "epoch": "e", "since": 8, "to": 7}, "a delta goes back from 8 to 7"),
        ({"how": "delta", "epoch": "f", "since": 5, "to": 7}, "a delta of epoch f came to e"),
    ],
)
def test_a_view_that_goes_back(scribe: Scribe, second: dict[str, object], what: str) -> None:
    scribe.saw("ann", "view", 0, resource="hall", how="snapshot", epoch="e", to=5)
    scribe.saw("ann", "view", 1, resource="hall", **second)
    assert found(scribe) == [f"I10  ann's hall: {what}"]


def test_a_delta_after_a_gap_before_anything_was_asked_again(scribe: Scribe) -> None:
    scribe.saw("ann", "view", 0, resource="hall", how="snapshot", epoch="e", to=5)
    scribe.saw("ann", "view", 1, resource="hall", how="delta", epoch="e", since=7, to=8)
    assert found(scribe) == []
    scribe.saw("ann", "view", 3, resource="hall", how="delta", epoch="e", since=8, to=9)
    assert found(scribe) == [
        "I10  ann's hall: a delta to 9 came after a gap at 5, before anything was asked again"
    ]
    scribe.saw("ann", "view", 2, resource="hall", how="resync", epoch="e", to=5)
    assert found(scribe) == []


def test_clients_that_end_with_something_else(scribe: Scribe) -> None:
    truth = {"resource": "hall", "epoch": "e", "version": 9, "digest": "d"}
    scribe.saw("server", "truth", 9, **truth)
    scribe.saw("ann", "end", 9, **truth)
    scribe.saw("ben", "end", 9, **truth | {"version": 8, "digest": "c"})
    scribe.saw("cy", "end", 9, **truth | {"digest": "x"})
    assert found(scribe) == [
        "I5  ben ends with version 8 of e, c of hall, the server version 9 of e, d",
        "I5  cy ends with version 9 of e, x of hall, the server version 9 of e, d",
        "I10  server and cy differ at version 9 of hall",
    ]


# -- the ledger ---------------------------------------------------------------------------------------------


def booking(name: str = "b1", **changed: object) -> Booking:
    row: dict[str, object] = {
        "id": name,
        "reference": f"BK-{name}",
        "session": "s",
        "status": "confirmed",
        "payment_status": "paid",
        "total": 1_000,
        "currency": "gbp",
        "expires_at": 50,
        "lines": (Line("hall", "A-1", 1, "confirmed"),),
    }
    return Booking(**row | changed)  # type: ignore[arg-type]  # a row of the above


def ledger(*rows: Booking, **more: object) -> Ledger:
    return Ledger(100, {row.id: row for row in rows}, **more)  # type: ignore[arg-type]  # as it was called


def texts(violations: list[Violation]) -> list[str]:
    return [str(violation) for violation in violations]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (None, "is not in the ledger"),
        (
            booking(status="cancelled", reason="expired"),
            "is cancelled (expired) in the ledger, and nobody ended it",
        ),
        (booking(total=900), "has total 900 in the ledger, not 1000"),
        (booking(lines=(Line("hall", "A-1", 1, "released"),)), "has lost [['hall', 'A-1', 1]] in the ledger"),
    ],
)
def test_a_confirmation_that_is_lost(scribe: Scribe, row: Booking | None, what: str) -> None:
    scribe.books("ann", "b1", ("hall", "A-1", 1), at=(0, 10), total=1_000)
    rows = ledger() if row is None else ledger(row)
    assert texts(bookings.lost_confirmations(scribe.history, rows)) == [f"I8  b1, confirmed to ann, {what}"]


def test_what_was_cancelled_is_not_lost(scribe: Scribe) -> None:
    scribe.books("ann", "b1", ("hall", "A-1", 1), at=(0, 10), total=1_000)
    scribe.did("ann", "cancel", (20, None), {"booking": "b1"})
    rows = ledger(booking(status="cancelled", reason="by_buyer"))
    assert bookings.lost_confirmations(scribe.history, rows) == []


def test_a_seat_sold_twice_in_the_ledger() -> None:
    rows = ledger(booking(), booking("b2"), capacities={("hall", "A-1"): 1})
    assert texts(bookings.oversold(rows)) == ["I1  hall A-1 is taken 2 times of 1 by ['BK-b1', 'BK-b2']"]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([booking(status="pending")], "BK-b1 is pending 50 ms after its deadline"),
        ([booking(status="cancelled")], "BK-b1 is cancelled, its lines are ['confirmed']"),
        (
            [booking(reference="BK"), booking("b2", reference="BK")],
            "the cart BK became 2 bookings: ['b1', 'b2']",
        ),
    ],
)
def test_an_outcome_that_stays_open(rows: list[Booking], what: str) -> None:
    assert texts(bookings.unresolved(Scribe().history, ledger(*rows))) == [f"I4  {what}"]


def test_one_key_that_was_answered_with_two_holds(scribe: Scribe) -> None:
    for hold, at in (("h1", (0, 10)), ("h2", (20, 30))):
        scribe.did("ann", "hold", at, {"resource": "hall", "key": "k"}, hold=hold, items=[], expires_at=SOON)
    assert texts(bookings.unresolved(scribe.history, ledger())) == [
        "I4  ann asked for one hold (k), got h1 and h2"
    ]


def intent(name: str = "pi", **changed: object) -> Intent:
    row: dict[str, object] = {
        "id": name,
        "booking": "b1",
        "payment": "p1",
        "currency": "gbp",
        "amount": 1_000,
        "status": "succeeded",
        "captured": 1_000,
    }
    return Intent(**row | changed)  # type: ignore[arg-type]  # a row of the above


PAYMENT = Payment("p1", "b1", "b1", "pi", "paid", 1_000, "gbp")
CANCELLED = booking(status="cancelled", lines=())


@pytest.mark.parametrize(
    ("row", "intents", "what"),
    [
        (
            booking(),
            [],
            {"0 gbp was taken and not given back, 1000 is due", "BK-b1 is confirmed for 1000, 0 is there"},
        ),
        (
            booking(),
            [intent(), intent("pi2")],
            {
                "2000 gbp was taken and not given back, 1000 is due",
                "BK-b1 is confirmed for 1000, 2000 is there",
                "BK-b1 was paid 2 times by b1",
            },
        ),
        (
            CANCELLED,
            [intent(refunded=400)],
            {"600 gbp was taken and not given back, 0 is due", "b1 is cancelled, and 600 of pi is kept"},
        ),
        (
            CANCELLED,
            [intent(captured=0, held=1_000, status="requires_capture")],
            {"pi still keeps 1000 promised"},
        ),
        (
            CANCELLED,
            [intent(refunded=1_200)],
            {
                "-200 gbp was taken and not given back, 0 is due",
                "pi of 1000 took 1000, gave back 1200",
                "b1 is cancelled, and -200 of pi is kept",
            },
        ),
        (
            CANCELLED,
            [intent(booking="b9")],
            {
                "1000 gbp was taken and not given back, 0 is due",
                "b9 is not in the ledger, and 1000 of pi is kept",
            },
        ),
    ],
)
def test_money_that_is_nobodys(row: Booking, intents: list[Intent], what: set[str]) -> None:
    rows = ledger(row, payments=[PAYMENT])
    violations = [*money.conserved(rows, intents), *money.each_paid_once(rows, intents)]
    assert set(texts(violations)) == {f"I4  {text}" for text in what}


def test_money_that_is_where_it_belongs() -> None:
    rows = ledger(booking(), payments=[PAYMENT])
    intents = [intent(), intent("pi2", refunded=1_000), intent("pi3", captured=0, status="canceled")]
    assert money.conserved(rows, intents) == money.each_paid_once(rows, intents) == []


def test_windows_of_faults_are_joined(scribe: Scribe) -> None:
    for at, name, phase in (
        (0, "a", "strike"),
        (5, "b", "strike"),
        (10, "a", "heal"),
        (20, "b", "heal"),
        (30, "a", "strike"),
    ):
        scribe.saw("nemesis", "fault", at, name=name, phase=phase)
    ((_, first), (since, last)) = deadlines.windows(scribe.history, Terms(recovery_ms=5))
    assert (first, since) == (25_000_000, 30_000_000)
    assert last > 1 << 60
    assert Stories(scribe.history, EXACT).holds == {}
