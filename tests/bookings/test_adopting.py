"""What a session booked before its user signed in is the user's: on every device, and after signing out."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from redis.asyncio import Redis

from server.accounts.rules import Caller
from server.accounts.sessions import bound_key
from server.errors import NotFound, Unavailable
from server.inventory.rules import SlotDraft
from server.settings import Settings
from tests.inventory.examples import draft
from tests.payments.house import House
from tests.support.buyer import PATIENCE
from tests.support.door import JWT_SECRET, bearer, jwt_of
from tests.support.house import House as RunningHouse

ANN, BEN = Caller(session="", user="ann"), Caller(session="", user="ben")
CUSTOMER = {"name": "Ann Example", "email": "ann@example.com"}


async def test_what_a_session_booked_is_its_users_and_nobody_elses(house: House) -> None:
    session = house.buyer("ann")
    await session.holds("A-1")
    await session.books()
    await session.pays()
    before = await session.sees()
    bookings = house.office.bookings
    await bookings.adopt(session.caller.session, "ann")
    own = await bookings.find_own(ANN, str(before.id))
    assert (own.user, own.version, own.applied_version) == ("ann", before.version + 1, before.version + 1)
    await bookings.adopt(session.caller.session, "ann")
    await bookings.adopt(session.caller.session, "ben")
    await bookings.adopt("another", "ben")
    assert await bookings.get(before.id) == own
    with pytest.raises(NotFound):
        await bookings.find(BEN, str(before.id))
    await house.is_whole()


async def test_its_owner_does_not_become_its_buyer(house: House) -> None:
    session = house.buyer("ann")
    await session.holds("A-1")
    await session.books()
    await house.office.bookings.adopt(session.caller.session, session.own.owner)
    assert (await session.sees()).user is None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: RunningHouse) -> AsyncIterator[httpx.AsyncClient]:
    await holdfast.parts.inventory.create(draft(SlotDraft(id="A-1", label="A-1", price=2_500)))
    async with httpx.AsyncClient(base_url=holdfast.base_url, timeout=PATIENCE) as opened:
        yield opened


async def test_who_books_and_then_signs_in_has_it_everywhere(client: httpx.AsyncClient) -> None:
    session = (await client.post("/api/sessions")).json()["token"]
    client.cookies.clear()
    nobody, ann = bearer(session), bearer(jwt_of("ann"))
    held = await client.post("/api/holds", json={"resource": "hall", "items": [["A-1", 1]]}, headers=nobody)
    assert held.status_code == 201, held.text
    made = (await client.post("/api/bookings", json={"customer": CUSTOMER}, headers=nobody)).json()
    path, payment = f"/api/bookings/{made['booking']['id']}", made["payment"]["id"]
    assert (await client.get(path, headers=ann)).status_code == 404
    signed_in = await client.get("/api/cart", headers=bearer(jwt_of("ann"), session))
    assert signed_in.status_code == 200
    assert (await client.get(path, headers=ann)).status_code == 200
    assert len((await client.get("/api/bookings", headers=ann)).json()["items"]) == 1
    assert (await client.get(path, headers=nobody)).status_code == 401
    # From now on the user is told of it, too.
    await client.post(
        f"/api/sandbox/payments/{payment}",
        json={"outcome": "succeed"},
        headers=bearer(jwt_of("ann"), session),
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            if (await client.get("/api/notifications", headers=ann)).json()["items"]:
                return
            await asyncio.sleep(0.02)


async def test_what_is_a_users_stays_so_when_redis_has_lost_whose_the_session_is(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    opened = (await client.post("/api/sessions")).json()
    client.cookies.clear()
    session = opened["token"]
    nobody, ann, ben = bearer(session), bearer(jwt_of("ann"), session), bearer(jwt_of("ben"), session)
    await client.post("/api/holds", json={"resource": "hall", "items": [["A-1", 1]]}, headers=ann)
    made = await client.post("/api/bookings", json={"customer": CUSTOMER}, headers=ann)
    path = f"/api/bookings/{made.json()['booking']['id']}"
    assert (await client.get(path, headers=nobody)).status_code == 401

    await redis.flushall()
    # The token alone opens the session again, but nothing in it that is the user's.
    assert (await client.get(path, headers=nobody)).status_code == 404
    assert (await client.get("/api/bookings", headers=nobody)).json()["items"] == []
    again = await client.post("/api/bookings", json={"customer": CUSTOMER}, headers=nobody)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    # Another user does not get the session, and by trying has it bound to its own again.
    assert (await client.get(path, headers=ben)).status_code == 401
    assert await redis.get(bound_key(opened["session"])) == b"ann"
    assert (await client.get(path, headers=nobody)).status_code == 401
    assert (await client.get(path, headers=ann)).status_code == 200


async def test_who_signs_in_is_signed_in_though_nobody_can_be_asked_whose_the_session_was(
    client: httpx.AsyncClient, holdfast: RunningHouse
) -> None:
    async def nobody_answers(_session: str) -> str | None:
        raise Unavailable("the database is away")

    session = (await client.post("/api/sessions")).json()["token"]
    client.cookies.clear()
    holdfast.parts.sessions.user_of = nobody_answers
    assert (await client.get("/api/cart", headers=bearer(jwt_of("ann"), session))).status_code == 200


async def test_what_was_missed_is_made_up_when_the_session_is_opened_again(
    client: httpx.AsyncClient, holdfast: RunningHouse
) -> None:
    told: list[tuple[str, str]] = []

    async def hear(session: str, user: str) -> None:
        told.append((session, user))

    holdfast.parts.sessions.on_bound = hear
    session = (await client.post("/api/sessions")).json()
    client.cookies.clear()
    ann = bearer(jwt_of("ann"), session["token"])
    for _ in range(2):
        await client.get("/api/cart", headers=ann)
    assert told == [(session["session"], "ann")]
    await client.post("/api/sessions", headers=ann)
    assert told == [(session["session"], "ann")] * 2
