"""`/api/resources…` of grids, through the real door."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from server.database.pool import Database
from tests.inventory.doors import ann, as_owner, fields, inventory

__all__ = ["ann", "inventory"]

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DRIVEWAY: dict[str, Any] = {
    "id": "drive",
    "kind": "grid",
    "title": "12 Mill Lane",
    "address": "12 Mill Lane, London",
    "time_zone": "Europe/London",
    "currency": "gbp",
    "grid": {
        "step_minutes": 30,
        "opening_hours": {day: [["07:00", "22:00"]] for day in WEEK},
        "price_per_hour": {"amount": 300, "currency": "gbp"},
        "rates": [{"start": "18:00", "end": "22:00", "price_per_hour": 200, "weekdays": ["sat", "fri"]}],
    },
}


async def opened(ann: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """The driveway, as its owner made it, with other rules."""
    wanted = {**DRIVEWAY, "grid": {**DRIVEWAY["grid"], **changes}}
    answer = await ann.post("/api/resources", json=wanted, headers=as_owner())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def changed(ann: httpx.AsyncClient, **change: Any) -> httpx.Response:
    return await ann.patch("/api/resources/drive", json=change, headers=as_owner())


async def test_an_owner_opens_a_driveway(ann: httpx.AsyncClient) -> None:
    made = await opened(ann)
    assert (made["kind"], made["address"]) == ("grid", "12 Mill Lane, London")
    assert made["grid"] == {
        "step_minutes": 30,
        "origin": "2025-01-01T00:00:00.000Z",
        "opening_hours": {day: [["07:00", "22:00"]] for day in WEEK},
        "exceptions": {},
        "price_per_hour": {"amount": 300, "currency": "gbp"},
        "rates": [
            {
                "start": "18:00",
                "end": "22:00",
                "price_per_hour": {"amount": 200, "currency": "gbp"},
                "weekdays": ["fri", "sat"],
            }
        ],
        "capacity": 1,
        "buffer_minutes": 0,
        "min_minutes": 0,
        "max_minutes": 1440,
        "notice_minutes": 0,
        "horizon_days": 365,
    }


async def test_what_is_shown_can_be_sent_again(ann: httpx.AsyncClient) -> None:
    made = await opened(ann)
    again = await changed(ann, grid=made["grid"])
    assert again.status_code == 200, again.text
    assert (again.json()["grid"], again.json()["layout"]) == (made["grid"], made["layout"])


@pytest.mark.parametrize(
    "change",
    [
        {"opening_hours": {"mon": [["08:00", "12:00"]]}},
        {"exceptions": {"2026-12-25": []}},
        {"price_per_hour": 400},
        {"rates": []},
        {"capacity": 4},
        {"horizon_days": 30},
    ],
)
async def test_other_rules_are_another_layout_and_the_rest_stays(
    ann: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    made = await opened(ann)
    answer = await changed(ann, grid=change)
    assert answer.status_code == 200, answer.text
    assert answer.json()["layout"] == made["layout"] + 1
    same = set(made["grid"]) - set(change)
    assert {name: answer.json()["grid"][name] for name in same} == {name: made["grid"][name] for name in same}
    assert answer.json()["grid"] != made["grid"]


async def test_a_title_is_no_other_layout(ann: httpx.AsyncClient) -> None:
    made = await opened(ann)
    answer = await changed(ann, title="Mill Lane", address="13 Mill Lane")
    assert (answer.json()["layout"], answer.json()["address"]) == (made["layout"], "13 Mill Lane")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grid": {"step_minutes": 15}}, "grid.step_minutes"),
        ({"grid": {"origin": "2025-01-02T00:00:00.000Z"}}, "grid.origin"),
        ({"grid": None}, "grid"),
        ({"slots": [{"id": "A-1", "price": 100}]}, "slots"),
        ({"categories": [{"name": "Near", "price": 100}]}, "categories"),
        ({"starts_at": "2026-11-21T09:00:00Z"}, "starts_at"),
        ({"price_lists": {"eur": {"slots": {}}}}, "price_lists"),
    ],
)
async def test_what_a_grid_cannot_become_is_refused(
    ann: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    await opened(ann)
    assert field in fields(await changed(ann, **change))


async def test_steps_of_an_hour_do_not_move_to_clocks_between(ann: httpx.AsyncClient) -> None:
    await opened(ann, step_minutes=60, rates=[])
    assert fields(await changed(ann, time_zone="Asia/Kathmandu")) == ["grid.origin"]
    assert (await changed(ann, time_zone="Europe/Berlin")).status_code == 200


async def book(database: Database, moment: datetime, taken: int) -> None:
    """A step of which so much is booked, as a booking writes it."""
    index = (moment - datetime(2025, 1, 1, tzinfo=UTC)) // timedelta(minutes=30)
    async with database.connection() as connection:
        await connection.execute(
            "insert into slot (resource_id, index, id, label, capacity, price_amount, taken)"
            " values ('drive', $1, $2, '', 12, 150, $3)",
            index, f"{moment:%Y-%m-%dT%H:%M:%SZ}", taken,
        )  # fmt: skip


def tomorrow_at_nine() -> datetime:
    return datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)


async def test_a_car_park_gets_no_smaller_than_what_is_booked(
    ann: httpx.AsyncClient, database: Database
) -> None:
    await opened(ann, capacity=12)
    await book(database, tomorrow_at_nine(), 5)
    await book(database, tomorrow_at_nine() - timedelta(days=9), 12)
    refused = await changed(ann, grid={"capacity": 4})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert f"{tomorrow_at_nine():%Y-%m-%dT%H:%M:%SZ} (5 of 4)" in refused.json()["detail"]
    assert (await changed(ann, grid={"capacity": 5})).status_code == 200
    async with database.connection() as connection:
        rows = await connection.fetch("select capacity from slot order by index")
    assert [row["capacity"] for row in rows] == [12, 5]


async def test_what_is_booked_keeps_its_clocks_its_currency_and_its_place(
    ann: httpx.AsyncClient, database: Database
) -> None:
    await opened(ann)
    await book(database, tomorrow_at_nine(), 1)
    assert (await changed(ann, time_zone="Europe/Berlin")).status_code == 409
    assert (await changed(ann, currency="eur", grid={"price_per_hour": 1, "rates": []})).status_code == 409
    assert (await ann.delete("/api/resources/drive", headers=as_owner())).status_code == 409


async def test_what_is_over_keeps_no_driveway(ann: httpx.AsyncClient, database: Database) -> None:
    await opened(ann)
    await book(database, tomorrow_at_nine() - timedelta(days=9), 1)
    assert (await ann.delete("/api/resources/drive", headers=as_owner())).status_code == 204


async def test_tiers_of_a_refund_stay_where_something_else_is_changed(ann: httpx.AsyncClient) -> None:
    tiers = [{"hours": 24, "percent": 100}, {"hours": 2, "percent": 50}]
    await ann.post("/api/resources", json={**DRIVEWAY, "policy": {"refund": tiers}}, headers=as_owner())
    answer = await changed(ann, title="Mill Lane")
    assert answer.json()["policy"]["refund"] == tiers


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-31"}, "from"),
        ({"from": "20261121"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "9999-12-31"}, "from"),
        ({"from": "2026-11-21", "to": "x"}, "to"),
        ({"from": "2026-11-21", "to": "2026-11-20"}, "to"),
        ({"from": "2026-11-21", "to": "2027-01-22"}, "to"),
        ({"to": "2026-11-21"}, "from"),
    ],
)
async def test_days_are_days(ann: httpx.AsyncClient, query: dict[str, str], field: str) -> None:
    for path in ("/api/resources/drive", "/api/resources/drive/availability"):
        answer = await ann.get(path, params=query)
        assert fields(answer) == [field]


async def test_what_is_shown_is_known_by_its_tag(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    today = f"{datetime.now(UTC).date() + timedelta(days=1)}"
    week = await ann.get("/api/resources/drive")
    day = await ann.get("/api/resources/drive", params={"from": today, "to": today})
    assert (len(week.json()["slots"]), len(day.json()["slots"])) == (7 * 48, 48)
    assert week.headers["ETag"] != day.headers["ETag"]
    for seen, query in ((week, {}), (day, {"from": today, "to": today})):
        again = await ann.get(
            "/api/resources/drive", params=query, headers={"If-None-Match": seen.headers["ETag"]}
        )
        assert again.status_code == 304
    await changed(ann, grid={"price_per_hour": 400})
    again = await ann.get("/api/resources/drive", headers={"If-None-Match": week.headers["ETag"]})
    assert again.status_code == 200


async def listed(ann: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await ann.get("/api/resources", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_list_shows_what_a_grid_is(ann: httpx.AsyncClient) -> None:
    await opened(ann, capacity=12)
    [item] = await listed(ann, kind="grid")
    assert (item["address"], item["step_minutes"], item["capacity"]) == ("12 Mill Lane, London", 30, 12)
    assert item["price_per_hour"] == {"amount": 300, "currency": "gbp"}
    assert item["price_from"] == {"amount": 200, "currency": "gbp"}
    assert await listed(ann, kind="seats") == []


async def test_a_grid_is_found_by_its_address(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    assert [item["id"] for item in await listed(ann, q="mill lane, lon")] == ["drive"]
    assert await listed(ann, q="mill_lane") == []


async def test_a_grid_is_listed_on_days_on_which_it_is_open(ann: httpx.AsyncClient) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    await opened(ann, exceptions={tomorrow.isoformat(): []}, horizon_days=5)
    for days, found in ((1, 0), (2, 1), (5, 1), (6, 0), (-1, 0)):
        day = tomorrow - timedelta(days=1) + timedelta(days=days)
        assert len(await listed(ann, date=day.isoformat())) == found


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"from": "2026-11-21T09:00:00Z"}, 422, "invalid_range"),
        ({"to": "2026-11-21T09:00:00Z"}, 422, "invalid_range"),
        ({"from": "2026-11-21T09:00:00Z", "to": "2026-11-21T09:00:00Z"}, 422, "invalid_range"),
        ({"from": "2026-11-21T09:00:00Z", "to": "2026-11-21T09:00:60Z"}, 422, "invalid_range"),
        ({"from": "2026-11-21T09:00:00", "to": "2026-11-21T10:00:00"}, 422, "invalid_range"),
        ({"from": "2026-11-21", "to": "2026-11-22"}, 422, "invalid_range"),
        ({"kind": "seats", "from": "2026-11-21T09:00:00Z", "to": "2026-11-21T10:00:00Z"}, 400, "bad_request"),
        ({"date": "2026-02-29"}, 422, "invalid"),
    ],
)
async def test_a_search_for_no_time_is_refused(
    ann: httpx.AsyncClient, query: dict[str, str], status: int, code: str
) -> None:
    answer = await ann.get("/api/resources", params=query)
    assert answer.status_code == status
    assert code in answer.json()["code"]
