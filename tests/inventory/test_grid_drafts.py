"""A grid's rules as requests say them: what is read, and how each mistake is named."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from server.errors import InvalidFields
from server.inventory.edits import new_draft
from server.inventory.grid.drafts import kept_origin, origin_of
from server.inventory.grid.rules import Rate
from server.inventory.grid.views import grid_view
from tests.inventory.grids import rules_of


def problems_of(**rules: Any) -> list[str]:
    with pytest.raises(InvalidFields) as refused:
        rules_of(**rules)
    return [f"{error.field} {error.message}" for error in refused.value.errors or ()]


def test_rules_are_read_with_defaults() -> None:
    rules = rules_of(exceptions={"2027-01-01": [], "2026-12-24": [["07:00", "12:00"], ["13:00", "24:00"]]})
    assert (rules.capacity, rules.buffer_minutes, rules.min_minutes, rules.max_minutes) == (1, 0, 0, 1440)
    assert (rules.notice_minutes, rules.horizon_days) == (0, 365)
    assert rules.exceptions == {"2026-12-24": (("07:00", "12:00"), ("13:00", "24:00")), "2027-01-01": ()}


def test_prices_are_numbers_or_money_and_are_shown_as_money() -> None:
    rate = {"start": "18:00", "end": "24:00", "price_per_hour": 200, "weekdays": ["sun", "sat", "sun"]}
    rules = rules_of(price_per_hour={"amount": 300, "currency": "gbp"}, rates=[rate])
    assert rules.rates == (Rate(start="18:00", end="24:00", price_per_hour=200, weekdays=("sat", "sun")),)
    view = grid_view(rules, "gbp")
    assert view["price_per_hour"] == {"amount": 300, "currency": "gbp"}
    assert view["rates"][0]["price_per_hour"] == {"amount": 200, "currency": "gbp"}
    assert rules_of(**view) == rules


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"step_minutes": 45}, "step_minutes is 45; one of 5, 6, 10, 12, 15, 20, 30, 60 is wanted"),
        ({"step_minutes": 30.0}, "step_minutes is 30.0"),
        ({"step_minutes": True}, "step_minutes is true"),
        ({"step_minutes": None}, "step_minutes is missing"),
        ({"origin": "2026-01-01T00:00:00.000Z"}, "origin is '2026-01-01T00:00:00.000Z'; leave it out"),
        ({"opening_hours": None}, "opening_hours is missing"),
        ({"opening_hours": []}, "opening_hours is a list; a map of fields is wanted"),
        ({"opening_hours": {"monday": []}}, "opening_hours.monday is no field of a week; did you mean mon?"),
        ({"opening_hours": {"mon": "07:00-22:00"}}, "opening_hours.mon is '07:00-22:00'; a list is wanted"),
        ({"opening_hours": {"mon": [["07:00"]]}}, "opening_hours.mon[0] is a list; two times of a clock"),
        ({"opening_hours": {"mon": ["07:00"]}}, "opening_hours.mon[0] is '07:00'; two times of a clock"),
        ({"opening_hours": {"mon": [["7:00", "22:00"]]}}, "opening_hours.mon[0] has '7:00'"),
        ({"opening_hours": {"mon": [["07:00", "24:30"]]}}, "opening_hours.mon[0] has '24:30'"),
        ({"opening_hours": {"mon": [["07:60", "22:00"]]}}, "opening_hours.mon[0] has '07:60'"),
        ({"opening_hours": {"mon": [[7, 22]]}}, "opening_hours.mon[0] has 7; two times"),
        ({"opening_hours": {"mon": [["24:00", "24:00"]]}}, "opening_hours.mon[0] ends at 24:00, not after"),
        ({"opening_hours": {"mon": [["22:00", "06:00"]]}}, "opening_hours.mon[0] ends at 06:00, not after"),
        ({"opening_hours": {"mon": [["07:00", "07:00"]]}}, "opening_hours.mon[0] ends at 07:00, not after"),
        ({"opening_hours": {"mon": [["07:15", "22:00"]]}},
            "opening_hours.mon[0] has 07:15, which is between steps of 30 minutes"),
        ({"opening_hours": {"mon": [["13:00", "22:00"], ["07:00", "12:00"]]}},
            "opening_hours.mon[1] does not begin after 22:00"),
        ({"opening_hours": {"mon": [["07:00", "12:00"], ["12:00", "22:00"]]}},
            "opening_hours.mon[1] does not begin after 12:00"),
        ({"exceptions": {"2026-02-29": []}}, "exceptions.2026-02-29 is no date"),
        ({"exceptions": {"20261225": []}}, "exceptions.20261225 is no date"),
        ({"exceptions": {"1999-12-25": []}}, "exceptions.1999-12-25 is no date"),
        ({"exceptions": {"2026-12-25": [["09:00", "08:00"]]}}, "exceptions.2026-12-25[0] ends at 08:00"),
        ({"exceptions": ["2026-12-25"]}, "exceptions is a list"),
        ({"price_per_hour": None}, "price_per_hour is null"),
        ({"price_per_hour": -1}, "price_per_hour is -1; a whole number of minor units"),
        ({"price_per_hour": 2.5}, "price_per_hour is 2.5; a whole number"),
        ({"price_per_hour": {"amount": 300, "currency": "usd"}},
            "price_per_hour is in 'usd'; 'gbp' is wanted"),
        ({"price_per_hour": 99_999_999}, "price_per_hour comes to 2399999976 for max_minutes"),
        ({"rates": [{"start": "18:00", "end": "06:00", "price_per_hour": 1}]}, "rates[0] ends at 06:00"),
        ({"rates": [{"start": "18:00", "price_per_hour": 1}]}, "rates[0] has null; two times"),
        ({"rates": [{"start": "18:00", "end": "24:00"}]}, "rates[0].price_per_hour is null"),
        ({"rates": [{"start": "18:00", "end": "24:00", "price_per_hour": 1, "weekdays": ["Sat"]}]},
            "rates[0].weekdays[0] is 'Sat'; one of mon,"),
        ({"rates": [{"start": "18:00", "end": "24:00", "price_per_hour": 1, "days": []}]},
            "rates[0].days is no field of a rate; did you mean weekdays?"),
        ({"rates": [[]]}, "rates[0] is a list; a map of fields is wanted"),
        ({"capacity": 0}, "capacity is 0; a whole number from 1"),
        ({"buffer_minutes": 20}, "buffer_minutes is 20; a multiple of step_minutes, 30, is wanted"),
        ({"min_minutes": 45}, "min_minutes is 45; a multiple of step_minutes"),
        ({"max_minutes": 0}, "max_minutes is 0; a whole number from 30"),
        ({"max_minutes": 100}, "max_minutes is 100; a multiple of step_minutes"),
        ({"min_minutes": 120, "max_minutes": 60}, "min_minutes is 120; max_minutes, 60, is the most"),
        ({"step_minutes": 5, "opening_hours": {}, "max_minutes": 20_160, "buffer_minutes": 60},
            "max_minutes with buffer_minutes is more than 20160 minutes, 4032 steps"),
        ({"notice_minutes": 2 * 1440, "horizon_days": 2},
            "notice_minutes is 2880; it lies within horizon_days"),
        ({"horizon_days": 0}, "horizon_days is 0; a whole number from 1 to 400 days"),
        ({"opening": {}}, "opening is no field of a grid; did you mean opening_hours?"),
    ],
)  # fmt: skip
def test_every_mistake_is_named(rules: dict[str, Any], problem: str) -> None:
    found = problems_of(**rules)
    assert any(each.startswith(f"grid.{problem}") for each in found), found


def test_hours_over_midnight_are_said_to_be_two() -> None:
    told = "over midnight it ends at 24:00 and goes on at 00:00 of the next day"
    assert told in problems_of(opening_hours={"mon": [["22:00", "06:00"]]})[0]


def test_all_mistakes_are_named_at_once() -> None:
    wrong = {"step_minutes": 7, "opening_hours": {"mon": [[]]}, "capacity": -1}
    assert [each.split()[0] for each in problems_of(**wrong)] == [
        "grid.step_minutes",
        "grid.opening_hours.mon[0]",
        "grid.capacity",
    ]


@pytest.mark.parametrize("grid", [None, "x", 4])
def test_a_grid_needs_rules(grid: object) -> None:
    said = {"kind": "grid", "title": "x", "time_zone": "UTC", "currency": "gbp", "grid": grid}
    with pytest.raises(InvalidFields) as refused:
        new_draft(said, owner="olivia", new_id=lambda: "x")
    assert {error.field for error in refused.value.errors or ()} == {"grid"}


def test_a_hall_has_no_rules_of_a_grid() -> None:
    said = {"kind": "seats", "title": "x", "time_zone": "UTC", "currency": "gbp", "grid": {}}
    with pytest.raises(InvalidFields) as refused:
        new_draft(said, owner="olivia", new_id=lambda: "x")
    assert [error.field for error in refused.value.errors or ()] == ["grid"]


@pytest.mark.parametrize(
    ("zone", "origin"),
    [
        ("UTC", "2025-01-01T00:00:00.000Z"),
        ("Europe/London", "2025-01-01T00:00:00.000Z"),
        ("Asia/Kathmandu", "2024-12-31T18:15:00.000Z"),
        ("Pacific/Kiritimati", "2024-12-31T10:00:00.000Z"),
        ("Australia/Lord_Howe", "2024-10-05T13:30:00.000Z"),
        ("America/Santiago", "2024-09-08T04:00:00.000Z"),
    ],
)
def test_steps_count_from_a_midnight_of_standard_time(zone: str, origin: str) -> None:
    assert origin_of(ZoneInfo(zone)) == rules_of(zone).origin == origin


def test_rules_of_a_file_count_from_where_they_always_did() -> None:
    standing = msgspec.structs.replace(rules_of(), origin="2024-06-01T00:00:00.000Z")
    assert kept_origin(rules_of(), standing) == standing
    odd = rules_of("Asia/Kathmandu")
    assert kept_origin(odd, standing) == odd
