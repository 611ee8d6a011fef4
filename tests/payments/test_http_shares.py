"""Shares, links and refunds over HTTP, on the whole house."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from server.errors import Unavailable
from server.inventory.rules import ResourceDraft, SlotDraft
from server.ops import limits
from server.ops.limits import Rate
from server.settings import Settings
from tests.payments.test_http import Visitor
from tests.support.buyer import visiting
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House

PRICE = 2_500
TOTAL = 2 * PRICE


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house that sells four seats."""
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall",
            kind="seats",
            title="The Small Hall",
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            slots=tuple(SlotDraft(id=f"A-{n}", label=f"A {n}", price=PRICE) for n in range(1, 5)),
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def _split(ann: Visitor, booking: dict[str, Any], amount: int) -> dict[str, Any]:
    answer = await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {"amount": amount})
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["payment"])


def _secret(share: dict[str, Any]) -> str:
    return str(share["pay_url"].partition("#")[2])


async def test_a_share_is_paid_by_somebody_without_a_session(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1", "A-2")
    share = await _split(ann, booking, 1_000)
    assert share["share"] == share["id"]
    assert re.fullmatch(rf".*/pay/{share['id']}#[\w-]{{43}}", share["pay_url"])

    opened = await client.post(f"/api/payments/{share['id']}/open", json={"secret": _secret(share)})
    assert opened.status_code == 200, opened.text
    seen = opened.json()
    assert seen["payment"]["redirect_url"].startswith("/sandbox/")
    assert "pay_url" not in seen["payment"]
    assert seen["booking"]["title"] == "The Small Hall"
    assert seen["booking"]["owed"] == seen["booking"]["total"] == {"amount": TOTAL, "currency": "eur"}
    assert {"customer", "attendees", "special_requests", "driver_location"}.isdisjoint(seen["booking"])

    pressed = {"outcome": "succeed", "secret": _secret(share)}
    assert (await client.post(f"/api/sandbox/payments/{share['id']}", json=pressed)).status_code == 200
    waiting = await ann.sees(booking, owed={"amount": TOTAL - 1_000, "currency": "eur"})
    assert waiting["status"] == "pending"
    rest = (await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {})).json()["payment"]
    assert (rest["amount"]["amount"], rest["share"]) == (TOTAL - 1_000, None)
    await ann.pays(rest)
    await ann.sees(booking, status="confirmed", payment_status="paid")

    checked = await client.post(f"/api/payments/{share['id']}/check", json={"secret": _secret(share)})
    assert (checked.json()["payment"]["status"], checked.json()["payment"]["accepted"]) == ("paid", True)
    after = await client.post(f"/api/payments/{share['id']}/open", json={"secret": _secret(share)})
    assert after.json()["payment"]["status"] == "paid"
    assert after.json()["booking"]["status"] == "confirmed"


async def test_the_buyer_sees_all_payments_and_their_links_and_the_owner_none_of_these(
    client: httpx.AsyncClient,
) -> None:
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1", "A-2")
    share = await _split(ann, booking, 1_000)
    listed = (await ann.asks("GET", f"/api/bookings/{booking['id']}/payments")).json()
    assert listed["provider_available"] is True
    assert [item.get("pay_url") for item in listed["items"]] == [None, share["pay_url"]]
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    seen = await olga.asks("GET", f"/api/bookings/{booking['id']}/payments")
    assert [item["amount"]["amount"] for item in seen.json()["items"]] == [TOTAL, 1_000]
    for word in ("pay_url", "redirect_url", "client_secret", _secret(share)):
        assert word not in seen.text
    ben = await Visitor.comes(client)
    assert (await ben.asks("GET", f"/api/bookings/{booking['id']}/payments")).status_code == 404


async def test_a_wrong_secret_and_a_missing_payment_are_the_same_404(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, own = await ann.books("A-1", "A-2")
    share = await _split(ann, booking, 1_000)
    secret = _secret(share)
    missing = "00000000-0000-4000-8000-000000000000"
    for action, more in (("open", {}), ("check", {}), ("", {"outcome": "succeed"})):
        path = "/api/payments/{}/" + action if action else "/api/sandbox/payments/{}"
        answers = [
            await client.post(path.format(name), json={"secret": given} | more)
            for name, given in (
                (share["id"], "x" * 43),
                (share["id"], secret[:-1]),
                (own["id"], secret),
                (missing, secret),
                ("x", secret),
            )
        ]
        assert {answer.status_code for answer in answers} == {404}, action
        assert len({answer.text for answer in answers}) == 1, action
    for path in (f"/api/payments/{own['id']}/check", f"/api/sandbox/payments/{own['id']}"):
        assert (
            await client.post(path, json={"outcome": "succeed"} if "sandbox" in path else {})
        ).status_code == 404


async def test_a_share_is_withdrawn_by_its_buyer_alone(client: httpx.AsyncClient) -> None:
    ann, ben = await Visitor.comes(client), await Visitor.comes(client)
    booking, own = await ann.books("A-1", "A-2")
    share = await _split(ann, booking, 1_000)
    assert (await ben.asks("DELETE", f"/api/payments/{share['id']}")).status_code == 404
    assert (await ann.asks("DELETE", f"/api/payments/{own['id']}")).json()["code"] == "conflict"
    gone = await ann.asks("DELETE", f"/api/payments/{share['id']}")
    assert (gone.json()["payment"]["status"], gone.json()["payment"]["withdrawn"]) == ("failed", True)
    rest = (await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {})).json()["payment"]
    assert rest["amount"]["amount"] == TOTAL


