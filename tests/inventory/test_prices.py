"""Prices by the hour, and owners' prices in other currencies."""

from typing import Any

import msgspec
import pytest

from server.errors import InvalidFields
from server.inventory.edits import changed_by, new_draft
from server.inventory.price_lists import listed_currencies, listed_price, without_unknown
from server.inventory.prices import highest_price, price_of_hours
from server.inventory.rules import (
    Category,
    Money,
    PriceList,
    Resource,
    ResourceDraft,
    Slot,
    lay_out,
)
from server.inventory.service import Inventory
from tests.inventory.examples import EUR, draft, resource, seat_draft
from tests.inventory.test_catalogue import one, problems_of
from tests.inventory.test_importer import inventory
from tests.inventory.test_slots_csv import good, read

__all__ = ["inventory"]

TEN, NOON = "2026-12-01T10:00:00.000Z", "2026-12-01T12:00:00.000Z"
COURT = {"name": "Court", "price_per_hour": 1200}


def court(**fields: Any) -> dict[str, Any]:
    return {"id": "c1", "starts_at": TEN, "ends_at": NOON, **fields}


@pytest.mark.parametrize(
    ("per_hour", "ends_at", "price"),
    [
        (1200, NOON, 2400),
        (1200, "2026-12-01T10:01:00.000Z", 20),
        (1, "2026-12-01T10:30:00.000Z", 1),  # half a cent is rounded up
        (1, "2026-12-01T10:29:59.999Z", 0),
        (999, "2026-12-01T10:20:00.000Z", 333),
        (0, NOON, 0),
    ],
)
def test_an_hours_price_is_charged_to_the_minute_and_rounded_half_up(
    per_hour: int, ends_at: str, price: int
) -> None:
    assert price_of_hours(per_hour, TEN, ends_at) == price


def test_where_the_unit_is_small_a_thing_may_cost_more_of_it() -> None:
    assert (highest_price("usd"), highest_price("idr")) == (99_999_999, 2_000_000_000)
    made = one(currency="idr", slots=[{"id": "A", "price": 150_000_000}])
    assert made.slots[0].price == 150_000_000
    (problem,) = problems_of(currency="jpy", slots=[{"id": "A", "price": 1.5}])
    assert problem.endswith("a whole number of minor units up to 99999999 is wanted: 8500 for 8500")


def test_without_a_time_there_is_no_price_by_the_hour() -> None:
    assert price_of_hours(1200, None, NOON) is None
    assert price_of_hours(1200, TEN, None) is None
    assert price_of_hours(1200, NOON, TEN) is None


def test_a_slot_costs_its_own_or_its_categorys_or_its_hours() -> None:
    made = one(
        categories=[COURT, {"name": "Hall", "price": 900}],
        slots=[
            court(price_per_hour=1000),
            court(id="c2", category="Court"),
            court(id="c3", category="Court", price=1),
            court(id="c4", category="Court", price_per_hour={"amount": 10, "currency": EUR}),
            {"id": "c5", "category": "Hall"},
        ],
    )
    assert [slot.price for slot in made.slots] == [2000, 2400, 1, 20, 900]
    assert made.categories[0] == Category(name="Court", price_per_hour=Money(1200, EUR))


def test_csv_and_schedules_have_hours_too() -> None:
    (slot,) = good(f"id,price_per_hour,starts_at,ends_at\nA,1200,{TEN},{NOON}\n")
    assert slot.price == 2400
    schedule = {"from": "2026-12-01", "days": 1, "times": ["10:00"], "minutes": 90}
    (made,) = one(schedule={**schedule, "price_per_hour": 1200}).slots
    assert made.price == 1800
    both = problems_of(schedule={**schedule, "price_per_hour": 1200, "price": 1})
    assert both == [
        "resources[0].schedule.price_per_hour stands beside price; one of the two is wanted",
    ]


