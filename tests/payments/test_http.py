"""Booking and paying over HTTP, on the whole house."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from server.inventory.rules import ResourceDraft, SlotDraft
from server.settings import Settings
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House

FORM: dict[str, Any] = {"customer": {"name": "Ann Example", "email": "ann@example.com"}}
PRICE = 2_500
PATIENCE_SECONDS = 60


@dataclass
class Visitor:
    """A program with a session of its own."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    @classmethod
    async def comes(cls, client: httpx.AsyncClient, jwt: str | None = None) -> "Visitor":
        token = (await client.post("/api/sessions")).json()["token"]
        client.cookies.clear()
        if jwt is None:
            return cls(client, {"Authorization": f"Bearer {token}"})
        return cls(client, {"Authorization": f"Bearer {jwt}", "Holdfast-Session": token})

    async def asks(self, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        body = {} if content is None else {"json": content}
        return await self.client.request(method, path, headers=self.headers | headers, **body)

    async def holds(self, *slots: str) -> None:
        items = [[slot, 1] for slot in slots]
        answer = await self.asks("POST", "/api/holds", {"resource": "hall", "items": items})
        assert answer.status_code == 201, answer.text

    async def books(self, *slots: str) -> tuple[dict[str, Any], dict[str, Any]]:
        await self.holds(*slots)
        answer = await self.asks("POST", "/api/bookings", FORM)
        assert answer.status_code == 201, answer.text
        return answer.json()["booking"], answer.json()["payment"]

    async def pays(self, payment: dict[str, Any], outcome: str = "succeed", **more: Any) -> httpx.Response:
        return await self.asks("POST", f"/api/sandbox/payments/{payment['id']}", {"outcome": outcome} | more)

    async def sees(self, booking: dict[str, Any], **wanted: Any) -> dict[str, Any]:
        """The booking, once it is as wanted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = (await self.asks("GET", f"/api/bookings/{booking['id']}")).json()["booking"]
                if all(found[name] == value for name, value in wanted.items()):
                    return dict(found)
                await asyncio.sleep(0.02)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house that sells four seats."""
    slots = tuple(SlotDraft(id=f"A-{number}", label=f"A {number}", price=PRICE) for number in range(1, 5))
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall",
            kind="seats",
            title="Hall",
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            slots=slots,
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def test_a_cart_is_booked_paid_and_confirmed(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1", "A-2")
    assert booking["status"] == booking["payment_status"] == "pending"
    assert booking["total"] == {"amount": 2 * PRICE, "currency": "eur"}
    assert booking["customer"] == FORM["customer"]
    assert booking["payment"] == payment["id"]
    assert [(item["slot"], item["label"], item["price"]["amount"]) for item in booking["items"]] == [
        ("A-1", "A 1", PRICE),
        ("A-2", "A 2", PRICE),
    ]
    assert payment["provider"] == "sandbox"
    assert payment["redirect_url"] == f"/sandbox/payments/{payment['id']}"

    again = await ann.asks("POST", "/api/bookings", FORM)
    assert again.status_code == 200
    assert again.json() == {"booking": booking, "payment": payment}

    assert (await ann.pays(payment)).status_code == 200
    confirmed = await ann.sees(booking, status="confirmed", payment_status="paid")
    assert confirmed["confirmed_at"].endswith("Z")
    listed = (await ann.asks("GET", "/api/bookings")).json()
    assert [each["id"] for each in listed["items"]] == [booking["id"]]
    assert listed["next"] is None
    paid = (await ann.asks("GET", f"/api/payments/{payment['id']}")).json()["payment"]
    assert (paid["status"], paid["amount"]) == ("paid", booking["total"])


async def test_validating_changes_nothing_and_refuses_what_booking_would(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    assert (await ann.asks("POST", "/api/bookings/validate", FORM)).json()["code"] == "conflict"
    await ann.holds("A-1")
    answer = (await ann.asks("POST", "/api/bookings/validate", FORM)).json()
    assert answer["valid"] is True
    assert answer["total"] == {"amount": PRICE, "currency": "eur"}
    refused = await ann.asks("POST", "/api/bookings/validate", {"customer": {"name": "", "email": "x"}})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["customer.name", "customer.email"]
    assert (await ann.asks("GET", "/api/bookings")).json()["items"] == []


@pytest.mark.parametrize("field", ["total", "status", "user_id", "paid", "price"])
async def test_nobody_names_the_price_or_the_state(client: httpx.AsyncClient, field: str) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    answer = await ann.asks("POST", "/api/bookings", FORM | {field: 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_nobody_else_reads_pays_or_cancels_and_it_looks_as_if_there_were_nothing(
    client: httpx.AsyncClient,
) -> None:
    ann, ben = await Visitor.comes(client), await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    missing = "00000000-0000-4000-8000-000000000000"
    for method, path, content in (
        ("GET", "/api/bookings/{}", None),
        ("PATCH", "/api/bookings/{}", {"special_requests": "x"}),
        ("GET", "/api/bookings/{}/cancellation", None),
        ("PUT", "/api/bookings/{}/cancel", {}),
        ("DELETE", "/api/bookings/{}", None),
        ("POST", "/api/bookings/{}/payments", {}),
        ("GET", "/api/payments/{}", None),
        ("POST", "/api/sandbox/payments/{}", {"outcome": "succeed"}),
    ):
        own = payment["id"] if "payments/{" in path else booking["id"]
        answers = [
            await ben.asks(method, path.format(each), content) for each in (own, missing, "x%00", "*", "1'--")
        ]
        assert {answer.status_code for answer in answers} == {404}, path
        assert len({answer.text for answer in answers}) == 1, path
    assert (await ben.asks("GET", "/api/bookings")).json()["items"] == []


async def test_the_owner_reads_what_was_booked_but_not_how_to_pay_it(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    assert [each["id"] for each in (await olga.asks("GET", "/api/bookings")).json()["items"]] == [
        booking["id"]
    ]
    assert (await olga.asks("GET", f"/api/bookings/{booking['id']}")).status_code == 200
    seen = (await olga.asks("GET", f"/api/payments/{payment['id']}")).json()["payment"]
    assert "redirect_url" not in seen
    assert "client_secret" not in seen
    assert (await olga.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {})).status_code == 403
    changed = await olga.asks("PATCH", f"/api/bookings/{booking['id']}", {"special_requests": "x"})
    assert changed.status_code == 404
    assert (await olga.pays(payment)).status_code == 404


async def test_a_users_booking_is_the_users_in_every_session(client: httpx.AsyncClient) -> None:
    jwt = jwt_of("ursula")
    first = await Visitor.comes(client, jwt)
    booking, _ = await first.books("A-1")
    second = await Visitor.comes(client, jwt)
    assert (await second.asks("GET", f"/api/bookings/{booking['id']}")).status_code == 200


async def test_after_a_decline_there_is_a_further_attempt(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    await ann.pays(payment, "decline")
    await ann.sees(booking, status="pending", payment_status="failed")
    for amount in (0, -1, PRICE + 1, 10**16):
        wrong = await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {"amount": amount})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "amount")
    further = await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {"amount": PRICE})
    assert further.status_code == 201
    second = further.json()["payment"]
    assert second["id"] != payment["id"]
    assert (await ann.pays(payment)).json()["code"] == "conflict"
    await ann.pays(second)
    await ann.sees(booking, status="confirmed", payment_status="paid")


async def test_cancelling_gives_the_holds_back_or_releases_them(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1")
    answer = await ann.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {})
    assert answer.json()["booking"]["status"] == "cancelled"
    cart = (await ann.asks("GET", "/api/cart")).json()["cart"]
    assert cart["reference"] == booking["reference"]
    again = (await ann.asks("POST", "/api/bookings", FORM)).json()["booking"]
    answer = await ann.asks("DELETE", f"/api/bookings/{again['id']}", {"release": True})
    assert answer.json()["booking"]["cancel_reason"] == "released"
    assert (await ann.asks("GET", "/api/cart")).json()["cart"] is None


async def test_a_delayed_success_comes_although_cancel_was_answered_with_cancelled(
    client: httpx.AsyncClient,
) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    assert (await ann.pays(payment, delay_seconds=0.3)).status_code == 200
    cancelled = await ann.asks("DELETE", f"/api/bookings/{booking['id']}", {"release": True})
    assert cancelled.json()["booking"]["status"] == "cancelled"
    await ann.sees(booking, status="cancelled", payment_status="refunded")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"outcome": "steal"}, 422),
        ({}, 422),
        ({"outcome": "succeed", "delay_seconds": -1}, 422),
        ({"outcome": "succeed", "delay_seconds": 86_401}, 422),
        ({"outcome": "succeed", "delay_seconds": "1"}, 422),
        ({"outcome": "succeed", "amount": 1}, 400),
        ([], 400),
    ],
)
async def test_the_sandbox_takes_only_its_own_buttons(
    client: httpx.AsyncClient, content: Any, status: int
) -> None:
    ann = await Visitor.comes(client)
    _, payment = await ann.books("A-1")
    answer = await ann.asks("POST", f"/api/sandbox/payments/{payment['id']}", content)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=1000000000", "after=x", "after=%2A", "limit=201"]
)
async def test_pages_of_no_ours_are_refused(client: httpx.AsyncClient, query: str) -> None:
    ann = await Visitor.comes(client)
    answer = await ann.asks("GET", f"/api/bookings?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_a_page_follows_the_one_before_as_in_every_list(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    made = [(await ann.books(seat))[0]["id"] for seat in ("A-1", "A-2")]
    first = (await ann.asks("GET", "/api/bookings?limit=1")).json()
    then = (await ann.asks("GET", f"/api/bookings?limit=1&after={first['next']}")).json()
    assert [page["items"][0]["id"] for page in (first, then)] == made[::-1]
    assert then["next"] is None


async def test_a_free_booking_is_found_by_its_key_though_redis_forgot_the_answer(
    client: httpx.AsyncClient, holdfast: House
) -> None:
    slots = (SlotDraft(id="A-1", label="A 1", price=0),)
    draft = ResourceDraft(
        id="free", kind="seats", title="Free", owner="olga", time_zone="UTC", currency="eur", slots=slots
    )
    await holdfast.parts.inventory.create(draft)
    ann = await Visitor.comes(client)
    await ann.asks("POST", "/api/holds", {"resource": "free", "items": [["A-1", 1]]})
    first = await ann.asks("POST", "/api/bookings", FORM, **{"Idempotency-Key": "k1"})
    redis = holdfast.parts.redis
    await redis.delete(*[name async for name in redis.scan_iter("holdfast:idempotency:*")])
    again = await ann.asks("POST", "/api/bookings", FORM, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["booking"]["id"] == first.json()["booking"]["id"]
    assert again.json()["booking"]["status"] == "confirmed"


async def test_the_same_key_books_once_and_another_body_under_it_is_refused(
    client: httpx.AsyncClient,
) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    first = await ann.asks("POST", "/api/bookings", FORM, **{"Idempotency-Key": "k1"})
    again = await ann.asks("POST", "/api/bookings", FORM, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = await ann.asks(
        "POST", "/api/bookings", FORM | {"special_requests": "x"}, **{"Idempotency-Key": "k1"}
    )
    assert other.status_code == 422
