"""Rows 113 to 119, 121 and 124 of the bad inputs, over HTTP: whatever is delivered, what is answered."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from server.database.migrate import migrate
from server.database.pool import Database
from server.payments import intake
from server.payments.webhook import BODY_LIMIT
from server.settings import Settings
from tests.payments.webhooks.sender import Sender
from tests.payments.webhooks.stripe import SECRET, body_of, event, intent, signed
from tests.support.house import House, open_house
from tests.support.servers import PostgreSQL, freeze, thaw

PATH = "/api/payments/webhook"


class Desk:
    """Where deliveries come in: a whole process, with what its inbox heard of and what it counted."""

    def __init__(self, house: House, client: httpx.AsyncClient, database: Database) -> None:
        self.house, self.database = house, database
        self._client = client
        self.heard: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.counted = asyncio.Event()
        inbox = house.parts.payments.inbox
        inbox._heard = self._hear
        inbox.figures = self

    async def _hear(self, provider: str, object_id: str) -> None:
        self.heard[provider, object_id] += 1

    def delivery(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self.counted.set()

    def event_worked_off(self, seconds: float) -> None:
        assert seconds >= 0

    async def takes(self, content: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        body = body_of(content)
        return await self._client.post(
            PATH, content=body, headers=signed(body) if headers is None else headers
        )

    async def stored(self) -> int:
        async with self.database.connection() as connection:
            return int(await connection.fetchval("select count(*) from inbox"))

    async def is_drained(self) -> None:
        while True:
            await self.house.parts.payments.inbox.work()
            async with self.database.connection() as connection:
                if not await connection.fetchval("select count(*) from inbox where done_at is null"):
                    return


@pytest.fixture
async def desk(settings: Settings, database: Database) -> AsyncIterator[Desk]:
    settings = replace(settings, stripe_webhook_secret=f"whsec_older,{SECRET}")
    async with open_house(settings) as house, httpx.AsyncClient(base_url=house.base_url) as client:
        yield Desk(house, client, database)


async def test_a_genuine_event_is_stored_before_it_is_acknowledged_and_worked_off_once(desk: Desk) -> None:
    answer = await desk.takes(event(thing=intent("pi_1")))
    assert (answer.status_code, answer.content) == (200, b"")
    assert await desk.stored() == 1
    await desk.is_drained()
    assert desk.heard == {("stripe", "pi_1"): 1}
    assert desk.outcomes == {"stored": 1}


async def test_113_116_117_what_is_not_signed_for_us_and_now_is_refused(desk: Desk) -> None:
    refused: dict[str, dict[str, str]] = {
        "113, none": {},
        "113, empty": {"Stripe-Signature": ""},
        "113, garbage": {"Stripe-Signature": "garbage, and, more=garbage"},
        "116, old": signed(b"{}", at=time.time() - 310),
        "116, of the future": signed(b"{}", at=time.time() + 310),
        "117, of another endpoint": signed(b"{}", "whsec_other"),
    }
    for name, headers in refused.items():
        answer = await desk.takes(b"{}", headers)
        assert answer.status_code == 400, name
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "bad_request"
    assert desk.outcomes == {"bad_request": len(refused)}
    assert await desk.stored() == 0


async def test_114_and_115_bytes_that_are_no_text_are_refused(desk: Desk) -> None:
    good = signed(body_of(event()))["Stripe-Signature"]
    for header in (
        b"t=1,v1=\xff",
        good.partition("v1=")[0].encode() + b"v1=\xff\xfe",
        good.encode() + b"\xe4",
    ):
        answer = await desk.takes(event(), {"Stripe-Signature": header})  # type: ignore[dict-item]  # httpx takes bytes
        assert answer.status_code == 400
    answer = await desk.takes(b"\xff\xfe", signed(b"{}"))
    assert answer.status_code == 400
    assert await desk.stored() == 0


async def test_117_during_a_rotation_either_secret_holds(desk: Desk) -> None:
    for secret in ("whsec_older", SECRET):
        body = body_of(event())
        assert (await desk.takes(body, signed(body, secret))).status_code == 200
    assert await desk.stored() == 2


async def test_118_what_is_signed_and_no_event_is_refused_and_no_fault_of_ours(desk: Desk) -> None:
    not_events: list[Any] = [[], None, {}, b"", b"[" * 200_000, b"9" * 5_000, event(data=None)]
    for content in not_events:
        assert (await desk.takes(content)).status_code == 400, content
    assert await desk.stored() == 0


async def test_118_a_thin_event_is_a_word_to_look(desk: Desk) -> None:
    thin = {
        "id": "evt_test_1",
        "object": "v2.core.event",
        "type": "v1.checkout.session.completed",
        "livemode": False,
        "created": "2026-11-20T10:00:00.000Z",
        "related_object": {
            "id": "cs_test_1",
            "type": "checkout.session",
            "url": "/v1/checkout/sessions/cs_test_1",
        },
    }
    assert (await desk.takes(thin)).status_code == 200
    await desk.is_drained()
    assert desk.heard == {("stripe_checkout", "cs_test_1"): 1}


async def test_119_an_event_a_thousand_times_has_one_effect(desk: Desk) -> None:
    content = event(thing=intent("pi_1"))
    sender = Sender(int(desk.house.base_url.rpartition(":")[2]), SECRET, lines=50)
    await sender.open()
    await sender.deliver_all([body_of(content)] * 1_000, rate=1_000_000)
    sender.close()
    assert sender.answers.statuses == {200: 1_000}
    await desk.is_drained()
    assert await desk.stored() == 1
    assert desk.heard == {("stripe", "pi_1"): 1}
    assert desk.outcomes == {"stored": 1, "repeated": 999}


async def test_121_what_is_no_business_of_ours_is_acknowledged_and_counted_and_not_kept(desk: Desk) -> None:
    foreign = {
        "other_mode": event(livemode=True),
        "other_account": event(account="acct_1"),
        "unknown_type": event("customer.created"),
        "names_no_payment": event(
            "charge.updated", {"id": "ch_1", "object": "charge", "payment_intent": None}
        ),
    }
    for content in foreign.values():
        assert (await desk.takes(content)).status_code == 200
    assert desk.outcomes == dict.fromkeys(foreign, 1)
    assert await desk.stored() == 0


async def test_121_another_api_version_is_counted_and_no_reason_to_look_away(desk: Desk) -> None:
    assert (await desk.takes(event(api_version="2019-01-01"))).status_code == 200
    assert await desk.stored() == 1
    metrics = desk.house.parts.metrics.text().decode()
    assert "holdfast_webhook_other_versions_total 1.0" in metrics


async def test_124_a_body_of_a_megabyte_is_refused_before_it_is_read(desk: Desk) -> None:
    headers = signed(b"{}")
    declared = await desk.takes(b" " * 1_048_576, headers)
    host = desk.house.base_url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1048576\r\n"
        f"Stripe-Signature: {headers['Stripe-Signature']}\r\n\r\n".encode()
    )
    first = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert declared.status_code == 413
    assert first == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    fits = body_of(event(padding=" " * (BODY_LIMIT - 2_000)))
    assert (await desk.takes(fits)).status_code == 200


async def test_whoever_hangs_up_in_the_middle_is_no_fault_of_ours(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    host = desk.house.base_url.removeprefix("http://")
    _, writer = await asyncio.open_connection(*host.split(":"))
    header = signed(b"{}")["Stripe-Signature"]
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nStripe-Signature: {header}\r\n\r\n"
    writer.write(f"{head}{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await desk.counted.wait()
    assert desk.outcomes == {"gone": 1}
    assert "request failed" not in capsys.readouterr().out


async def test_only_what_fails_is_counted_against_its_address(settings: Settings, database: Database) -> None:
    settings = replace(settings, stripe_webhook_secret=SECRET, rate_address=1)
    async with open_house(settings) as house, httpx.AsyncClient(base_url=house.base_url) as client:
        desk = Desk(house, client, database)
        good = await asyncio.gather(*(desk.takes(event()) for _ in range(20)))
        bad = await asyncio.gather(*(desk.takes(event(), {}) for _ in range(20)))
        assert {answer.status_code for answer in good} == {200}
        assert {answer.status_code for answer in bad} == {400, 429}


async def test_without_a_secret_there_is_no_such_place(settings: Settings) -> None:
    async with open_house(settings) as house, httpx.AsyncClient(base_url=house.base_url) as client:
        body = body_of(event())
        assert (await client.post(PATH, content=body, headers=signed(body))).status_code == 404


async def test_when_too_many_wait_to_be_stored_the_rest_is_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "WAITING_AT_MOST", 0)
    answer = await desk.takes(event())
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
    assert desk.outcomes == {"overloaded": 1}


async def test_while_postgresql_is_away_nothing_is_acknowledged(
    settings: Settings, spare_postgresql: PostgreSQL
) -> None:
    await migrate(spare_postgresql.url)
    settings = replace(settings, stripe_webhook_secret=SECRET, database_url=spare_postgresql.url)
    async with (
        open_house(settings) as house,
        httpx.AsyncClient(base_url=house.base_url, timeout=30) as client,
    ):
        body = body_of(event(id="evt_1"))
        freeze(spare_postgresql)
        answer = await client.post(PATH, content=body, headers=signed(body))
        thaw(spare_postgresql)
        assert answer.status_code == 503
        assert json.loads(answer.content)["code"] == "unavailable"
        again = await client.post(PATH, content=body, headers=signed(body))
        assert again.status_code == 200
        async with house.parts.database.connection() as connection:
            assert await connection.fetchval("select count(*) from inbox") == 1
