"""The whole house: a stranger books and pays and gets a mail; the owner's own system hears of it."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import msgspec

from server.inventory.rules import ResourceDraft, SlotDraft
from server.settings import Settings
from server.specification.answers import ANSWERS
from tests.notices.channels.push_service import Browser
from tests.notices.channels.standard_webhooks import verify
from tests.notices.channels.test_smtp import post_office
from tests.notices.channels.test_whole import mails
from tests.support.buyer import PATIENCE
from tests.support.door import JWT_SECRET, bearer, jwt_of
from tests.support.house import House, open_house
from tests.support.receiver import open_receiver

KINDS = ["booking_created", "booking_confirmed", "payment_succeeded"]
CUSTOMER = {"name": "Ann Example", "email": "ann@example.org"}


async def call(client: httpx.AsyncClient, method: str, path: str, body: Any = None, **names: str) -> Any:
    """The answer, read as the type that the specification names."""
    answer = await client.request(method, path.format(**names), json=body)
    assert answer.status_code < 400, answer.text
    kind = ANSWERS[f"{method} {path}"][answer.status_code]
    return None if kind is None else msgspec.to_builtins(msgspec.json.decode(answer.content, type=kind))


async def books_and_pays(house: House) -> None:
    slots = (SlotDraft(id="A-1", label="A-1", price=2_500),)
    await house.parts.inventory.create(
        ResourceDraft(
            id="hall", kind="seats", title="Hall", owner="olga", time_zone="UTC", currency="eur", slots=slots
        )
    )
    async with httpx.AsyncClient(base_url=house.base_url) as ann:
        session = await call(ann, "POST", "/api/sessions")
        ann.headers["Authorization"] = f"Bearer {session['token']}"
        await call(ann, "POST", "/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        begun = await call(ann, "POST", "/api/bookings", {"customer": CUSTOMER})
        paid = {"outcome": "succeed"}
        await call(ann, "POST", "/api/sandbox/payments/{id}", paid, id=begun["payment"]["id"])


async def everybody_was_told(house: House) -> str:
    """Until it is counted that all was taken; the figures."""
    mail = 'holdfast_delivery_tries_total{channel="email",outcome="taken"'
    hooks = 'holdfast_delivery_tries_total{channel="webhook",outcome="taken",provider="webhook"} 3.0'
    async with asyncio.timeout(PATIENCE):
        while True:
            figures = house.parts.metrics.text().decode()
            if mail in figures and hooks in figures:
                return figures
            await asyncio.sleep(0.02)


async def test_who_is_not_on_a_page_is_told_all_the_same(settings: Settings) -> None:
    async with post_office() as office, open_receiver() as system:
        settings = replace(
            settings,
            jwt_secret=JWT_SECRET,
            smtp_url=f"smtp://127.0.0.1:{office.port}",
            mail_from="tickets@example.org",
            outgoing_loopback="allow",
        )
        async with open_house(settings) as house:
            token = bearer(jwt_of("olga", roles=("owner",)))
            async with httpx.AsyncClient(base_url=house.base_url, headers=token) as olga:
                wanted = {"url": f"http://127.0.0.1:{system.port}/in", "kinds": KINDS}
                webhook = (await call(olga, "POST", "/api/webhooks", wanted))["webhook"]
                await books_and_pays(house)
                figures = await everybody_was_told(house)
                await looks_after_it(olga, webhook["id"])
    mail = mails(office)[0]
    assert (mail["To"], mail["From"]) == ("Ann Example <ann@example.org>", "tickets@example.org")
    assert sorted(json.loads(event.body)["type"] for event in system.received) == sorted(KINDS)
    for event in system.received:
        verify(event.body, event.headers, webhook["secret"], now=int(event.headers["webhook-timestamp"]))
    assert "holdfast_delivery_providers_away 0.0" in figures


async def looks_after_it(olga: httpx.AsyncClient, webhook: str) -> None:
    """Every route of ours answers as it is described."""
    path = "/api/webhooks/{id}"
    await call(olga, "GET", "/api/webhooks")
    await call(olga, "GET", path, id=webhook)
    await call(olga, "POST", f"{path}/secret", id=webhook)
    await call(olga, "POST", f"{path}/enable", id=webhook)
    await call(olga, "DELETE", path, id=webhook)
    none = await call(olga, "GET", "/api/push-subscriptions")
    assert none["public_key"] is None
    refused = await olga.post("/api/push-subscriptions", json=Browser("https://p.example/1").subscription())
    assert refused.status_code == 409
