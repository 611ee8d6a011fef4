"""A grid's calendar: where clocks are set, at the ends of months and years, and what it costs."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.inventory.grid import calendar as module
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.clocks import Span, joined, midnight
from server.inventory.grid.rules import STEP_MINUTES, WEEKDAYS, minutes_of
from server.inventory.rules import Slot
from tests.inventory.examples import resource
from tests.inventory.grids import ALWAYS, calendar_of, moment

ZONES = [
    "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "Asia/Beirut",
    "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "America/Nuuk",
    "Antarctica/Troll", "Africa/Cairo", "Atlantic/Azores", "Europe/Dublin", "Pacific/Chatham", "UTC",
]  # fmt: skip


def spans_of(calendar: Calendar, day: str) -> list[str]:
    """When it is open on a day, in the words of its clocks: `09:00+0100 17:00+0100`."""
    first, count = calendar.steps_of(date.fromisoformat(day))
    capacities = calendar.capacities(first, count)
    edges = [
        place for place in range(count + 1)
        if (capacities[place] if place < count else 0) != (capacities[place - 1] if place else 0)
    ]  # fmt: skip
    clocks = [calendar.local(calendar.starts_at(first + place)) for place in edges]
    said = [f"{clock:%H:%M}{clock:%z}" for clock in clocks]
    return [" ".join(pair) for pair in zip(said[::2], said[1::2], strict=True)]


def spoken(slot: Slot) -> str:
    """A slot's label with a plain dash."""
    return slot.label.replace("\u2013", "-")


@pytest.mark.parametrize(
    ("zone", "day", "hours", "spans"),
    [
        # London, spring: 01:00 → 02:00
        ("Europe/London", "2026-03-29", [["00:00", "24:00"]], ["00:00+0000 00:00+0100"]),
        ("Europe/London", "2026-03-29", [["01:00", "02:00"]], []),
        ("Europe/London", "2026-03-29", [["01:30", "04:00"]], ["02:00+0100 04:00+0100"]),
        ("Europe/London", "2026-03-29", [["00:00", "01:30"]], ["00:00+0000 02:00+0100"]),
        ("Europe/London", "2026-03-29", [["00:30", "01:30"], ["02:00", "03:00"]], ["00:30+0000 03:00+0100"]),
        # London, autumn: 02:00 → 01:00
        ("Europe/London", "2026-10-25", [["01:00", "02:00"]], ["01:00+0100 02:00+0000"]),
        (
            "Europe/London",
            "2026-10-25",
            [["00:00", "01:30"]],
            ["00:00+0100 01:30+0100", "01:00+0000 01:30+0000"],
        ),
        (
            "Europe/London",
            "2026-10-25",
            [["01:30", "02:30"]],
            ["01:30+0100 01:00+0000", "01:30+0000 02:30+0000"],
        ),
        # Lord Howe, half an hour: spring 02:00 → 02:30, autumn 02:00 → 01:30
        ("Australia/Lord_Howe", "2026-10-04", [["01:30", "03:00"]], ["01:30+1030 03:00+1100"]),
        ("Australia/Lord_Howe", "2026-10-04", [["02:00", "02:30"]], []),
        ("Australia/Lord_Howe", "2026-04-05", [["01:30", "02:00"]], ["01:30+1100 02:00+1030"]),
        # Casablanca, Ramadan of 2026: 03:00 → 02:00 on 15 February, 02:00 → 03:00 on 22 March
        ("Africa/Casablanca", "2026-02-15", [["02:00", "03:00"]], ["02:00+0100 03:00+0000"]),
        ("Africa/Casablanca", "2026-03-22", [["02:30", "04:00"]], ["03:00+0100 04:00+0100"]),
        # Santiago and Beirut, at midnight
        ("America/Santiago", "2026-09-06", [["00:00", "02:00"]], ["01:00-0300 02:00-0300"]),
        ("America/Santiago", "2026-04-04", [["23:00", "24:00"]], ["23:00-0300 00:00-0400"]),
        ("Asia/Beirut", "2026-03-29", [["00:00", "02:00"]], ["01:00+0300 02:00+0300"]),
        (
            "Asia/Beirut",
            "2026-10-24",
            [["23:30", "24:00"]],
            ["23:30+0300 23:00+0200", "23:30+0200 00:00+0200"],
        ),
        # a quarter of an hour beside everybody, and days like others
        ("Asia/Kathmandu", "2026-11-21", [["09:00", "17:00"]], ["09:00+0545 17:00+0545"]),
        ("Europe/London", "2028-02-29", [["09:00", "17:00"]], ["09:00+0000 17:00+0000"]),
        ("Pacific/Kiritimati", "2026-12-31", [["22:00", "24:00"]], ["22:00+1400 00:00+1400"]),
        ("Etc/GMT+12", "2027-01-01", [["00:00", "02:00"]], ["00:00-1200 02:00-1200"]),
    ],
)
def test_hours_are_what_clocks_show(zone: str, day: str, hours: list[list[str]], spans: list[str]) -> None:
    for rules in ({"opening_hours": dict.fromkeys(WEEKDAYS, hours)}, {"exceptions": {day: hours}}):
        assert spans_of(calendar_of(zone, **rules), day) == spans


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", "2026-03-29", 23),
        ("Europe/London", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Africa/Casablanca", "2026-02-15", 25),
        ("America/Santiago", "2026-09-06", 23),
        ("America/Santiago", "2026-04-04", 25),
        ("Asia/Beirut", "2026-03-29", 23),
        ("Europe/London", "2028-02-29", 24),
    ],
)
def test_a_day_has_the_steps_that_it_has(zone: str, day: str, hours: float) -> None:
    calendar = calendar_of(zone)
    first, count = calendar.steps_of(date.fromisoformat(day))
    assert count == 2 * hours
    assert sum(calendar.capacities(first, count)) == count


