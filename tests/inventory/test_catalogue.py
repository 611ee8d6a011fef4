"""Catalogues: resources of every kind, and whatever is wrong with them by path."""

from datetime import date
from typing import Any

import pytest

from server.inventory.catalogue import read_catalogue
from server.inventory.documents import Document
from server.inventory.fields import Problems
from server.inventory.rules import Category, HoldPolicy, Money, ResourceDraft
from tests.inventory.examples import EUR

FILES = {
    "hall.json": b'{"name": "H", "categories": [{"name": "Stalls"}], "zones": [{"position": {"x": 0, "y": 0},'
    b'"rows": [{"row_number": "A", "seats": [{"seat_guid": "A1", "seat_number": "1", "category": "Stalls",'
    b'"position": {"x": 1, "y": 2}, "wheel": 1}]}]}]}',
    "slots.csv": b"id,price\nA,1\nB,2\n",
    "broken.json": b"{",
    "latin.csv": b"id\nM\xfcller",
    "bad.csv": b"id,price\nA,x\n",
}
SATURDAY = date(2026, 11, 21)


def read(value: object) -> tuple[list[ResourceDraft], list[str], list[str]]:
    problems = Problems()

    def read_file(name: str) -> bytes:
        if name not in FILES:
            raise FileNotFoundError(2, "No such file or directory")
        return FILES[name]

    drafts, warnings = read_catalogue(Document(value), problems, read_file=read_file, today=SATURDAY)
    return drafts, warnings, [f"{error.field} {error.message}" for error in problems.errors]


def entry(**fields: Any) -> dict[str, Any]:
    """A resource of a catalogue that is right in everything that is not said."""
    standing = {
        "id": "tour",
        "kind": "sessions",
        "title": "Tour",
        "owner": "museum",
        "time_zone": "Europe/Berlin",
        "currency": EUR,
    }
    if not {"slots", "schedule", "slots_csv", "seating_plan"} & set(fields):
        standing["slots"] = [{"id": "t1", "price": 1800}]  # type: ignore[assignment]  # entries differ in type
    return {name: value for name, value in {**standing, **fields}.items() if value is not ...}


def one(**fields: Any) -> ResourceDraft:
    (draft,), _, problems = read({"resources": [entry(**fields)]})
    assert problems == []
    return draft


def problems_of(**fields: Any) -> list[str]:
    return read({"resources": [entry(**fields)]})[2]


def test_a_resource_says_what_it_is() -> None:
    draft = one(
        title="  Behind the scenes ",
        description="Two\nlines",
        starts_at="2026-12-24T18:00",
        ends_at="2026-12-24T20:00:00Z",
        policy={"hold_seconds": 60, "hold_max_seconds": 120, "max_hold_items": 4, "dispute": "keep"},
        categories=[{"name": "Adult", "colour": "#111", "price": {"amount": 900, "currency": EUR}}],
        plan={"size": {"width": 10, "height": 20}, "seat_radius": 8, "radii": {"t1": 9}},
    )
    assert (draft.title, draft.description, draft.starts_at) == (
        "Behind the scenes",
        "Two\nlines",
        "2026-12-24T17:00:00.000Z",
    )
    assert draft.policy == HoldPolicy(hold_seconds=60, hold_max_seconds=120, max_hold_items=4, dispute="keep")
    assert draft.categories == (Category(name="Adult", colour="#111", price=Money(900, EUR)),)
    assert draft.plan == {"size": {"width": 10.0, "height": 20.0}, "seat_radius": 8.0, "radii": {"t1": 9.0}}


def test_slots_may_be_listed() -> None:
    (first, second) = one(
        categories=[{"name": "Adult", "price": 900}],
        slots=[
            {
                "id": "t1",
                "label": "First",
                "capacity": 12,
                "category": "Adult",
                "starts_at": "2026-11-22T10:00",
            },
            {"id": "t2", "price": {"amount": 100, "currency": EUR}, "accessible": True, "blocked": True},
        ],
    ).slots
    assert (first.label, first.capacity, first.price, first.starts_at) == (
        "First",
        12,
        900,
        "2026-11-22T09:00:00.000Z",
    )
    assert (second.label, second.price, second.accessible, second.blocked) == ("t2", 100, True, True)


