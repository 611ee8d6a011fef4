"""Which ranges of time can be booked, what they take and cost, and how the others are refused."""

from typing import Any

import pytest

from server.errors import InvalidRange
from server.inventory.grid.ranges import RangeWanted, wanted_range
from tests.inventory.grids import calendar_of, moment

NOW = "2026-11-21T08:10:00Z"  # a Saturday
DAY = {day: [["07:00", "22:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def wanted(start: str, end: str, zone: str = "Europe/London", *, now: str = NOW, **rules: Any) -> RangeWanted:
    return wanted_range(calendar_of(zone, **rules), start, end, moment(now))


def test_a_morning_takes_its_steps_at_their_price() -> None:
    found = wanted("2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z")
    first = calendar_of().index_at(moment("2026-11-21T09:00:00Z"))
    assert found.range == ("2026-11-21T09:00:00.000Z", "2026-11-21T11:00:00.000Z")
    assert found.items == tuple((first + place, 1, 150) for place in range(4))
    assert (found.first, found.count, found.price) == (first, 4, 600)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-21T23:00:00+14:00", "2026-11-22T01:00:00+14:00"),
        ("2026-11-20T21:00:00-12:00", "2026-11-20T23:00:00-12:00"),
        ("2026-11-21t09:00:00z", "2026-11-21T16:45:00+05:45"),
        ("2026-11-21T09:00:00.000Z", "2026-11-21 11:00Z"),
    ],
)
def test_a_time_counts_whatever_its_offset(start: str, end: str) -> None:
    assert wanted(start, end).range == ("2026-11-21T09:00:00.000Z", "2026-11-21T11:00:00.000Z")


@pytest.mark.parametrize(
    ("zone", "now", "range_", "steps", "price"),
    [
        # across midnight, from day to night
        ("Europe/London", NOW,
            ("2026-11-21T21:00:00Z", "2026-11-22T07:00:00Z"), 20, 2 * 300 + 8 * 100),
        # across both changes: a day of 23 hours and one of 25
        ("Europe/London", "2026-03-01T00:00:00Z",
            ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00+01:00"), 46,
         (11 + 5) * 300 + 7 * 100),
        ("Europe/London", "2026-10-01T00:00:00Z",
            ("2026-10-24T12:00:00+01:00", "2026-10-25T11:30:00Z"), 49,
         (11 + 4.5) * 300 + 9 * 100),
        # half an hour less, and half an hour more
        ("Australia/Lord_Howe", "2026-10-01T00:00:00Z",
            ("2026-10-03T22:00:00+10:30", "2026-10-04T07:00:00+11:00"), 17, 300 + 7.5 * 100),
        ("Australia/Lord_Howe", "2026-04-01T00:00:00Z",
            ("2026-04-04T22:00:00+11:00", "2026-04-05T07:00:00+10:30"), 19, 300 + 8.5 * 100),
        # the days before and after Ramadan
        ("Africa/Casablanca", "2026-02-01T00:00:00Z",
            ("2026-02-14T22:00:00+01:00", "2026-02-15T07:00:00+00:00"), 20, 300 + 9 * 100),
        # at midnight itself
        ("America/Santiago", "2026-09-01T00:00:00Z",
            ("2026-09-05T22:00:00-04:00", "2026-09-06T07:00:00-03:00"), 16, 300 + 7 * 100),
        ("Asia/Beirut", "2026-10-01T00:00:00Z",
            ("2026-10-24T22:00:00+03:00", "2026-10-25T07:00:00+02:00"), 20, 300 + 9 * 100),
        # 29 February, and a year's end
        ("Europe/London", "2028-02-01T00:00:00Z",
            ("2028-02-28T23:00:00Z", "2028-03-01T07:00:00Z"), 64,
         16 * 300 + 16 * 100),
        ("Asia/Kathmandu", "2026-12-01T00:00:00Z",
            ("2026-12-31T22:00:00+05:45", "2027-01-01T08:00:00+05:45"), 20,
         2 * 300 + 8 * 100),
    ],
)  # fmt: skip
def test_steps_and_price_are_exact_across_nights_and_changes(
    zone: str, now: str, range_: tuple[str, str], steps: int, price: float
) -> None:
    night = [
        {"start": "23:00", "end": "24:00", "price_per_hour": 100},
        {"start": "00:00", "end": "07:00", "price_per_hour": 100},
    ]
    found = wanted(*range_, zone, now=now, rates=night, max_minutes=2 * 1440)
    assert (found.count, len(found.items), found.price) == (steps, steps, price)


def test_the_steps_after_it_stay_free_where_they_are_open() -> None:
    found = wanted("2026-11-21T20:30:00Z", "2026-11-21T21:30:00Z", buffer_minutes=60, opening_hours=DAY)
    assert found.items[found.count :] == ((found.first + 2, 1, 0),)
    assert found.price == 300
    overnight = {**DAY, "sun": [["00:00", "24:00"]]}
    found = wanted(
        "2026-11-21T21:00:00Z", "2026-11-21T22:00:00Z", buffer_minutes=180, opening_hours=overnight
    )
    assert found.items[found.count :] == ((found.first + 6, 1, 0), (found.first + 7, 1, 0))


def test_an_odd_price_comes_out_whole() -> None:
    found = wanted("2026-11-21T09:00:00Z", "2026-11-21T09:30:00Z", step_minutes=10, price_per_hour=100)
    assert [price for _, _, price in found.items] == [17, 16, 17]
    assert found.price == 50


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "reversed": ("11:00", "09:00", {}, "its end is after its start"),
    "of no length": ("09:00", "09:00", {}, "its end is after its start"),
    "off the steps": ("09:10", "11:00", {},
        "Sat 21 Nov, 09:10 is inside a step of 30 minutes; one begins at 09:00, the next at 09:30"),
    "ending off the steps": ("09:00", "10:59", {},
        "10:59 is inside a step of 30 minutes; one begins at 10:30, the next at 11:00"),
    "too short": ("09:00", "10:00", {"min_minutes": 90}, "has 60 minutes; 90 are the least"),
    "too long": ("09:00", "13:00", {"max_minutes": 180}, "has 240 minutes; 180 are the most"),
    "past": ("07:30", "11:00", {}, "Sat 21 Nov, 07:30 is past; from Sat 21 Nov, 08:30 on it can be booked"),
    "begun": ("08:00", "11:00", {}, "08:00 is past; from Sat 21 Nov, 08:30 on"),
    "on too short notice": ("09:00", "11:00", {"notice_minutes": 75},
        "booked 75 minutes ahead at least; from Sat 21 Nov, 09:30 on"),
    "closed before": ("06:30", "08:00", {"opening_hours": DAY, "now": "2026-11-21T05:00:00Z"},
        "closed from Sat 21 Nov, 06:30 until Sat 21 Nov, 07:00"),
    "closed after": ("21:00", "22:30", {"opening_hours": DAY}, "It is closed from Sat 21 Nov, 22:00"),
    "over a pause": ("09:00", "16:00",
        {"exceptions": {"2026-11-21": [["08:00", "12:00"], ["13:00", "24:00"]]}},
        "closed from Sat 21 Nov, 12:00 until Sat 21 Nov, 13:00"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_range_is_refused_in_words(case: str) -> None:
    start, end, rules, told = REFUSED[case]
    with pytest.raises(InvalidRange) as refused:
        wanted(f"2026-11-21T{start}:00Z", f"2026-11-21T{end}:00Z", **rules)
    assert told in refused.value.detail


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2026-11-21T09:00:60Z", "is no time"),
        ("2026-12-31T23:59:60Z", "is no time"),
        ("2026-02-29T09:00:00Z", "is no time"),
        ("2026-11-21T24:00:00Z", "is no time"),
        ("2026-11-21T24:30:00Z", "is no time"),
        ("2026-11-21T09:00:00+25:00", "is no time"),
        ("2026-11-21T09:00:00", "has no offset"),
        ("2026-11-21", "is no time"),
        ("tomorrow", "is no time"),
        ("", "is no time"),
        ("1999-12-31T23:30:00Z", "times lie between 2000 and 2199"),
        ("9999-12-31T23:30:00Z", "times lie between 2000 and 2199"),
    ],
)
def test_what_is_no_time_is_refused(start: str, told: str) -> None:
    for given, name in (((start, "2026-11-21T11:00:00Z"), "start"), (("2026-11-21T09:00:00Z", start), "end")):
        with pytest.raises(InvalidRange, match=f"The range's {name}") as refused:
            wanted(*given)
        assert told in refused.value.detail


