"""Times and zones as texts."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from server.inventory.times import at_wall_clock, is_time_zone, parse_instant
from server.times import format_instant

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T19:30:00Z", "2026-11-21T19:30:00.000Z"),
        ("2026-11-21T20:30:00+01:00", "2026-11-21T19:30:00.000Z"),
        ("2026-11-21t19:30:00.123456z", "2026-11-21T19:30:00.123Z"),
        ("2026-11-21 19:30Z", "2026-11-21T19:30:00.000Z"),
    ],
)
def test_instants_are_kept_in_utc_with_milliseconds(text: str, instant: str) -> None:
    assert parse_instant(text) == instant


def test_a_clock_on_the_wall_needs_its_zone() -> None:
    assert parse_instant("2026-07-01T20:00", BERLIN) == "2026-07-01T18:00:00.000Z"
    with pytest.raises(ValueError, match="has no offset"):
        parse_instant("2026-07-01T20:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-11-21",
        "20261121T193000Z",
        "2026-13-01T00:00Z",
        "2026-11-21T24:01Z",
        "1999-01-01T00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_instant(text)


def test_clocks_change() -> None:
    def shown(day: date, clock: time) -> str:
        return format_instant(at_wall_clock(day, clock, BERLIN))

    assert shown(date(2026, 10, 24), time(10)) == "2026-10-24T08:00:00.000Z"
    assert shown(date(2026, 10, 25), time(10)) == "2026-10-25T09:00:00.000Z"
    assert shown(date(2027, 3, 28), time(2, 30)) == "2027-03-28T01:30:00.000Z"  # this clock is never shown


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata"])
def test_zones_of_the_database_are_known(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe/berlin", "../etc/passwd", "localtime", "UTC+1", "Factory"]
)
def test_other_names_are_no_zones(name: str) -> None:
    assert not is_time_zone(name)