def test_slots_may_come_from_a_seating_plan() -> None:
    value = entry(kind="seats", seating_plan="hall.json", prices={"Stalls": 4500})
    (draft,), warnings, problems = read({"resources": [value]})
    assert problems == []
    assert (draft.slots[0].id, draft.slots[0].price, draft.categories[0].name) == ("A1", 4500, "Stalls")
    assert warnings == ["resources[0].seating_plan: zones[].rows[].seats[].wheel is not known and left out"]


def test_slots_may_come_from_csv() -> None:
    assert [slot.id for slot in one(slots_csv="slots.csv").slots] == ["A", "B"]


def test_slots_may_follow_a_schedule() -> None:
    draft = one(
        schedule={
            "from": "today",
            "days": 3,
            "weekdays": ["sat", "mon"],
            "times": ["10:00", "14:30"],
            "minutes": 75,
            "capacity": 12,
            "price": 1800,
            "label": "Tour",
        }
    )
    assert [slot.id for slot in draft.slots] == [
        "20261121-1000",
        "20261121-1430",
        "20261123-1000",
        "20261123-1430",
    ]
    first = draft.slots[0]
    assert (first.label, first.section, first.capacity) == ("Tour, Sat 21 Nov, 10:00", "2026-11-21", 12)
    assert (first.starts_at, first.ends_at) == ("2026-11-21T09:00:00.000Z", "2026-11-21T10:15:00.000Z")