def test_the_horizon_is_a_day_of_its_clocks() -> None:
    rules: dict[str, Any] = {"horizon_days": 2, "max_minutes": 3 * 1440}
    assert wanted("2026-11-23T22:00:00Z", "2026-11-24T00:00:00Z", **rules).count == 4
    told = "up to 2 days ahead, until Tue 24 Nov, 00:00"
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("2026-11-23T22:00:00Z", "2026-11-24T00:30:00Z", {}),
        ("2027-11-23T22:00:00Z", "2027-11-24T00:00:00Z", {}),
        ("2026-11-23T22:00:00Z", "2026-11-24T00:00:00Z", {"buffer_minutes": 30}),
    ]
    for start, end, more in cases:
        with pytest.raises(InvalidRange, match=told):
            wanted(start, end, **rules, **more)


def test_a_time_that_clocks_show_twice_is_two_times() -> None:
    now = "2026-10-01T00:00:00Z"
    first = wanted("2026-10-25T01:00:00+01:00", "2026-10-25T01:30:00+01:00", now=now)
    second = wanted("2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00", now=now)
    assert second.first == first.first + 2


def test_a_step_that_has_begun_cannot_be_had() -> None:
    range_ = ("2026-11-21T08:10:00Z", "2026-11-21T08:20:00Z")
    assert wanted(*range_, now="2026-11-21T08:09:59.999Z", step_minutes=10).count == 1
    with pytest.raises(InvalidRange, match="is past; from Sat 21 Nov, 08:20 on"):
        wanted(*range_, now="2026-11-21T08:10:00Z", step_minutes=10)
