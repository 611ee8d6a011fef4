"""Rows 69 to 78, 84 and 88 of the bad inputs: what nobody can hold, keep or give back, over HTTP.

Rows 79 to 83, 85 and 89 need bookings: tests/bookings/test_bad_inputs.py. 72, a sale that is not open yet: a
seat has no such time, a step of time has one, the midnight that brings its day within the horizon. 77 asks
for a version beside `slot_taken`: the refusal names the slots, and the version comes on the resource's
channel, by which the map of who was refused is made right. 84 asks for a refusal of the extension beyond the
limit: it is answered, and moves nothing (docs/hold.md). 78: what is another's is 404, not "not yours".
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from server.holds.routes import routes
from tests.holds.conftest import MakeWorld
from tests.holds.grids import driveway
from tests.holds.test_routes import Parts, ann, holds, parts
from tests.holds.world import World, hall, rows, slot
from tests.support.door import app_of, bearer, visit

__all__ = ["ann", "parts"]

DAY = 86_400
STARTED = "2027-01-15"  # when all tests begin: Friday at 08:00


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two halls of one owner, one of another, a driveway, and start times of which one is about to begin."""
    times = (
        slot(0, "soon", starts_at="2027-01-15T08:00:01.000Z", capacity=9),
        slot(1, "later", starts_at="2027-01-15T20:00:00.000Z", capacity=9),
    )
    return make_world(
        hall("hall", rows(A=6, B=4)),
        hall("annexe", rows(C=2)),
        hall("theirs", rows(D=2), owner="oscar"),
        hall("times", times, kind="sessions"),
        hall("arena", rows(Z=600)),
        driveway(horizon_days=20),
        driveway("abroad", zone="Australia/Lord_Howe", horizon_days=400),
        driveway("home", horizon_days=400),
        driveway("kept", max_minutes=120),
        max_hold_items=8,
        hold_max_seconds=1800,
    )


