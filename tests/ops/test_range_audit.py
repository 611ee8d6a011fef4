"""The audit finds each way in which ranges and their steps can disagree."""

from typing import Any

import asyncpg
import pytest

from server.ops.auditor import audit
from server.ops.range_audit import RangeRow, ranges
from tests.bookings.driveways import DRIVEWAY, Street, rules
from tests.payments.conftest import house
from tests.payments.house import House

__all__ = ["house"]

STEP = 900_000
DAY = "1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z"
NINE, TEN = "1970-01-01T09:00:00.000Z", "1970-01-01T10:00:00.000Z"


def row(first: int = 36, stop: int = 40, *, reference: str = "BK-1", **changed: Any) -> RangeRow:
    """From nine to ten, of quarters of an hour since the epoch."""
    span = (first * STEP, stop * STEP)
    standing: dict[str, Any] = {
        "resource": "r",
        "reference": reference,
        "origin": 0,
        "step": STEP,
        "exclusive": True,
        "steps": list(range(first, stop)),
        "booked": span,
        "taken": span,
    }
    return RangeRow(**standing | changed)


@pytest.mark.parametrize(
    "found",
    [
        [row()],
        [row(steps=[36, 37, 38, 39, 40, 41])],
        [row(), row(40, 44, reference="BK-2")],
        [row(), row(38, 44, reference="BK-2", resource="another")],
        [row(exclusive=False), row(38, 44, reference="BK-2", exclusive=False)],
    ],
)
def test_nothing_is_found_where_all_is_well(found: list[RangeRow]) -> None:
    assert ranges(found) == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([row(taken=None)], f"BK-1 has {NINE} to {TEN}, and nothing is taken for it"),
        ([row(booked=None, steps=[])], f"{NINE} to {TEN} is taken for BK-1, which has no lines there"),
        (
            [row(taken=(36 * STEP, 39 * STEP))],
            f"BK-1 has {NINE} to {TEN}, and {NINE} to 1970-01-01T09:45:00.000Z is taken for it",
        ),
        ([row(steps=[36, 39])], f"BK-1 has {NINE} to {TEN} without 2 of its steps"),
        ([row(steps=[35, 36, 37, 38, 39])], f"BK-1 has 1 steps before {NINE} to {TEN}"),
    ],
)
def test_each_disagreement_is_found(found: list[RangeRow], sentence: str) -> None:
    assert [finding.sentence for finding in ranges(found)] == [sentence]


def test_a_long_range_overlaps_all_that_lie_in_it() -> None:
    found = ranges([row(0, 96), row(1, 2, reference="BK-2"), row(40, 44, reference="BK-3")])
    assert [finding.sentence for finding in found] == [
        f"1970-01-01T{begins} of {reference} overlaps {DAY} of BK-1"
        for begins, reference in (
            ("00:15:00.000Z to 1970-01-01T00:30:00.000Z", "BK-2"),
            ("10:00:00.000Z to 1970-01-01T11:00:00.000Z", "BK-3"),
        )
    ]


async def test_the_audit_reads_ranges_beside_their_lines(house: House) -> None:
    street = Street(house)
    await street.sells(rules(buffer_minutes=30))
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.sold(ann, "09:00", "10:00")
    await street.books(ben, "11:00", "12:00")
    assert await _sentences(house) == []
    await house.execute("delete from booking_range where lower(during)::text ~ '09:00'")
    (missing,) = await _sentences(house)
    assert "nothing is taken for it" in missing
    await house.execute("alter table booking_range drop constraint booking_range_apart")
    await house.execute(
        "insert into booking_range select booking_id, hold_id, $1, tstzrange(range_start::timestamptz,"
        " range_end::timestamptz + interval '2 hours'), true from booking_line where position = 0"
        " and range_start ~ '09:00'",
        DRIVEWAY,
    )
    assert [sentence for sentence in await _sentences(house) if "overlaps" in sentence]
    with pytest.raises(asyncpg.UniqueViolationError):
        await house.execute("insert into booking_range select * from booking_range")


async def _sentences(house: House) -> list[str]:
    found = await audit(house.database, house.redis, settle_seconds=0)
    return [finding.sentence for finding in found if finding.resource == DRIVEWAY]
