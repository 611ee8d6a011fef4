"""`/api/cart/quote`, and bookings in the currency that is asked for, through the real door."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.accounts.rules import Caller
from server.bookings.routes import routes as booking_routes
from server.bookings.service import Bookings
from server.payments.routes import routes as payment_routes
from server.payments.service import Payments
from server.settings import Settings
from server.times import now_milliseconds, rfc3339
from tests.bookings.rates import opens_bureau
from tests.inventory.examples import draft, seat_draft
from tests.payments.house import Buyer, House
from tests.support.door import app_of, bearer, parts_of, visit
from tests.support.house import open_house

FORM = {"customer": {"name": "Ann Example", "email": "ann@example.com"}}


@dataclass
class Parts:
    """What the routes reach for."""

    settings: Settings
    redis: Any
    sessions: Any
    limits: Any
    bookings: Bookings
    payments: Payments


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a session of its own, at the house's door."""
    door, office = parts_of(house.redis), house.office
    parts = Parts(door.settings, door.redis, door.sessions, door.limits, office.bookings, office.payments)
    async with visit(app_of(parts, [*booking_routes, *payment_routes])) as visitor:
        opened = (await visitor.post("/api/sessions")).json()
        visitor.cookies.clear()
        visitor.headers.update(bearer(opened["token"]))
        visitor.headers["X-Test-Session"] = opened["session"]
        yield visitor


def at_home(house: House, client: httpx.AsyncClient) -> Buyer:
    """The same session, past the door."""
    buyer = house.buyer("ann")
    buyer.caller = Caller(session=client.headers["X-Test-Session"])
    return buyer


async def quoted(client: httpx.AsyncClient, currency: object) -> httpx.Response:
    return await client.post("/api/cart/quote", json={"currency": currency})


async def test_a_quote_by_its_fields(house: House, client: httpx.AsyncClient) -> None:
    opens_bureau(house, gbp="0.80", usd="1.1")
    assert (await client.get("/api/cart/quote")).json() == {"quote": None}
    assert (await quoted(client, "gbp")).status_code == 409
    ann = at_home(house, client)
    hold = await ann.holds("A-1")
    answer = await quoted(client, "gbp")
    assert answer.status_code == 200
    quote = answer.json()["quote"]
    assert quote == {
        "reference": hold.reference,
        "base": "eur",
        "currency": "gbp",
        "rate": "0.80",
        "quoted_at": quote["quoted_at"],
        "total": {"amount": 2000, "currency": "gbp"},
        "items": [
            {
                "resource": "hall",
                "slot": "A-1",
                "label": "A-1",
                "quantity": 1,
                "price": {"amount": 2000, "currency": "gbp"},
                "hold": hold.id,
                "range": None,
            }
        ],
        "supported": ["eur", "gbp", "usd"],
    }
    assert (await client.get("/api/cart/quote")).json() == {"quote": quote}
    own = (await quoted(client, "eur")).json()["quote"]
    assert (own["rate"], own["total"]) == ("1", {"amount": 2500, "currency": "eur"})


@pytest.mark.parametrize("currency", [1, None, ["gbp"], {"code": "gbp"}])
async def test_a_currency_is_a_text(client: httpx.AsyncClient, currency: object) -> None:
    assert (await quoted(client, currency)).status_code in {400, 422}


async def test_the_same_key_has_the_same_answer(house: House, client: httpx.AsyncClient) -> None:
    board = opens_bureau(house)
    await at_home(house, client).holds("A-1")
    key = {"Idempotency-Key": "quote-1"}
    first = await client.post("/api/cart/quote", json={"currency": "gbp"}, headers=key)
    board.moves(gbp="0.9")
    again = await client.post("/api/cart/quote", json={"currency": "gbp"}, headers=key)
    assert again.json() == first.json()


async def test_a_price_that_a_client_sends_is_refused(house: House, client: httpx.AsyncClient) -> None:
    opens_bureau(house)
    await at_home(house, client).holds("A-1")
    for extra in ({"rate": "0.1"}, {"total": 1}, {"price": 1}, {"amount": 1}):
        answer = await client.post("/api/cart/quote", json={"currency": "gbp", **extra})
        assert answer.status_code in {400, 422}, extra
        for path in ("/api/bookings", "/api/bookings/validate"):
            answer = await client.post(path, json={**FORM, "currency": "gbp", **extra})
            assert answer.status_code in {400, 422}, (path, extra)
    assert await house.value("select count(*) from booking") == 0


async def test_a_booking_in_the_currency_asked(house: House, client: httpx.AsyncClient) -> None:
    board = opens_bureau(house)
    await at_home(house, client).holds("A-1")
    await quoted(client, "gbp")
    valid = (await client.post("/api/bookings/validate", json={**FORM, "currency": "gbp"})).json()
    assert (valid["valid"], valid["total"]) == (True, {"amount": 2000, "currency": "gbp"})
    assert valid["quote"]["rate"] == "0.8"
    board.moves(gbp="0.9")
    moved = await client.post("/api/bookings", json={**FORM, "currency": "gbp"})
    assert (moved.status_code, moved.json()["code"]) == (409, "conflict")
    message = "was quoted anew: what was 20.00 gbp is 22.50 gbp now"
    assert moved.json()["errors"] == [{"field": "currency", "message": message}]
    made = await client.post("/api/bookings", json={**FORM, "currency": "gbp"})
    assert made.status_code == 201
    booking, payment = made.json()["booking"], made.json()["payment"]
    assert booking["total"] == booking["items"][0]["price"] == {"amount": 2250, "currency": "gbp"}
    assert payment["amount"] == {"amount": 2250, "currency": "gbp"}
    assert booking["quote"]["base"] == "eur"
    other = await client.post("/api/bookings", json={**FORM, "currency": "usd"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    again = await client.post("/api/bookings", json={**FORM, "currency": "gbp"})
    assert (again.status_code, again.json()["booking"]["id"]) == (200, booking["id"])


async def test_a_process_takes_its_rates_from_the_file_it_is_told(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    rates = {"base": "eur", "at": rfc3339(now_milliseconds()), "rates": {"gbp": "0.5"}}
    path.write_text(json.dumps(rates), encoding="utf-8")
    async with (
        open_house(replace(settings, rates_file=str(path), quote_tolerance_percent=0)) as house,
        httpx.AsyncClient(base_url=house.base_url) as program,
    ):
        await house.parts.inventory.create(draft(seat_draft("A-1")))
        program.headers.update(bearer((await program.post("/api/sessions")).json()["token"]))
        program.cookies.clear()
        await program.post("/api/holds", json={"resource": "hall", "items": [["A-1", 1]]})
        quote = (await quoted(program, "gbp")).json()["quote"]
        assert quote["total"] == {"amount": 2250, "currency": "gbp"}
        path.write_text(json.dumps({**rates, "rates": {"gbp": "0.501"}}), encoding="utf-8")
        answer = await program.post("/api/bookings", json={**FORM, "currency": "gbp"})
        assert answer.status_code == 409
        path.unlink()
        answer = await program.post("/api/bookings", json={**FORM, "currency": "gbp"})
        assert answer.json()["booking"]["total"] == {"amount": 2255, "currency": "gbp"}