@pytest.fixture
async def ben(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else."""
    async with visit(app_of(parts, routes)) as client:
        opened = (await client.post("/api/sessions")).json()
        client.cookies.clear()
        client.headers.update(bearer(opened["token"]))
        yield client


def told(answer: httpx.Response) -> tuple[int, str, Any]:
    problem = answer.json()
    assert problem["detail"]
    return answer.status_code, problem["code"], problem.get("slots")


async def has_nothing(client: httpx.AsyncClient, world: World, places: int = 10) -> None:
    assert (await client.get("/api/cart")).json() == {"cart": None}
    assert sum(await world.available()) == places


async def test_69_an_unknown_slot_is_named(ann: httpx.AsyncClient, world: World) -> None:
    for items in ([["Z-99", 1]], [["A-1", 1], ["Z-99", 1]]):
        assert told(await holds(ann, items=items)) == (422, "unknown_slot", ["Z-99"])
    for name in ("", "a-1", "A-1 ", "*", "é"):
        assert told(await holds(ann, items=[[name, 1]]))[:2] == (422, "unknown_slot")
    await has_nothing(ann, world)


async def test_70_a_slot_of_another_resource_is_unknown(ann: httpx.AsyncClient, world: World) -> None:
    for place in ("C-1", "D-1", "soon", "2027-01-16T09:00:00Z"):
        assert told(await holds(ann, items=[["A-1", 1], [place, 1]])) == (422, "unknown_slot", [place])
    await has_nothing(ann, world)


async def test_71_what_has_begun_is_past(ann: httpx.AsyncClient, world: World) -> None:
    assert (await holds(ann, resource="times", items=[["soon", 1]])).status_code == 201
    world.time_passes(1)
    late = await holds(ann, resource="times", items=[["soon", 2], ["later", 1]])
    assert told(late) == (422, "invalid_range", ["soon"])
    await ann.post("/api/cart/release")
    for start, end in (("07:00", "09:00"), ("08:00", "09:00")):
        past = [f"{STARTED}T{start}:00Z", f"{STARTED}T{end}:00Z"]
        assert told(await holds(ann, resource="drive", range=past))[:2] == (422, "invalid_range")
    ahead = [f"{STARTED}T08:30:00Z", f"{STARTED}T09:00:00Z"]
    assert (await holds(ann, resource="drive", range=ahead)).status_code == 201


async def test_72_a_day_is_on_sale_from_its_midnight_and_not_a_millisecond_earlier(
    ann: httpx.AsyncClient, world: World
) -> None:
    """The 21st day after it is within a horizon of 20 days from the next midnight on."""
    day = ["2027-02-05T09:00:00Z", "2027-02-05T10:00:00Z"]
    world.time_passes(16 * 3_600 - 0.001)
    early = await holds(ann, resource="drive", range=day)
    assert told(early)[:2] == (422, "invalid_range")
    assert "until Fri 5 Feb, 00:00" in early.json()["detail"]
    world.time_passes(0.001)
    assert (await holds(ann, resource="drive", range=day)).status_code == 201


@pytest.mark.parametrize(
    ("quantity", "status", "code"),
    [
        (0, 422, "invalid_fields"),
        (-1, 422, "invalid_fields"),
        (1.5, 422, "invalid_fields"),
        (10**9, 422, "limit_exceeded"),
        (2**63, 422, "limit_exceeded"),
        (10**30, 400, "bad_request"),
        (9, 422, "limit_exceeded"),
        ("1", 422, "invalid_fields"),
        (None, 422, "invalid_fields"),
        (True, 422, "invalid_fields"),
    ],
)
async def test_73_a_quantity_is_a_whole_number_within_the_limits(
    ann: httpx.AsyncClient, world: World, quantity: Any, status: int, code: str
) -> None:
    for resource, wanted in (
        ("hall", {"items": [["A-1", quantity]]}),
        ("times", {"items": [["later", quantity]]}),
    ):
        answer = await ann.post("/api/holds", json={"resource": resource, **wanted})
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    best = await holds(ann, best={"quantity": quantity})
    assert best.status_code == status, best.text
    await has_nothing(ann, world)


async def test_74_a_slot_is_named_once(ann: httpx.AsyncClient, world: World) -> None:
    twice = [["A-1", 1], ["A-2", 1], ["A-1", 1]]
    assert told(await holds(ann, items=twice)) == (400, "bad_request", ["A-1"])
    assert told(await holds(ann, resource="times", items=[["later", 1], ["later", 2]]))[0] == 400
    await has_nothing(ann, world)


async def test_75_five_hundred_and_one_are_too_many(ann: httpx.AsyncClient, world: World) -> None:
    items = [[f"Z-{place}", 1] for place in range(1, 502)]
    assert told(await holds(ann, resource="arena", items=items))[:2] == (422, "limit_exceeded")
    assert told(await holds(ann, resource="arena", best={"quantity": 501}))[:2] == (422, "limit_exceeded")
    await has_nothing(ann, world)


async def test_76_what_is_ones_own_already_is_answered_as_it_is(ann: httpx.AsyncClient, world: World) -> None:
    for wanted in (
        {"items": [["A-1", 1], ["A-2", 1]]},
        {"resource": "drive", "range": ["2027-01-16T09:00:00Z", "2027-01-16T11:00:00Z"]},
    ):
        first = await holds(ann, **wanted)
        world.time_passes(5)
        again = await holds(ann, **wanted)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["hold"] == first.json()["hold"]
        await ann.post("/api/cart/release")
    await holds(ann, items=[["A-1", 1], ["A-2", 1]])
    part = await holds(ann, items=[["A-2", 1], ["A-3", 1]])
    assert told(part) == (409, "slot_taken", ["A-2"])
    assert await world.of("A-3") == (1, 0, 0)


async def test_77_what_another_has_is_taken_and_named(
    ann: httpx.AsyncClient, ben: httpx.AsyncClient, world: World
) -> None:
    await holds(ben, items=[["A-1", 1], ["A-3", 1]])
    three = [["A-1", 1], ["A-2", 1], ["A-3", 1]]
    assert told(await holds(ann, items=three)) == (409, "slot_taken", ["A-1", "A-3"])
    assert await world.of("A-2") == (1, 0, 0)
    await ben.post("/api/cart/release")
    hour = ["2027-01-16T09:00:00Z", "2027-01-16T11:00:00Z"]
    await holds(ben, resource="drive", range=hour)
    over = ["2027-01-16T10:30:00Z", "2027-01-16T12:00:00Z"]
    assert told(await holds(ann, resource="drive", range=over)) == (
        409,
        "slot_taken",
        ["2027-01-16T10:30:00Z"],
    )


async def test_78_nobody_gives_back_what_is_anothers_or_was_ones_own(
    ann: httpx.AsyncClient, ben: httpx.AsyncClient, world: World
) -> None:
    mine = (await holds(ann, items=[["A-1", 1]])).json()["hold"]["id"]
    missing = await ben.delete("/api/holds/nothing")
    foreign = await ben.delete(f"/api/holds/{mine}")
    assert (foreign.status_code, foreign.json()) == (404, missing.json())
    assert await world.of("A-1") == (0, 1, 0)
    assert (await ann.delete(f"/api/holds/{mine}")).status_code == 200
    theirs = (await holds(ben, items=[["A-1", 1]])).json()["hold"]
    again = await ann.delete(f"/api/holds/{mine}")
    assert (again.status_code, again.json()["hold"]["status"]) == (200, "released")
    assert await world.of("A-1") == (0, 1, 0)
    assert (await ben.get(f"/api/holds/{theirs['id']}")).json()["hold"]["status"] == "held"


async def test_84_however_often_it_is_extended_a_cart_ends_at_its_ceiling(
    ann: httpx.AsyncClient, world: World
) -> None:
    """Neither extending nor adding gets beyond the first hold + HOLD_MAX_SECONDS."""
    assert world.clock is not None
    begun = world.clock.milliseconds
    await holds(ann, items=[["A-1", 1]])
    for minute in range(29):
        world.time_passes(60)
        extended = await ann.post("/api/cart/extend")
        assert extended.status_code == 200
        if minute == 20:
            await holds(ann, items=[["A-2", 1]])
    deadline = extended.json()["cart"]["expires_at"]
    assert deadline == "2027-01-15T08:30:00.000Z"
    assert begun + 1_800_000 - world.clock.milliseconds == 60_000
    world.time_passes(60)
    await world.main.expire()
    over = await ann.post("/api/cart/extend")
    assert told(over)[:2] == (409, "hold_expired")
    await has_nothing(ann, world)


# resource, start, end → the price of what is held, or what the refusal says
RANGES: dict[str, tuple[str, str, str, int | str]] = {
    "reversed": ("home", "2027-01-16T11:00:00Z", "2027-01-16T09:00:00Z", "its end is after its start"),
    "no length": ("home", "2027-01-16T09:00:00Z", "2027-01-16T09:00:00Z", "its end is after its start"),
    "a day longer than allowed": (
        "home",
        "2027-01-16T00:00:00Z",
        "2027-01-22T00:00:00Z",
        "are the most here",
    ),
    "a step longer than allowed": (
        "kept",
        "2027-01-16T09:00:00Z",
        "2027-01-16T11:30:00Z",
        "120 are the most",
    ),
    "as long as allowed": ("kept", "2027-01-16T09:00:00Z", "2027-01-16T11:00:00Z", 800),
    "over hours that clocks skip": ("home", "2027-03-28T00:30:00Z", "2027-03-28T02:30:00+01:00", 400),
    "an hour that clocks skip": (
        "home",
        "2027-03-28T01:00:00Z",
        "2027-03-28T02:00:00+01:00",
        "its end is after",
    ),
    "over hours shown twice": ("home", "2027-10-31T00:30:00+01:00", "2027-10-31T02:00:00Z", 1_000),
    "half an hour twice": ("abroad", "2027-04-04T01:30:00+11:00", "2027-04-04T02:00:00+10:30", 400),
    "no 29 February": ("home", "2027-02-29T09:00:00Z", "2027-02-29T10:00:00Z", "is no time"),
    "24:00": ("home", "2027-01-16T22:00:00Z", "2027-01-16T24:00:00Z", "is no time"),
    "+14:00": ("home", "2027-01-16T23:00:00+14:00", "2027-01-17T00:00:00+14:00", 400),
    "-12:00": ("home", "2027-01-16T23:00:00-12:00", "2027-01-17T00:00:00-12:00", 400),
    "+23:59": ("home", "2027-01-17T08:59:00+23:59", "2027-01-17T09:59:00+23:59", 400),
    "+24:00": ("home", "2027-01-17T09:00:00+24:00", "2027-01-17T10:00:00+24:00", "is no time"),
    "a leap second": ("home", "2027-01-16T23:59:60Z", "2027-01-17T01:00:00Z", "is no time"),
    "off the steps by a millisecond": (
        "home",
        "2027-01-16T09:00:00.001Z",
        "2027-01-16T10:00:00Z",
        "inside a step",
    ),
    "no offset": ("home", "2027-01-16T09:00:00", "2027-01-16T10:00:00", "has no offset"),
}


@pytest.mark.parametrize("case", RANGES)
async def test_88_each_range_of_time_has_its_answer(ann: httpx.AsyncClient, case: str) -> None:
    resource, start, end, expected = RANGES[case]
    answer = await holds(ann, resource=resource, range=[start, end])
    if isinstance(expected, int):
        assert answer.status_code == 201, answer.text
        assert answer.json()["hold"]["price"] == {"amount": expected, "currency": "gbp"}
    else:
        assert told(answer)[:2] == (422, "invalid_range")
        assert expected in answer.json()["detail"]
        assert (await ann.get("/api/cart")).json() == {"cart": None}


async def test_88_the_29th_of_february_is_there_every_four_years(
    ann: httpx.AsyncClient, world: World
) -> None:
    world.time_passes(30 * DAY)
    taken = await holds(ann, resource="home", range=["2028-02-28T23:00:00Z", "2028-03-01T01:00:00Z"])
    assert taken.status_code == 201, taken.text
    assert taken.json()["hold"]["price"]["amount"] == 26 * 400


@pytest.mark.parametrize(
    "range_", [None, [], ["2027-01-16T09:00:00Z"], "2027-01-16T09:00:00Z", [1, 2], [None, None], {}]
)
async def test_88_what_is_no_range_is_refused(ann: httpx.AsyncClient, range_: Any) -> None:
    answer = await ann.post("/api/holds", json={"resource": "home", "range": range_})
    assert (answer.status_code, answer.json()["code"]) in {(400, "bad_request"), (422, "invalid_fields")}