@pytest.mark.parametrize(
    ("slot", "problem"),
    [
        ({"id": "A", "price_per_hour": 1}, "price_per_hour needs starts_at and, after it, ends_at"),
        (court(price=1, price_per_hour=1), "price_per_hour stands beside price"),
        (court(price_per_hour=-1), "price_per_hour is -1"),
        (court(price_per_hour=1.5), "price_per_hour is 1.5"),
        (court(price_per_hour=99_999_999), "price_per_hour comes to 199999998"),
        (court(), "price is missing"),
    ],
)
def test_an_hours_price_that_does_not_hold_is_named(slot: dict[str, Any], problem: str) -> None:
    assert problems_of(slots=[slot])[0].startswith(f"resources[0].slots[0].{problem}")


def test_a_category_has_one_price() -> None:
    (problem,) = problems_of(categories=[{**COURT, "price": 1}])
    assert problem.startswith("resources[0].categories[0].price_per_hour stands beside price")


def test_csv_names_the_line_of_an_hour_that_is_none() -> None:
    assert read("id,price_per_hour\nA,1\n")[1] == [
        "line 2.price_per_hour needs starts_at and, after it, ends_at"
    ]


LISTS = {
    "gbp": {"categories": {"Stalls": 4000}, "slots": {"A-2": {"amount": 5000, "currency": "gbp"}}},
    "jpy": {"per_hour": {"Stalls": 2500}},
}


def stalls(**fields: Any) -> dict[str, Any]:
    return {
        "categories": [{"name": "Stalls", "price": 4500}],
        "slots": [{"id": slot, "category": "Stalls"} for slot in ("A-1", "A-2")],
        "price_lists": LISTS,
        **fields,
    }


def laid(made: ResourceDraft) -> tuple[Resource, tuple[Slot, ...]]:
    head = {name: getattr(made, name) for name in ResourceDraft.__struct_fields__ if name != "slots"}
    return Resource(**head, layout=1, epoch="e"), lay_out((), made.slots, currency=made.currency)


def test_a_list_has_prices_by_slot_by_category_and_by_the_hour() -> None:
    made, (first, second) = laid(one(**stalls()))
    assert made.price_lists["gbp"] == PriceList(categories={"Stalls": 4000}, slots={"A-2": 5000})
    assert (listed_price(made, first, "gbp"), listed_price(made, second, "gbp")) == (4000, 5000)
    assert listed_price(made, first, "usd") is None
    assert listed_price(made, first, "jpy") is None  # without a time
    timed = msgspec.structs.replace(first, starts_at=TEN, ends_at=NOON)
    assert listed_price(made, timed, "jpy") == 5000
    assert listed_currencies(made, first) == {"gbp"}
    assert listed_currencies(made, timed) == {"gbp", "jpy"}
    assert listed_price(made, msgspec.structs.replace(first, category=""), "gbp") is None


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        ([], "price_lists is a list"),
        ({"GBP": {}}, "price_lists.GBP 'GBP' is no ISO 4217 code in lower case; \"gbp\" would be right"),
        ({"hrk": {}}, "price_lists.hrk 'hrk' was withdrawn from ISO 4217"),
        ({"eur": {}}, "price_lists.eur is the resource's own currency"),
        ({"gbp": 1}, "price_lists.gbp is 1"),
        ({"gbp": {"seats": {}}}, "price_lists.gbp.seats is no field of a price list"),
        ({"gbp": {"slots": {"A-1": 1.5}}}, "price_lists.gbp.slots.A-1 is 1.5"),
        ({"gbp": {"slots": {"A-1": "5"}}}, "price_lists.gbp.slots.A-1 is '5'"),
        ({"gbp": {"slots": {"A-1": -5}}}, "price_lists.gbp.slots.A-1 is -5"),
        (
            {"gbp": {"slots": {"A-1": {"amount": 5, "currency": "eur"}}}},
            "price_lists.gbp.slots.A-1 is in 'eur'",
        ),
        ({"gbp": {"slots": {"A-3": 5}}}, "price_lists.gbp.slots 'A-3' is no slot of this resource"),
        ({"gbp": {"categories": {"Stals": 5}}}, "price_lists.gbp.categories 'Stals' is no category here"),
        ({"gbp": {"per_hour": {"Stals": 5}}}, "price_lists.gbp.per_hour 'Stals' is no category here"),
        (
            {"gbp": {"categories": {"Stalls": 1}, "per_hour": {"Stalls": 1}}},
            "price_lists.gbp.per_hour 'Stalls' stands among the categories too",
        ),
    ],
)
def test_a_list_that_does_not_hold_is_named(lists: object, problem: str) -> None:
    problems = problems_of(**stalls(price_lists=lists))
    assert problems[0].startswith(f"resources[0].{problem}"), problems