async def test_links_are_opened_so_often_and_no_oftener(
    client: httpx.AsyncClient, holdfast: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.PAYERS.requests
    monkeypatch.setitem(holdfast.parts.limits._rates, "payers", Rate(2, 60))
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1", "A-2")
    share = await _split(ann, booking, 1_000)
    answers = [
        (await client.post(f"/api/payments/{share['id']}/open", json={"secret": "x"})).status_code
        for _ in range(4)
    ]
    assert answers == [404, 404, 429, 429]


async def test_owners_and_operators_give_money_back_and_nobody_else(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1", "A-2")
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    operator = await Visitor.comes(client, jwt_of("otto", roles=["operator"]))
    path = f"/api/bookings/{booking['id']}/refunds"
    assert (await olga.asks("POST", path, {"amount": 1})).json()["code"] == "conflict"
    await ann.pays(payment)
    await ann.sees(booking, status="confirmed", payment_status="paid")
    other = await Visitor.comes(client, jwt_of("other", roles=["owner"]))
    assert (await other.asks("POST", path, {})).status_code == 404
    assert (await ann.asks("POST", path, {})).status_code == 401
    for wrong in ({"amount": 0}, {"amount": TOTAL + 1}, {"reason": "x" * 501}, {"amount": "1"}):
        assert (await olga.asks("POST", path, wrong)).status_code == 422, wrong

    part = await olga.asks("POST", path, {"amount": 700, "reason": "a pillar"})
    assert part.status_code == 201, part.text
    assert part.json()["refunds"][0]["note"] == "a pillar"
    seen = await ann.sees(booking, payment_status="partially_refunded")
    assert (seen["status"], seen["refunded"]["amount"]) == ("confirmed", 700)
    rest = await operator.asks("POST", path, {})
    assert rest.json()["booking"]["status"] == "cancelled"
    await ann.sees(booking, payment_status="refunded")
    listed = (await ann.asks("GET", path)).json()["items"]
    assert [(item["amount"]["amount"], item["reason"]) for item in listed] == [
        (700, "by_owner"),
        (TOTAL - 700, "booking_cancelled"),
    ]


def _away_once(monkeypatch: pytest.MonkeyPatch, part: Any, name: str) -> None:
    """PostgreSQL or the provider is away when this is called next."""
    found, calls = getattr(part, name), count()

    async def call(*arguments: Any, **named: Any) -> Any:
        if next(calls) == 0:
            raise Unavailable("away", retry_after=1)
        return await found(*arguments, **named)

    monkeypatch.setattr(part, name, call)


async def test_a_part_whose_answer_was_lost_goes_back_once_by_one_key(
    client: httpx.AsyncClient, holdfast: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1", "A-2")
    await ann.pays(payment)
    await ann.sees(booking, status="confirmed", payment_status="paid")
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    otto = await Visitor.comes(client, jwt_of("otto", roles=["operator"]))
    _away_once(monkeypatch, holdfast.parts.payments._refunding, "of_booking")
    path, part, key = f"/api/bookings/{booking['id']}/refunds", {"amount": 700}, {"Idempotency-Key": "k1"}
    answers = [await each.asks("POST", path, part, **key) for each in (olga, olga, otto)]
    assert [answer.status_code for answer in answers] == [503, 201, 201]
    assert [len(answer.json()["refunds"]) for answer in answers[1:]] == [1, 2]  # otto's key is his own


async def test_a_share_whose_answer_was_lost_is_made_once_by_one_key(
    client: httpx.AsyncClient, holdfast: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1", "A-2")
    _away_once(monkeypatch, holdfast.parts.payments.attempts, "_ready")
    path, key = f"/api/bookings/{booking['id']}/payments", {"Idempotency-Key": "k1"}
    answers = [await ann.asks("POST", path, {"amount": 1_000}, **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 201]
    rest = (await ann.asks("POST", path, {})).json()["payment"]
    assert rest["amount"]["amount"] == TOTAL - 1_000


async def test_what_is_not_served_is_refused_by_name(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, _ = await ann.books("A-1", "A-2")
    for via in ("element", "checkout"):
        answer = await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {"via": via})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "via")
    answer = await ann.asks("POST", f"/api/bookings/{booking['id']}/payments", {"via": "cheque"})
    assert answer.status_code == 422


async def test_the_owners_sockets_hear_of_bookings_too(client: httpx.AsyncClient, holdfast: House) -> None:
    async with visiting(holdfast.base_url) as olga, visiting(holdfast.base_url) as other:
        olga.signs_in(jwt_of("olga", roles=["owner"]))
        other.signs_in(jwt_of("other", roles=["owner"]))
        for owner in (olga, other):
            await owner.opens_tab()
        ann = await Visitor.comes(client)
        booking, _ = await ann.books("A-1", "A-2")
        await olga.tab.hears("booking", id=booking["id"], status="pending")
        await _split(ann, booking, 1_000)
        await olga.tab.hears("booking", id=booking["id"], status="pending")
        assert [each for each in other.tab.heard if each["type"] == "booking"] == []


async def test_figures_of_money_are_shown(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1", "A-2")
    await ann.pays(payment)
    await ann.sees(booking, status="confirmed", payment_status="paid")
    await ann.asks("DELETE", f"/api/bookings/{booking['id']}")
    await ann.sees(booking, payment_status="refunded")
    text = (await client.get("/metrics")).text
    for line in (
        'holdfast_payments_total{outcome="authorized",provider="sandbox"} 1.0',
        'holdfast_payments_total{outcome="paid",provider="sandbox"} 1.0',
        'holdfast_payments_total{outcome="refunded",provider="sandbox"} 1.0',
        'holdfast_refunds_total{outcome="succeeded",reason="booking_cancelled"} 1.0',
        "holdfast_oversell_refunds_total 0.0",
        "holdfast_webhook_dead_letters 0.0",
        "holdfast_provider_available 1.0",
    ):
        assert line in text, line
    assert "holdfast_webhook_lag_seconds_count" in text