def test_a_schedule_may_begin_on_a_date_and_be_on_every_day() -> None:
    schedule = {"from": "2026-12-31", "days": 2, "times": ["09:00"], "minutes": 60, "price": 0}
    slots = one(schedule=schedule).slots
    assert [slot.id for slot in slots] == ["20261231-0900", "20270101-0900"]
    assert slots[0].label == "Thu 31 Dec, 09:00"


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"from": "soon"}, "from is 'soon'; a date such as 2026-11-21, or today"),
        ({"days": 0}, "days is 0; a whole number from 1 to 400"),
        ({"days": None}, "days is missing"),
        ({"weekdays": ["Monday"]}, "weekdays[0] is 'Monday'; one of mon, tue"),
        ({"times": None}, "times is missing; a list such as"),
        ({"times": [630]}, "times[0] is 630; a time of day in quotes"),
        ({"times": ["25:00"]}, "times[0] is '25:00'; a time of day"),
        ({"times": ["10:00", "10:00"]}, "times[1] '10:00' stands twice"),
        ({"price": 1.5}, "price is 1.5; a whole number of minor units up to 99999999 is wanted"),
        ({"time": ["10:00"]}, "time is no field of a schedule; did you mean times?"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_named(schedule: dict[str, Any], problem: str) -> None:
    standing = {"from": "today", "days": 1, "times": ["10:00"], "minutes": 60, "price": 1}
    problems = problems_of(schedule={**standing, **schedule})
    assert any(each.startswith(f"resources[0].schedule.{problem}") for each in problems), problems


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": ...}, "id is missing; an id has 1 to 64 letters"),
        ({"id": "{hall}"}, "id is '{hall}'; an id has"),
        ({"id": 7}, "id is 7; an id has"),
        ({"kind": "tour"}, "kind is 'tour'; one of seats, sessions, grid is wanted"),
        ({"kind": "seat"}, "kind is 'seat'; one of seats, sessions, grid is wanted"),
        ({"kind": ...}, "kind is missing"),
        ({"title": ""}, "title is empty"),
        ({"title": 1984}, "title is 1984; a text is wanted (in YAML, put it in quotes)"),
        ({"title": "x" * 201}, "title has 201 characters; 200 are the most"),
        ({"title": "a\x1bb"}, "title has a control character"),
        ({"title": "a\nb"}, "title has a control character"),
        ({"title": "\ud800"}, "title has a control character"),
        ({"owner": ...}, "owner is missing; the user who owns it is wanted"),
        ({"time_zone": "Berlin"}, "time_zone 'Berlin' is no IANA time zone"),
        ({"time_zone": ...}, "time_zone is missing"),
        ({"currency": "EUR"}, "currency 'EUR' is no ISO 4217 code in lower case; \"eur\" would be right"),
        ({"currency": "zzz"}, "currency 'zzz' is no ISO 4217 code in lower case"),
        ({"starts_at": 20261224}, "starts_at 20261224 is no time"),
        (
            {"starts_at": "2026-12-24T18:00Z", "ends_at": "2026-12-24T18:00Z"},
            "ends_at is not after starts_at",
        ),
        ({"policy": {"hold_seconds": 0}}, "policy.hold_seconds is 0; a whole number from 1"),
        ({"policy": {"hold_seconds": True}}, "policy.hold_seconds is true; a whole number"),
        ({"policy": {"dispute": "win"}}, "policy.dispute is 'win'; one of keep, release_when_lost"),
        (
            {"policy": {"hold_seconds": 60, "hold_max_seconds": 30}},
            "policy.hold_max_seconds is 30; it is at least hold_seconds, 60",
        ),
        ({"policy": {"hold_second": 60}}, "policy.hold_second is no field of a policy; did you mean"),
        ({"policy": []}, "policy is a list; a map of fields"),
        ({"colour": "red"}, "colour is no field of a resource"),
        ({"epoch": "e"}, "epoch is no field of a resource"),
        ({"categories": [{"name": "A"}, {"name": "A"}]}, "categories[1].name 'A' stands twice"),
        ({"categories": [{"name": "A", "price": "5"}]}, "categories[0].price is '5'; a whole number"),
        ({"categories": {}}, "categories is a map; a list is wanted"),
        (
            {"categories": [{"name": "A", "price": {"amount": 5, "currency": "usd"}}]},
            "categories[0].price is in 'usd'; 'eur' is wanted here",
        ),
        ({"slots": [{"id": "a", "price": 1, "x": True}]}, "slots[0].x is true; a number"),
        ({"slots": [{"id": "a", "price": 10**20}]}, "slots[0].price is an endless number; a whole number"),
        ({"slots": [{"id": "a", "price": 1, "capacity": -1}]}, "slots[0].capacity is -1"),
        ({"slots": [{"id": "a", "price": 1}, {"id": "a", "price": 1}]}, "slots[1].id 'a' is the id of"),
        ({"slots": [{"id": "a"}]}, "slots[0].price is missing"),
        ({"slots": [{"id": "a", "price": 1, "taken": 1}]}, "slots[0].taken is no field of a slot"),
        (
            {"categories": [{"name": "A"}], "slots": [{"id": "a", "price": 1, "category": "B"}]},
            "slots[0].category 'B' is none of A",
        ),
        ({"plan": {"areas": [{"shape": "circle"}]}}, "plan.areas[0].circle is missing"),
        ({"plan": {"row_labels": [{"x": 1}]}}, "plan.row_labels[0].text is missing"),
        ({"seating_plan": "nowhere.json"}, "seating_plan 'nowhere.json' cannot be read: No such file"),
        ({"seating_plan": "broken.json"}, "seating_plan line 1, column 2: is not JSON"),
        ({"seating_plan": 5}, "seating_plan is 5; the name of a file is wanted"),
        ({"seating_plan": "hall.json"}, "seating_plan categories: 'Stalls' has 1 seat and no price"),
        (
            {"seating_plan": "hall.json", "prices": {"Stalls": "x"}},
            "prices.Stalls is 'x'; a whole number of minor units",
        ),
        ({"seating_plan": "hall.json", "seat_id": "id"}, "seat_id is 'id'; guid or uuid is wanted"),
        ({"slots_csv": "latin.csv"}, "slots_csv 'latin.csv': line 2: is not UTF-8"),
        ({"slots_csv": "bad.csv"}, "slots_csv line 2.price: is 'x'"),
        ({"slots_csv": "gone.csv"}, "slots_csv 'gone.csv' cannot be read"),
    ],
)
def test_what_is_wrong_with_a_resource_is_named(fields: dict[str, Any], problem: str) -> None:
    problems = problems_of(**fields)
    assert any(each.startswith(f"resources[0].{problem}") for each in problems), problems


def test_slots_come_from_one_source() -> None:
    assert problems_of(slots=[{"id": "a", "price": 1}], slots_csv="slots.csv") == [
        (
            "resources[0] has slots and slots_csv; "
            "exactly one of slots, seating_plan, slots_csv, schedule is wanted"
        )
    ]
    assert problems_of(slots=None)[0].startswith("resources[0] has no slots; exactly one of")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "body is null; a map of fields is wanted"),
        ({}, "resources is empty; a list with a resource or more"),
        ({"resource": []}, "resource is no field of a catalogue; did you mean resources?"),
        ({"resources": ["hall"]}, "resources[0] is 'hall'; a map of fields is wanted"),
        ({"resources": [entry(), entry()]}, "resources[1].id 'tour' is the id of another resource here"),
    ],
)
def test_what_is_no_catalogue_is_refused(value: object, problem: str) -> None:
    _, _, problems = read(value)
    assert any(each.startswith(problem) for each in problems), problems
