"""Rows 100 to 102: ids of others look like ids of nothing, on every route that takes one.

The routes come from the app's own table. A new one with an id fails here until it is said whose its things
are and what it is asked with.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from starlette.routing import Route

from channels.client import Booked, Client
from server.app import api_routes
from server.http.endpoint import Rules, rules_of
from server.notices.channels.vapid import new_private_key
from server.settings import Settings
from tests.client.conftest import ANN, becomes
from tests.live.conftest import hall
from tests.live.driveway import draft
from tests.support.door import JWT_SECRET, bearer, jwt_of
from tests.support.house import House, open_house

BROWSER = {
    "endpoint": "https://push.example.com/send/ann",
    "keys": {
        "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
        "auth": "tBHItJI5svbpez7KI4CCXg",
    },
}
MALFORMED = (
    "x",
    "0",
    "-1",
    "*",
    "%",
    "{}",
    "\n",
    "\0",
    "é",
    "\ud7ff",
    "' or 1=1 --",
    "a" * 300,
    "KEYS *",
)
SOME = ("x", "*")

Asked = tuple[str, str]


@dataclass(frozen=True)
class Kind:
    """Whose a route's things are; no `thing`: everybody may know of them, so that only nothing is compared.

    `elsewhere`: the owner's other sessions are strangers too.
    """

    thing: str | None
    body: Any = None
    elsewhere: bool = False


WHOSE: dict[Asked, Kind] = {
    ("GET", "/api/resources/{id}"): Kind(None),
    ("GET", "/api/resources/{id}/lengths"): Kind(None),
    ("GET", "/api/resources/{id}/availability"): Kind(None),
    ("PATCH", "/api/resources/{id}"): Kind(None, {"title": "Mine"}),
    ("DELETE", "/api/resources/{id}"): Kind(None),
    ("GET", "/api/holds/{id}"): Kind("hold", elsewhere=True),
    ("DELETE", "/api/holds/{id}"): Kind("hold", elsewhere=True),
    ("GET", "/api/bookings/{id}"): Kind("booking"),
    ("PATCH", "/api/bookings/{id}"): Kind("booking", {"special_requests": "Mine"}),
    ("DELETE", "/api/bookings/{id}"): Kind("booking"),
    ("PUT", "/api/bookings/{id}/confirm"): Kind("booking"),
    ("PUT", "/api/bookings/{id}/cancel"): Kind("booking"),
    ("GET", "/api/bookings/{id}/cancellation"): Kind("booking"),
    ("GET", "/api/bookings/{id}/payments"): Kind("booking"),
    ("POST", "/api/bookings/{id}/payments"): Kind("booking"),
    ("GET", "/api/bookings/{id}/refunds"): Kind("booking"),
    ("POST", "/api/bookings/{id}/refunds"): Kind("booking", {"amount": 1}),
    ("GET", "/api/bookings/{id}/transfer"): Kind("booking"),
    ("POST", "/api/bookings/{id}/transfer"): Kind("booking", {"user": "eve"}),
    ("DELETE", "/api/bookings/{id}/transfer"): Kind("booking"),
    ("GET", "/api/transfers/{token}"): Kind("offer"),
    ("POST", "/api/transfers/{token}/accept"): Kind("offer"),
    ("GET", "/api/payments/{id}"): Kind("payment"),
    ("DELETE", "/api/payments/{id}"): Kind("payment"),
    ("POST", "/api/payments/{id}/open"): Kind("payment", {"secret": "x"}),
    ("POST", "/api/payments/{id}/check"): Kind("payment"),
    ("POST", "/api/sandbox/payments/{id}"): Kind("payment", {"outcome": "succeed"}),
    ("DELETE", "/api/push-subscriptions/{id}"): Kind("browser"),
    ("GET", "/api/webhooks/{id}"): Kind("webhook"),
    ("DELETE", "/api/webhooks/{id}"): Kind("webhook"),
    ("POST", "/api/webhooks/{id}/secret"): Kind("webhook"),
    ("POST", "/api/webhooks/{id}/enable"): Kind("webhook"),
}


def table() -> Iterator[tuple[Asked, Rules]]:
    for route in api_routes():
        rules = rules_of(route.endpoint) if isinstance(route, Route) else None
        if isinstance(route, Route) and rules is not None:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield (method, route.path), rules


@dataclass
class Scene:
    """Ann's and Olga's things, and the ways others ask for them."""

    http: httpx.AsyncClient
    things: dict[str, str] = field(default_factory=dict)
    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    others: dict[str, dict[str, str]] = field(default_factory=dict)
    anns_other_session: dict[str, str] = field(default_factory=dict)

    async def asks(self, asked: Asked, thing: str, body: Any, headers: dict[str, str]) -> tuple[Any, ...]:
        """The answer, byte for byte, but for what is of the request itself."""
        method, path = asked
        address = f"{path.partition('{')[0]}{quote(thing, safe='')}{path.partition('}')[2]}"
        changes = None if method == "GET" else {} if body is None else body
        answer = await self.http.request(method, address, json=changes, headers=headers)
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"date", "x-request-id", "request-id"}
        }
        content = answer.content.replace(thing.encode(), b"<id>") if len(thing) > 20 else answer.content
        return answer.status_code, content, kept


async def session_of(http: httpx.AsyncClient, user: str | None, *roles: str) -> dict[str, str]:
    """The headers of a new session, a user's or nobody's."""
    token = None if user is None else jwt_of(user, roles=roles or ("buyer",))
    opened = await http.post("/api/sessions", headers={} if token is None else bearer(token))
    session = opened.json()["token"]
    http.cookies.clear()
    return bearer(session) if token is None else bearer(token, session)


@pytest.fixture
async def scene(settings: Settings) -> AsyncIterator[Scene]:
    unlimited = replace(
        settings,
        jwt_secret=JWT_SECRET,
        rate_commands=0,
        rate_bookings=0,
        vapid_private_key=new_private_key(),
        vapid_subject="mailto:us@example.org",
    )
    async with open_house(unlimited) as house, httpx.AsyncClient(base_url=house.base_url) as http:
        await house.parts.inventory.create(hall())
        await house.parts.inventory.create(draft())
        made = Scene(http)
        await fill(made, house)
        yield made


async def fill(scene: Scene, house: House) -> None:
    async with Client(house.base_url, token=jwt_of("ann")) as ann:
        paid = await book(ann, "A-1")
        assert paid.payment is not None
        await ann.payments.settle_in_sandbox(paid.payment.id)
        await becomes(ann, paid.booking.id, lambda booking: booking.status == "confirmed")
        offer = await ann.bookings.transfer(paid.booking.id, user="ben")
        waiting = await book(ann, "A-2")
        held = await ann.holding.hold("hall", ["A-3"])
        session = (await ann.session()).token
    http = scene.http
    anns = bearer(jwt_of("ann"), session)
    olgas = await session_of(http, "olga", "owner")
    browser = await http.post("/api/push-subscriptions", json=BROWSER, headers=anns)
    hook = await http.post("/api/webhooks", json={"url": "https://8.8.8.8/hook"}, headers=olgas)
    assert (browser.status_code, hook.status_code) == (201, 201), (browser.text, hook.text)
    assert offer.token is not None
    assert waiting.payment is not None
    scene.things = {
        "hold": held.hold.id,
        "booking": waiting.booking.id,
        "payment": waiting.payment.id,
        "offer": offer.token,
        "browser": browser.json()["push_subscription"]["id"],
        "webhook": hook.json()["webhook"]["id"],
    }
    bens = await session_of(http, "ben")
    scene.owners = {**dict.fromkeys(scene.things, anns), "webhook": olgas, "offer": bens}
    scene.anns_other_session = await session_of(http, "ann")
    scene.others = {
        "nobody": {},
        "a stranger": await session_of(http, None),
        "another user": await session_of(http, "eve"),
        "another owner": await session_of(http, "oscar", "owner"),
        "a user without a session": bearer(jwt_of("eve")),
        "a wall screen": await session_of(http, "screen", "display"),
    }


async def book(client: Client, seat: str) -> Booked:
    await client.holding.hold("hall", [seat])
    return await client.bookings.book(ANN)


def test_100_every_route_with_an_id_says_whose_its_things_are() -> None:
    assert {asked for asked, _ in table() if "{" in asked[1]} == set(WHOSE)


async def test_100_and_102_what_is_others_and_what_is_nonsense_is_as_if_it_were_not_there(
    scene: Scene,
) -> None:
    await whose_it_is_finds_it(scene)
    for asked, kind in WHOSE.items():
        others = dict(scene.others)
        if kind.elsewhere:
            others["another session of Ann's"] = scene.anns_other_session
        for name, headers in others.items():
            missing = await scene.asks(asked, str(uuid4()), kind.body, headers)
            assert missing[0] in {401, 403, 404}, (asked, name, missing)
            if name in {"another user", "another session of Ann's"} and kind.thing != "webhook":
                expected = 403 if asked[0] in {"PATCH", "DELETE"} and "resources" in asked[1] else 404
                assert missing[0] == expected, (asked, name, missing)
            theirs = () if kind.thing is None else (scene.things[kind.thing],)
            malformed = MALFORMED if name == "another user" else SOME
            for thing in (*theirs, *malformed):
                assert await scene.asks(asked, thing, kind.body, headers) == missing, (asked, name, thing)


async def whose_it_is_finds_it(scene: Scene) -> None:
    """Otherwise nothing would be compared with nothing."""
    reads = [(asked, kind.thing) for asked, kind in WHOSE.items() if asked[0] == "GET" and kind.thing]
    for asked, thing in reads:
        assert thing is not None
        status, *_ = await scene.asks(asked, scene.things[thing], None, scene.owners[thing])
        assert status == 200, (asked, status)


async def nobody_says_what_only_we_say(scene: Scene) -> None:
    """States, prices and owners that come with a request are refused, on every route that takes a body."""
    ours = {"id": "x", "status": "confirmed", "total": 1, "price": 1, "user_id": "eve", "paid": True}
    operator = await session_of(scene.http, "olga", "owner", "operator")
    for (method, path), rules in table():
        if rules.body is None:
            continue
        for field_name, value in ours.items():
            if field_name in rules.body.__struct_fields__:
                continue
            address = path.replace("{id}", str(uuid4())).replace("{token}", "x")
            answer = await scene.http.request(method, address, json={field_name: value}, headers=operator)
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), (path, field_name)


async def pages_are_asked_for_in_reason(scene: Scene) -> None:
    operator = await session_of(scene.http, "olga", "owner", "operator")
    paged = {"/api/resources", "/api/bookings", "/api/notifications"}
    assert {("GET", path) for path in paged} <= {asked for asked, _ in table()}
    for path in paged:
        for query in ("after=forged", "after=LTE", "after=' or 1=1", "after=" + "A" * 4_000):
            answer = await scene.http.get(f"{path}?{query}", headers=operator)
            assert answer.status_code == 400, (path, query)
        for limit in ("-1", "0", "1000000000", "1.5", "٣", "many"):
            answer = await scene.http.get(path, params={"limit": limit}, headers=operator)
            assert answer.status_code in {400, 422}, (path, limit)


async def signs_in_ids_reach_no_pattern(scene: Scene) -> None:
    """`*`, braces and the like in bodies name nothing, and the live state is as it was."""
    anns = scene.owners["hold"]
    before = (await scene.http.get("/api/cart", headers=anns)).json()
    for name in ("*", "{hall}", "hall*", "hall\n", "hall\0", "[a-z]all", "hall' or '1'='1"):
        answer = await scene.http.post(
            "/api/holds", json={"resource": name, "items": [["A-9", 1]]}, headers=anns
        )
        assert answer.status_code in {400, 404}, name
        answer = await scene.http.post(
            "/api/holds", json={"resource": "hall", "items": [[name, 1]]}, headers=anns
        )
        assert answer.status_code in {400, 422}, name
    assert (await scene.http.get("/api/cart", headers=anns)).json() == before


async def test_87_101_102_and_104_what_nobody_may_say_is_refused(scene: Scene) -> None:
    await nobody_says_what_only_we_say(scene)
    await signs_in_ids_reach_no_pattern(scene)
    await pages_are_asked_for_in_reason(scene)
