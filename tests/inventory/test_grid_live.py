"""Grids in a running house: what is shown, what each length costs, and which are free, by live state."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from server.inventory.grid.calendar import Calendar
from server.settings import Settings
from tests.inventory.grids import ALWAYS
from tests.support.door import JWT_SECRET, bearer, jwt_of
from tests.support.house import House

DAY = datetime.now(UTC).date() + timedelta(days=9)
OWNER = bearer(jwt_of("olivia", roles=("owner",)))


def at(clock: str, days: int = 0) -> str:
    """A time of the day in question, UTC."""
    return f"{DAY + timedelta(days=days)}T{clock}:00.000Z"


def driveway(name: str, zone: str = "UTC", **rules: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": "grid",
        "title": f"Driveway {name}",
        "address": f"{name} Mill Lane, Camden",
        "time_zone": zone,
        "currency": "gbp",
        "grid": {"step_minutes": 30, "opening_hours": ALWAYS, "price_per_hour": 300, **rules},
    }


DRIVEWAYS = [
    driveway("one", buffer_minutes=60),
    driveway("two", capacity=12, price_per_hour=250),
    driveway("closed", exceptions={DAY.isoformat(): []}),
    driveway("lunch", opening_hours={day: [["07:00", "12:00"], ["13:00", "20:00"]] for day in ALWAYS}),
    driveway("hours", "Asia/Kathmandu", step_minutes=60),
    driveway("near", horizon_days=3),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def street(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house with some driveways."""
    async with httpx.AsyncClient(base_url=holdfast.base_url, timeout=20) as client:
        for each in DRIVEWAYS:
            answer = await client.post("/api/resources", json=each, headers=OWNER)
            assert answer.status_code == 201, answer.text
        yield client


async def get(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def hold(client: httpx.AsyncClient, resource: str, start: str, end: str) -> None:
    session = (await client.post("/api/sessions")).json()
    client.cookies.clear()
    answer = await client.post(
        "/api/holds", json={"resource": resource, "range": [start, end]}, headers=bearer(session["token"])
    )
    assert answer.status_code == 201, answer.text


async def free(client: httpx.AsyncClient, start: str, end: str, **query: str) -> dict[str, tuple[int, int]]:
    """Id → (how many can have the range, its price)."""
    found = await get(client, "/api/resources", **{"kind": "grid", "from": start, "to": end, **query})
    assert found["next"] is None
    assert all(item["range"] == [start, end] for item in found["items"])
    return {item["id"]: (item["free"], item["price"]["amount"]) for item in found["items"]}


async def test_who_is_free_is_what_redis_says_now(street: httpx.AsyncClient) -> None:
    morning = at("09:00"), at("11:00")
    assert await free(street, *morning) == {"one": (1, 600), "two": (12, 500), "lunch": (1, 600)}
    assert await free(street, at("09:00"), at("17:00")) == {"one": (1, 2400), "two": (12, 2000)}
    assert await free(street, at("09:15"), at("11:15")) == {"hours": (1, 600)}

    await hold(street, "one", at("09:00"), at("10:30"))
    await hold(street, "two", *morning)
    assert await free(street, *morning) == {"two": (11, 500), "lunch": (1, 600)}
    assert (await free(street, at("11:00"), at("12:00")))["two"] == (12, 250)
    # Its buffer keeps an hour after it free, and another's the hour before it.
    assert "one" not in await free(street, at("11:00"), at("12:00"))
    assert "one" not in await free(street, at("08:00"), at("08:30"))
    assert "one" in await free(street, at("07:00"), at("08:00"))
    assert "one" in await free(street, at("11:30"), at("12:00"))

    lengths = await get(street, "/api/resources/one/lengths", start=at("07:00"))
    assert lengths["start"] == at("07:00")
    told = [(each["minutes"], each["price"]["amount"], each["available"]) for each in lengths["lengths"]]
    assert told == [
        (30, 150, True),
        (60, 300, True),
        (120, 600, False),
        (240, 1200, False),
        (480, 2400, False),
    ]
    assert lengths["lengths"][1] == {
        "minutes": 60, "end": at("08:00"), "price": {"amount": 300, "currency": "gbp"}, "available": True,
        "reason": None,
    }  # fmt: skip
    assert lengths["lengths"][2]["reason"] == "Some of it is taken"


async def test_lengths_say_why_they_cannot_be_had(street: httpx.AsyncClient) -> None:
    lunch = await get(street, "/api/resources/lunch/lengths", start=at("11:00"))
    assert [each["available"] for each in lunch["lengths"]] == [True, True, False, False, False]
    assert "closed from" in lunch["lengths"][2]["reason"]
    assert lunch["lengths"][2]["price"] is None
    hours = await get(street, "/api/resources/hours/lengths", start=at("09:15"))
    assert "inside a step of 60 minutes" in hours["lengths"][0]["reason"]
    closed = await get(street, "/api/resources/closed/lengths", start=at("09:00"))
    assert not any(each["available"] for each in closed["lengths"])

    for start, status, code in (
        (at("09:10"), 422, "invalid_range"),
        (at("09:00", days=-20), 422, "invalid_range"),
        ("yesterday", 422, "invalid_range"),
        ("", 422, "invalid_range"),
    ):
        answer = await street.get("/api/resources/one/lengths", params={"start": start})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    answer = await street.get("/api/resources/none/lengths", params={"start": at("09:00")})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_resource")


async def test_slots_and_live_numbers_are_of_the_same_days(
    street: httpx.AsyncClient, holdfast: House
) -> None:
    await hold(street, "two", at("09:00"), at("10:00"))
    days = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    whole = await get(street, "/api/resources/two", **days)
    live = await get(street, "/api/resources/two/availability", **days)
    slots = whole["slots"]
    assert len(slots) == len(live["available"]) == len(live["held"]) == 96
    assert (slots[0]["id"], slots[0]["section"]) == (at("00:00").replace(".000", ""), DAY.isoformat())
    assert [slot["index"] for slot in slots] == list(range(live["first"], live["first"] + 96))
    assert live["available"][17:21] == [12, 11, 11, 12]
    assert live["held"][17:21] == [0, 1, 1, 0]

    week, now = await get(street, "/api/resources/two"), datetime.now(UTC).date()
    assert len(week["slots"]) == 7 * 48
    assert {slot["section"] for slot in week["slots"]} <= {
        f"{now + timedelta(days=day)}" for day in range(-1, 8)
    }
    assert len((await get(street, "/api/resources/two/availability"))["available"]) == 7 * 48
    loaded = await holdfast.parts.inventory.get("two")
    assert isinstance(loaded.calendar, Calendar)
    assert (loaded.slots, loaded.by_id) == ((), {})


async def test_days_that_are_not_there_are_left_out(street: httpx.AsyncClient) -> None:
    now = datetime.now(UTC).date()

    async def shown(first: int, last: int | None = None) -> tuple[int, int]:
        query = {"from": f"{now + timedelta(days=first)}"}
        if last is not None:
            query["to"] = f"{now + timedelta(days=last)}"
        whole = await get(street, "/api/resources/near", **query)
        live = await get(street, "/api/resources/near/availability", **query)
        return len(whole["slots"]) // 48, len(live["available"]) // 48

    assert await shown(0) == (4, 4)
    assert await shown(-10, 0) == (1, 1)
    assert await shown(2, 50) == (2, 2)
    assert await shown(40) == (0, 0)
