"""A user's notices and wishes over HTTP."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from server.errors import InvalidFields
from server.notices.preferences import PreferencesRequest, check
from server.settings import Settings
from tests.live.conftest import open_hall
from tests.notices.test_live import happens, signed_in
from tests.support.buyer import Buyer, Json, visiting
from tests.support.house import House


@pytest.fixture
async def hall(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings) as house:
        yield house


@pytest.fixture
async def olga(hall: House) -> AsyncIterator[Buyer]:
    async with signed_in(hall) as buyer:
        yield buyer


async def told(hall: House, count: int) -> None:
    await happens(hall, count=count)
    while await hall.parts.notices.dispatcher.round() != 0:
        pass


async def lists(buyer: Buyer, query: str = "") -> Json:
    answer = await buyer.reads(f"/api/notifications{query}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def names(page: Json) -> list[str]:
    return [each["data"]["reference"] for each in page["items"]]


async def test_the_latest_come_first_in_pages(hall: House, olga: Buyer) -> None:
    await told(hall, 5)
    first = await lists(olga, "?limit=3")
    assert names(first) == ["BK-4", "BK-3", "BK-2"]
    assert first["unread"] == 5
    rest = await lists(olga, f"?limit=3&after={first['next']}")
    assert (names(rest), rest["next"]) == (["BK-1", "BK-0"], None)
    one = first["items"][0]
    assert set(one) == {"id", "kind", "title", "message", "data", "created_at", "read_at"}
    assert one["created_at"].endswith("Z")


async def test_what_is_read_stays_and_the_unread_can_be_asked_for(hall: House, olga: Buyer) -> None:
    await told(hall, 3)
    ids = [each["id"] for each in (await lists(olga))["items"]]
    answer = await olga.posts("/api/notifications/read", {"ids": [ids[0], ids[0], "nonsense", str(uuid4())]})
    assert (answer.status_code, answer.json()) == (200, {"unread": 2})
    assert (await olga.posts("/api/notifications/read", {"ids": [ids[0]]})).json() == {"unread": 2}
    page = await lists(olga)
    assert [each["read_at"] is None for each in page["items"]] == [False, True, True]
    assert names(await lists(olga, "?unread=true")) == ["BK-1", "BK-0"]
    assert (await olga.posts("/api/notifications/read", {"until": ids[1]})).json() == {"unread": 0}


async def test_other_peoples_notices_are_not_there(hall: House, olga: Buyer) -> None:
    await told(hall, 1)
    (notice,) = (await lists(olga))["items"]
    async with signed_in(hall, "ben") as ben:
        assert (await lists(ben))["items"] == []
        for until in (notice["id"], str(uuid4()), "nonsense"):
            answer = await ben.posts("/api/notifications/read", {"until": until})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await ben.posts("/api/notifications/read", {"ids": [notice["id"]]})).json() == {"unread": 0}
    assert (await lists(olga))["unread"] == 1


async def test_a_request_that_says_too_little_or_too_much(olga: Buyer) -> None:
    for body in ({}, {"ids": ["a"], "until": "b"}):
        assert (await olga.posts("/api/notifications/read", body)).json()["code"] == "bad_request"


async def test_queries_that_do_not_hold(olga: Buyer) -> None:
    for query in ("limit=0", "limit=201", "limit=x", "after=x", "unread=yes"):
        assert (await olga.reads(f"/api/notifications?{query}")).status_code == 400


async def test_a_session_without_a_user_has_none(hall: House) -> None:
    async with visiting(hall.base_url) as ann:
        await ann.opens_session()
        for path in ("/api/notifications", "/api/preferences"):
            assert (await ann.reads(path)).status_code == 401
        assert (await ann.posts("/api/notifications/read", {"ids": ["a"]})).status_code == 401


USUAL: Json = {"email": None, "phone": None, "channels": {}, "batch_seconds": 0, "quiet": None}


async def test_preferences_are_as_usual_until_somebody_says_otherwise(olga: Buyer) -> None:
    assert (await olga.reads("/api/preferences")).json() == {"preferences": USUAL}
    wanted = {
        "email": " olga@example.org ",
        "phone": "+44 20 7946 0018",
        "channels": {"booking_confirmed": ["push", "email", "push"], "payment_succeeded": []},
        "batch_seconds": 600,
        "quiet": {"start": "22:00", "end": "07:00", "time_zone": "Europe/London"},
    }
    kept = wanted | {
        "email": "olga@example.org",
        "channels": {"booking_confirmed": ["email", "push"], "payment_succeeded": []},
    }
    assert (await olga.changes("PUT", "/api/preferences", wanted)).json() == {"preferences": kept}
    assert (await olga.reads("/api/preferences")).json() == {"preferences": kept}
    assert (await olga.changes("PUT", "/api/preferences", {})).json() == {"preferences": USUAL}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "olga"}, ["email"]),
        ({"email": "olga@example.org\r\nBcc: all@example.org"}, ["email"]),
        ({"phone": "call me"}, ["phone", "phone"]),
        ({"phone": "020 7946 0018"}, ["phone"]),
        ({"channels": {"booking_lost": ["email"]}}, ["channels.booking_lost"]),
        ({"channels": {"booking_confirmed": ["pigeon"]}}, ["channels.booking_confirmed"]),
        ({"channels": {"booking_confirmed": ["webhook"]}}, ["channels.booking_confirmed"]),
        ({"batch_seconds": -1}, ["batch_seconds"]),
        ({"batch_seconds": 86_401}, ["batch_seconds"]),
        (
            {"quiet": {"start": "25:00", "end": "7", "time_zone": "Mars/Base"}},
            ["quiet.start", "quiet.end", "quiet.time_zone"],
        ),
        ({"quiet": {"start": "07:00", "end": "07:00", "time_zone": "UTC"}}, ["quiet.end"]),
    ],
)
def test_wishes_that_do_not_hold_are_named(body: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidFields) as refused:
        check(msgspec.convert(body, PreferencesRequest))
    assert [each.field for each in refused.value.errors or ()] == fields


async def test_wishes_that_do_not_hold_change_nothing(olga: Buyer) -> None:
    for body in ({"email": "olga"}, {"mail": "olga@example.org"}, {"quiet": {"start": "22:00"}}):
        answer = await olga.changes("PUT", "/api/preferences", body)
        assert answer.status_code in {400, 422}
    assert (await olga.reads("/api/preferences")).json() == {"preferences": USUAL}