def test_steps_of_an_hour_where_clocks_are_set_by_half_of_one() -> None:
    calendar = calendar_of(
        "Australia/Lord_Howe", step_minutes=60, opening_hours={"sun": [["01:00", "04:00"]]}
    )
    summer = calendar.steps_of(date(2026, 4, 5))
    assert [spoken(slot) for slot in calendar.slots(*summer) if not slot.blocked] == [
        "01:30-02:00",  # an hour, in which clocks show 01:30 to 02:00 twice
        "02:00-03:00",
        "03:00-04:00",
    ]
    later = calendar.steps_of(date(2026, 10, 11))  # summer again: steps begin at half past
    assert [spoken(slot) for slot in calendar.slots(*later) if not slot.blocked] == [
        "01:30-02:30",
        "02:30-03:30",
    ]


def test_hours_until_midnight_go_on_on_the_next_day() -> None:
    summer = calendar_of("Australia/Lord_Howe", step_minutes=60)
    assert sum(summer.capacities(*summer.steps_of(date(2026, 12, 31)))) == 24
    apart = calendar_of("Australia/Lord_Howe", step_minutes=60, exceptions={"2027-01-01": []})
    assert (
        sum(apart.capacities(*apart.steps_of(date(2026, 12, 31)))) == 23
    )  # the last would end in the closed day


def test_an_exception_is_a_day_of_its_own() -> None:
    calendar = calendar_of(exceptions={"2026-12-25": [], "2028-02-29": [["10:00", "11:00"]]})
    assert spans_of(calendar, "2026-12-25") == []
    assert spans_of(calendar, "2028-02-29") == ["10:00+0000 11:00+0000"]
    assert spans_of(calendar, "2028-03-01") == ["00:00+0000 00:00+0000"]


def test_a_step_says_all_of_itself() -> None:
    calendar = calendar_of("Asia/Kathmandu", opening_hours={"sat": [["09:00", "17:00"]]}, capacity=12)
    slot = calendar.slot(calendar.index_at(moment("2026-11-21T09:00:00+05:45")))
    assert (slot.id, spoken(slot), slot.section) == ("2026-11-21T03:15:00Z", "09:00-09:30", "2026-11-21")
    assert (slot.starts_at, slot.ends_at) == ("2026-11-21T03:15:00.000Z", "2026-11-21T03:45:00.000Z")
    assert (slot.capacity, slot.price.amount, slot.price.currency, slot.blocked) == (12, 150, "gbp", False)
    assert calendar.slot(slot.index - 1).blocked


