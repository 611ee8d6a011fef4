"""Seating plans as pretix and its editor write them, with the faults that real ones have."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.inventory.fields import Problems
from server.inventory.seating_plan import SeatId, SeatingPlan, read_seating_plan
from tests.inventory.examples import EUR, plan, seat

FILES = Path(__file__).parent / "files"
PRICES = {"Stalls": 4500}


def read(
    value: object, prices: dict[str, int] | None = None, seat_id: SeatId = "guid"
) -> tuple[SeatingPlan, list[str]]:
    problems = Problems()
    chosen = PRICES if prices is None else prices
    found = read_seating_plan(value, problems, prices=chosen, currency=EUR, seat_id=seat_id)
    return found, [f"{error.field} {error.message}" for error in problems.errors]


def good(value: object, prices: dict[str, int] | None = None) -> SeatingPlan:
    found, problems = read(value, prices)
    assert problems == []
    return found


def doubled() -> Any:
    return json.loads((FILES / "doubled.seating-plan.json").read_text(encoding="utf-8"))


def test_seats_become_slots_where_zone_row_and_seat_put_them() -> None:
    first, second = good(plan([seat(1), seat(2)])).slots
    assert (first.id, first.label, first.section, first.row) == ("A-1", "A-1", "Ground floor", "A")
    assert (first.x, first.y, second.x) == (110, 15, 135)
    assert (first.price, first.category, first.capacity) == (4500, "Stalls", 1)


def test_categories_keep_their_colours_and_get_their_prices() -> None:
    stalls, wheelchair = good(plan([seat(1)])).categories
    assert (stalls.colour, stalls.price and stalls.price.amount) == ("#aa0000", 4500)
    assert wheelchair.price is None


def test_places_for_wheelchairs_are_known_by_their_category_or_mark() -> None:
    seats = [seat(1), seat(2, category="Wheelchair"), seat(3, accessible=True)]
    slots = good(plan(seats), {"Stalls": 4500, "Wheelchair": 4500}).slots
    assert [slot.accessible for slot in slots] == [False, True, True]


def test_a_plan_may_say_what_rows_and_seats_are_called() -> None:
    assert good(plan([seat(1)], row_label="Box 3", seat_label="chair %s")).slots[0].label == "Box 3, chair 1"
    assert good(plan([seat(1)], seat_label="stool %s")).slots[0].label == "A, stool 1"
    assert good(plan([seat(1)], row_number="", seat_label="stool %s")).slots[0].label == "stool 1"
    assert good(plan([seat(7)], row_number="")).slots[0].label == "7"


def test_numbers_may_be_numbers() -> None:
    assert good(plan([seat(1, seat_number=12)], row_number=3)).slots[0].label == "3-12"


def test_rows_are_named_on_the_ends_that_the_plan_says() -> None:
    def labels(**row: Any) -> Any:
        return good(plan([seat(1), seat(2)], **row)).plan.get("row_labels")

    start, end = {"text": "A", "x": 85, "y": 15}, {"text": "A", "x": 160, "y": 15}
    assert labels() == [start, end]
    assert labels(row_number_position="start") == [start]
    assert labels(row_number_position="end") == [end]
    assert labels(row_number_position=None) is None


def test_a_lone_seat_is_named_on_its_left() -> None:
    found = good(plan([seat(1)], row_number_position="start"))
    assert found.plan["row_labels"] == [{"text": "A", "x": 85, "y": 15}]


def test_radii_that_differ_from_the_usual_are_kept_by_slot() -> None:
    found = good(plan([seat(1, radius=8), seat(2, radius=8), seat(3, radius=14)]))
    assert (found.plan["seat_radius"], found.plan["radii"]) == (8, {"A-3": 14})


def test_areas_are_kept_at_absolute_positions() -> None:
    value = plan([seat(1)])
    value["zones"][0]["areas"] = [
        {"shape": "circle", "position": {"x": 1, "y": 2}, "color": "#fff", "circle": {"radius": 3}},
        {"shape": "ellipse", "position": {"x": 0, "y": 0}, "ellipse": {"radius": {"x": 4, "y": -5}}},
        {"shape": "polygon", "polygon": {"points": [{"x": 0, "y": 0}, {"x": 9, "y": 9}]}, "rotation": 45},
        {"shape": "text", "text": {"text": "Bar", "position": {"x": 0, "y": 0}, "size": 20}},
    ]
    areas: Any = good(value).plan["areas"]
    circle, ellipse, polygon, text = areas
    assert (circle["position"], circle["circle"]) == ({"x": 101, "y": 12}, {"radius": 3})
    assert ellipse["ellipse"] == {"radius": {"x": 4, "y": 5}}
    assert (polygon["polygon"]["points"][1], polygon["rotation"]) == ({"x": 9, "y": 9}, 45)
    assert text["text"] == {"text": "Bar", "color": "", "size": 20, "position": {"x": 0, "y": 0}}


def test_unknown_keys_are_left_out_with_a_warning_for_each() -> None:
    value = plan([seat(1, wheel=1), seat(2, wheel=2)])
    value["editor"] = "9.1"
    assert good(value).warnings == (
        "zones[].rows[].seats[].wheel is not known and left out, 2 times",
        "editor is not known and left out",
    )


def test_doubled_guids_are_listed_and_the_way_out_is_named() -> None:
    _, problems = read(doubled(), {"Category I": 8500, "Category II": 7000})
    assert problems == [
        (
            "zones 2 seat_guids not unique; every seat needs its own; "
            "--seat-id uuid takes the plan by its uuids, which are all different"
        ),
        (
            "zones[0].rows[0].seats[0].seat_guid 'Groundfloor-A-1' is the seat_guid of 2 seats: "
            "Ground floor/A/1 at zones[0].rows[0].seats[0], Ground floor/A/1 at zones[0].rows[1].seats[0]"
        ),
        (
            "zones[0].rows[0].seats[1].seat_guid 'Groundfloor-A-2' is the seat_guid of 2 seats: "
            "Ground floor/A/2 at zones[0].rows[0].seats[1], Ground floor/A/2 at zones[0].rows[1].seats[1]"
        ),
    ]


def test_a_plan_with_doubled_guids_is_taken_by_its_uuids() -> None:
    found, problems = read(doubled(), {"Category I": 8500, "Category II": 7000}, "uuid")
    assert problems == []
    assert len({slot.id for slot in found.slots}) == len(found.slots) == 5
    assert found.slots[0].id == "5b0e1a52-52e6-4a3c-93b5-0f6f0b5a2001"


def test_no_way_out_is_named_where_there_is_none() -> None:
    seats = [seat(1, uuid=""), seat(2, seat_guid="A-1")]
    _, problems = read(plan(seats))
    assert problems[0] == "zones 1 seat_guid not unique; every seat needs its own"


def test_seats_without_the_chosen_id_are_named() -> None:
    seats = [seat(1), seat(2, uuid=None)]
    _, problems = read(plan(seats), seat_id="uuid")
    assert problems == [
        (
            "zones 1 seat without uuid; every seat needs its own; "
            "--seat-id guid takes the plan by its seat_guids, which are all different"
        ),
        "zones[0].rows[0].seats[1].uuid is missing for Ground floor/A/2",
    ]


def test_of_many_doubled_seats_ten_are_named() -> None:
    _, problems = read(plan([seat(number, seat_guid="A") for number in range(1, 14)]))
    assert problems[1].endswith("and 3 more")


def test_a_category_without_a_price_is_named_if_it_has_seats() -> None:
    _, problems = read(plan([seat(1)]), {})
    assert problems == [
        (
            "categories 'Stalls' has 1 seat and no price; give --price \"Stalls=8500\", "
            "or Stalls: 8500 among the prices of a sidecar file"
        )
    ]


def test_a_price_for_nothing_is_a_slip() -> None:
    _, problems = read(plan([seat(1)]), {"Stalls": 4500, "Stals": 4500})
    assert problems == ["prices 'Stals' is no category of the plan; it has 'Stalls', 'Wheelchair'"]


def test_a_category_that_the_plan_does_not_have_is_named() -> None:
    _, problems = read(plan([seat(1), seat(2, category="")]))
    assert problems == [
        (
            "zones[0].rows[0].seats[1].category '', given to 1 seat, is no category of the plan; "
            "it has 'Stalls', 'Wheelchair'"
        )
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "body is a list; a map of fields is wanted"),
        ({"name": "Empty", "categories": [], "zones": []}, "zones has no seats"),
        (plan([seat(1, position={"x": 1})]), "zones[0].rows[0].seats[0].position.y is missing"),
        (plan([seat(1, position={"x": "1", "y": 0})]), "position.x is '1'; a number"),
        (plan([seat(1, position={"x": 1e99, "y": 0})]), "position.x is 1e+99; a number"),
        (plan([seat(1, seat_number=None)]), "seats[0].seat_number is missing"),
        (plan([seat(1, seat_number=True)]), "seats[0].seat_number is true; a text"),
        (plan([seat(1, radius=0)]), "seats[0].radius is 0.0; a number above 0"),
        (plan([seat(1)], seats=3), "rows[0].seats is 3; a list is wanted"),
        (plan([], seats=["A-1"]), "seats[0] is 'A-1'; a map of fields is wanted"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused_by_path(value: object, problem: str) -> None:
    _, problems = read(value)
    assert any(problem in each for each in problems), problems


def test_faults_of_areas_and_categories_are_named() -> None:
    value = plan([seat(1)])
    value["categories"].append({"name": "Stalls"})
    value["size"] = {"width": 0, "height": 10}
    value["zones"][0]["areas"] = [{"shape": "star"}, {"shape": "circle"}, {"shape": "polygon", "polygon": 3}]
    _, problems = read(value)
    for expected in (
        "categories[2].name 'Stalls' stands twice",
        "size.width is 0; a number above 0",
        "zones[0].areas[0].shape is 'star'; one of polygon, rectangle",
        "zones[0].areas[1].circle is missing",
        "zones[0].areas[2].polygon is 3; a map of fields",
    ):
        assert any(expected in each for each in problems), (expected, problems)


def test_fifty_problems_are_kept_and_the_rest_counted() -> None:
    problems = Problems()
    seats = [seat(number, position=None, radius=-1) for number in range(1, 71)]
    read_seating_plan(plan(seats), problems, prices=PRICES, currency=EUR)
    assert (len(problems.errors), problems.more) == (50, 20)