def test_endless_lists_are_refused() -> None:
    many = {f"s{number}": 1 for number in range(20_001)}
    assert "20000 are the most" in problems_of(**stalls(price_lists={"gbp": {"slots": many}}))[0]


def test_a_currency_without_a_list_is_passed_over() -> None:
    assert one(**stalls(price_lists={"gbp": None})).price_lists == {}


def patched(given: dict[str, Any]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
    made, slots = laid(one(**stalls()))
    return changed_by(given, made, slots)


def test_a_change_keeps_the_lists_it_does_not_name_and_replaces_those_it_does() -> None:
    kept, _ = patched({"title": "Other"})
    assert set(kept.price_lists) == {"gbp", "jpy"}
    replaced, _ = patched({"price_lists": {"usd": {"slots": {"A-1": 7}}}})
    assert replaced.price_lists == {"usd": PriceList(slots={"A-1": 7})}
    assert patched({"price_lists": {}})[0].price_lists == {}


def test_a_change_may_list_what_stands_and_what_it_brings() -> None:
    changed, _ = patched(
        {
            "slots": [{"id": "B-1", "category": "Stalls"}],
            "price_lists": {"gbp": {"slots": {"A-1": 1, "B-1": 2}}},
        }
    )
    assert changed.price_lists["gbp"].slots == {"A-1": 1, "B-1": 2}
    with pytest.raises(InvalidFields):
        patched({"price_lists": {"gbp": {"slots": {"B-1": 2}}}})


def test_a_resource_that_takes_a_lists_currency_has_to_let_go_of_the_list() -> None:
    with pytest.raises(InvalidFields) as refusal:
        patched({"currency": "gbp"})
    assert refusal.value.errors is not None
    assert refusal.value.errors[0].field == "price_lists.gbp"
    assert patched({"currency": "gbp", "price_lists": {}})[0].currency == "gbp"


def test_a_change_may_price_a_standing_slot_by_the_hour() -> None:
    _, slots = patched({"slots": [{"id": "A-1", "starts_at": TEN, "ends_at": NOON, "price_per_hour": 100}]})
    assert [slot.price.amount for slot in slots] == [200, 4500]


def test_a_new_resource_may_have_lists() -> None:
    given = {
        "kind": "seats",
        "title": "Hall",
        "time_zone": "Europe/Berlin",
        "currency": EUR,
        **stalls(),
    }
    made = new_draft(given, owner="ann", new_id=lambda: "hall")
    assert made.price_lists["jpy"] == PriceList(per_hour={"Stalls": 2500})


def test_lists_lose_what_is_no_longer_there() -> None:
    lists = {"gbp": PriceList(categories={"a": 1, "b": 2}, per_hour={"c": 3}, slots={"x": 4, "y": 5})}
    kept = without_unknown(lists, {"a", "c"}, {"y"})
    assert kept == {"gbp": PriceList(categories={"a": 1}, per_hour={"c": 3}, slots={"y": 5})}


async def test_lists_are_kept_and_a_change_of_them_alone_is_no_new_layout(inventory: Inventory) -> None:
    made = draft(seat_draft("A-1"), price_lists={"gbp": PriceList(slots={"A-1": 4000})})
    await inventory.create(made)
    first = (await inventory.get("hall")).resource
    assert first.price_lists == made.price_lists
    assert resource().price_lists == {}

    def edit(_old: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        return msgspec.structs.replace(made, price_lists={}), slots

    assert (await inventory.change("hall", edit)).action == "changed"
    second = (await inventory.get("hall")).resource
    assert (second.price_lists, second.layout) == ({}, first.layout)
    assert (await inventory.change("hall", edit)).action == "unchanged"