@pytest.mark.parametrize(
    "slot_id",
    [
        "", "A-1", "2026-11-21", "2026-11-21T09:10:00Z", "2026-11-21T09:00:00.000Z", "2026-11-21T09:00:00",
        "2026-11-21T9:00:00Z", "2026-02-30T09:00:00Z", "2026-11-21T09:00:60Z", "2024-12-31T23:30:00Z",
        "٢026-11-21T09:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_step_has_no_index(slot_id: str) -> None:
    assert calendar_of().index_of(slot_id) is None


def test_evenings_and_weekends_have_their_own_price() -> None:
    rates = [
        {"start": "18:00", "end": "24:00", "price_per_hour": 100, "weekdays": ["sat", "sun"]},
        {"start": "17:00", "end": "24:00", "price_per_hour": 200},
    ]
    calendar = calendar_of(rates=rates)
    prices = {
        clock: calendar.hourly(calendar.index_at(moment(f"2026-11-{clock}:00Z")))
        for clock in ("20T16:30", "20T17:00", "20T23:30", "21T17:30", "21T18:00", "23T00:00")
    }
    assert list(prices.values()) == [300, 200, 200, 200, 100, 300]


def test_prices_go_with_the_clock_where_it_is_set() -> None:
    calendar = calendar_of(rates=[{"start": "01:00", "end": "02:00", "price_per_hour": 100}])
    autumn = calendar.steps_of(date(2026, 10, 25))
    assert calendar.prices(*autumn)[:8] == [150, 150, 50, 50, 50, 50, 150, 150]
    assert calendar.prices(*calendar.steps_of(date(2026, 3, 29)))[:4] == [150, 150, 150, 150]


def test_the_window_and_the_horizon_are_days_of_its_clocks() -> None:
    calendar = calendar_of("Europe/London", horizon_days=365)
    first = calendar.today(moment("2026-10-24T22:59:59Z"))
    assert calendar.day_of(first) == date(2026, 10, 24)
    assert calendar.today(moment("2026-10-24T23:00:00Z")) == first + 48
    assert calendar.window(first) == 7 * 48 + 2
    assert calendar.day_of(first + calendar.horizon(first)) == date(2027, 10, 25)
    assert calendar.day_of(first + calendar.horizon(first) - 1) == date(2027, 10, 24)


def test_a_midnight_that_clocks_skip_is_when_they_do() -> None:
    def begins(day: date, zone: str) -> str:
        return f"{datetime.fromtimestamp(midnight(day, ZoneInfo(zone)) / 1000, UTC):%d %H:%M}"

    assert begins(date(1919, 3, 31), "America/Toronto") == "31 04:30"  # from 23:30 to 00:30
    assert begins(date(2026, 9, 6), "America/Santiago") == "06 04:00"  # from 00:00 to 01:00
    assert begins(date(2011, 12, 30), "Pacific/Apia") == "30 10:00"  # a day that was not there
    assert begins(date(2026, 11, 21), "Asia/Kathmandu") == "20 18:15"


def test_a_resource_that_is_no_grid_has_no_calendar() -> None:
    hall = resource()
    with pytest.raises(ValueError, match="hall is no grid"):
        Calendar(hall)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Grids of all sorts."""
    step = draw(st.sampled_from(STEP_MINUTES))
    clocks = st.lists(st.integers(0, 24 * 60 // step), min_size=2, max_size=6, unique=True).map(sorted)

    def spans(edges: list[int]) -> list[list[str]]:
        texts = [f"{edge * step // 60:02}:{edge * step % 60:02}" for edge in edges]
        return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=False)]

    week = draw(st.dictionaries(st.sampled_from(WEEKDAYS), clocks.map(spans)))
    rates: list[dict[str, Any]] = [
        {"start": start, "end": end, "price_per_hour": draw(st.integers(0, 2_000))}
        for start, end in spans(draw(clocks))
    ]
    return calendar_of(
        draw(st.sampled_from(ZONES)),
        step_minutes=step,
        opening_hours=draw(st.sampled_from([week, ALWAYS])),
        price_per_hour=draw(st.integers(0, 2_000)),
        rates=rates,
        capacity=draw(st.integers(1, 3)),
    )


DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31)) | st.sampled_from(
    [date.fromisoformat(day) for day in (
        "2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04", "2026-02-15", "2026-03-22", "2026-09-06",
        "2026-09-05", "2026-04-04", "2026-10-24", "2026-03-28", "2028-02-29", "2026-12-31",
    )]
)  # fmt: skip


def shows_opening_hours(calendar: Calendar, index: int) -> bool:
    """Whether clocks show opening hours all along a step; the slow way."""
    begin = datetime.fromtimestamp(calendar.starts_at(index) / 1000, UTC)
    for minute in {*range(0, calendar.rules.step_minutes, 5), calendar.rules.step_minutes - 1}:
        clock = (begin + timedelta(minutes=minute)).astimezone(calendar.zone)
        hours = calendar.rules.opening_hours.get(WEEKDAYS[clock.weekday()], ())
        shown = clock.hour * 60 + clock.minute
        if not any(minutes_of(start) <= shown < minutes_of(end) for start, end in hours):
            return False
    return True


@settings(max_examples=40, deadline=None)
@given(calendars(), DAYS)
def test_a_calendar_agrees_with_itself_and_with_clocks(calendar: Calendar, day: date) -> None:
    first, count = calendar.steps_of(day)
    capacities, sections = calendar.capacities(first, count), calendar.sections(first, count)
    assert set(sections) <= {day.isoformat()}
    assert len(capacities) == len(sections) == count
    for slot, capacity in zip(calendar.slots(first, count), capacities, strict=True):
        index = slot.index
        assert calendar.index_at(calendar.starts_at(index)) == index
        assert calendar.index_at(calendar.starts_at(index + 1) - 1) == index
        assert calendar.index_of(slot.id) == index
        assert calendar.today(calendar.starts_at(index)) == first
        assert slot.section == day.isoformat() == calendar.day_of(index).isoformat()
        assert calendar.is_open(index) == (not slot.blocked) == (capacity > 0)
        assert (capacity > 0) == shows_opening_hours(calendar, index)
        assert slot.starts_at is not None
        assert moment(slot.starts_at) == calendar.starts_at(index)


@settings(max_examples=40, deadline=None)
@given(calendars(), DAYS, st.integers(0, 600), st.integers(1, 150))
def test_prices_come_to_the_exact_price(calendar: Calendar, day: date, offset: int, count: int) -> None:
    first = calendar.first_of(day) + offset
    exact = Fraction(0)
    prices = calendar.prices(first, count)
    for place in range(count):
        exact += Fraction(calendar.hourly(first + place) * calendar.rules.step_minutes, 60)
        if place in {0, count // 2, count - 1}:
            assert sum(prices[: place + 1]) == floor(exact + Fraction(1, 2))
    assert min(prices) >= 0


@settings(max_examples=30, deadline=None)
@given(calendars(), DAYS, st.integers(0, 600), st.integers(1, 1200))
def test_a_part_of_a_run_says_what_the_run_says(
    calendar: Calendar, day: date, offset: int, count: int
) -> None:
    first = calendar.first_of(day)
    whole = calendar.capacities(first, offset + count)
    assert calendar.capacities(first + offset, count) == whole[offset:]
    assert list(calendar.sections(first, offset + count))[offset:] == calendar.sections(first + offset, count)
    assert sum(length for _, _, length in calendar.days(first + offset, count)) == count


def test_a_year_of_small_steps_is_worked_out_by_days_that_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[object] = []

    def counted(spans: Sequence[Span]) -> list[Span]:
        worked_out.append(spans)
        return joined(spans)

    monkeypatch.setattr(module, "joined", counted)
    hours = [["07:00", "12:00"], ["13:00", "22:00"]]
    calendar = calendar_of(step_minutes=5, opening_hours=dict.fromkeys(WEEKDAYS, hours), capacity=2)
    first = calendar.today(moment("2026-11-21T12:00:00Z"))
    year = calendar.capacities(first, calendar.horizon(first))
    assert len(year) == 366 * 288
    assert sum(year) == 366 * 14 * 12 * 2
    # One that most are like, its neighbours of the days on which clocks are set, and those two.
    assert len(worked_out) <= 5
