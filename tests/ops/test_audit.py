"""The audit finds each kind of lie, and nothing where there is none."""

from dataclasses import replace

import pytest

from server.holds.rules import HeldItem, Hold, HoldStatus
from server.ops.audit import Ledger, LineRow, Live, Record, SlotRow, compare, lasting

NOW = 1_000_000


def hold(identifier: str, index: int, status: HoldStatus = "held", expires_at: int = NOW + 60_000) -> Hold:
    return Hold(
        id=identifier,
        session="ann",
        resource="hall",
        reference="BK-1",
        items=(HeldItem(index, 1, 500),),
        currency="usd",
        status=status,
        created_at=NOW,
        expires_at=expires_at,
    )


def line(index: int, state: str, identifier: str = "h", status: str | None = None) -> LineRow:
    return LineRow(index, 1, state, identifier, "BK-1", status or state, NOW + 60_000)


SOLD = line(1, "confirmed", "sold")
PAYING = line(2, "pending", "paid")
LEDGER = Ledger(
    resource="hall",
    epoch="one",
    layout=1,
    slots=[SlotRow(0, 1, 0, False), SlotRow(1, 1, 1, False), SlotRow(2, 1, 1, False), SlotRow(3, 1, 0, True)],
    lines=[SOLD, PAYING],
)
LIVE = Live(
    epoch="one",
    layout=1,
    now=NOW,
    records=[Record(0, 1, 0, 1), Record(0, 0, 1, 1), Record(0, 1, 0, 1), Record(0, 0, 0, 0)],
    holds=[hold("cart", 0), hold("paid", 2, "paying")],
)


def broken(ledger: Ledger, live: Live | None) -> list[str]:
    return [str(finding) for finding in compare(ledger, live)]


def test_nothing_is_found_where_both_agree() -> None:
    assert broken(LEDGER, LIVE) == []


def test_a_resource_that_redis_does_not_know_yet_is_no_finding() -> None:
    assert broken(LEDGER, None) == []


def test_a_slot_sold_twice_is_found() -> None:
    twice = replace(LEDGER, lines=[SOLD, SOLD, PAYING])
    assert any("slot 1 is confirmed 2 times" in sentence for sentence in broken(twice, None))


def test_a_count_that_is_not_its_lines_is_found() -> None:
    forgotten = replace(LEDGER, lines=[PAYING])
    assert broken(forgotten, None) == ["I1  hall: slot 1 counts 1 as taken, its lines 0"]


@pytest.mark.parametrize(("state", "status"), [("pending", "confirmed"), ("confirmed", "cancelled")])
def test_a_line_that_its_booking_does_not_bear_out_is_found(state: str, status: str) -> None:
    odd = replace(LEDGER, lines=[SOLD, line(2, state, "paid", status)])
    assert broken(odd, None) == [f"I1  hall: slot 2 is {state} for BK-1, which is {status}"]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (Record(0, 1, 1, 1), "has 1 held and 1 booked of 1"),
        (Record(1, 1, 0, 1), "does not add up"),
        (Record(1, 0, 0, 1), "has 0 held, its holds 1"),
    ],
)
def test_a_record_that_does_not_add_up_is_found(record: Record, sentence: str) -> None:
    live = replace(LIVE, records=[record, *LIVE.records[1:]])
    assert any("I2" in found and sentence in found for found in broken(LEDGER, live))


def test_a_hold_past_its_deadline_is_found_after_a_second() -> None:
    def late(milliseconds: int) -> list[str]:
        holds = [hold("cart", 0, expires_at=NOW - milliseconds), hold("paid", 2, "paying")]
        return broken(LEDGER, replace(LIVE, holds=holds))

    assert late(1_000) == []
    assert late(1_001) == ["I3  hall: hold cart of BK-1 is 1001 ms past its deadline"]


def test_paying_that_nobody_ends_is_found() -> None:
    found = broken(LEDGER, replace(LIVE, now=NOW + 60_000 + 60_001, holds=[LIVE.holds[1]]))
    assert any("still being paid for BK-1" in sentence for sentence in found)


def test_another_epoch_or_layout_is_found() -> None:
    assert broken(LEDGER, replace(LIVE, epoch="two")) == ["R=P  hall: Redis is at two, layout 1; not one, 1"]


def test_another_number_of_slots_is_found() -> None:
    assert "R=P  hall: Redis has 3 slots, PostgreSQL 4" in broken(
        LEDGER, replace(LIVE, records=LIVE.records[:3])
    )


def test_a_booking_that_redis_shows_as_free_is_found() -> None:
    records = [LIVE.records[0], Record(1, 0, 0, 1), *LIVE.records[2:]]
    assert broken(LEDGER, replace(LIVE, records=records)) == [
        "R=P  hall: slot 1 is booked 0 times in Redis, 1 here"
    ]


def test_a_capacity_that_differs_is_found() -> None:
    records = [*LIVE.records[:3], Record(1, 0, 0, 1)]
    assert broken(LEDGER, replace(LIVE, records=records)) == [
        "R=P  hall: slot 3 has capacity 1 in Redis, 0 in PostgreSQL"
    ]


def test_paying_holds_and_pending_lines_that_do_not_meet_are_found() -> None:
    stray = replace(LIVE, holds=[LIVE.holds[0], hold("stray", 2, "paying")])
    assert broken(LEDGER, stray) == [
        "R=P  hall: BK-1 is being paid, and its hold paid is not paying",
        "R=P  hall: hold stray is paying, and no pending booking knows it",
    ]


def test_what_is_gone_in_the_second_reading_was_on_its_way() -> None:
    first = compare(replace(LEDGER, lines=[PAYING]), None)
    assert lasting(first, first) == first
    assert lasting(first, []) == []
