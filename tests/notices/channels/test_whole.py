"""From what happened to whoever is told: over real mail servers, gateways, a push service and a webhook."""

import hashlib
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.notices import letters
from server.notices.channels.circuit import FAILURES
from server.notices.channels.senders import Senders, senders
from server.notices.channels.vapid import new_private_key
from server.notices.pushes import Pushes, PushRequest
from server.notices.webhook_endpoints import WebhookEndpoints, WebhookRequest
from server.ops.logs import configure
from server.settings import Settings
from tests.notices.channels.push_service import Browser, PushService
from tests.notices.channels.standard_webhooks import verify
from tests.notices.channels.test_smtp import Postmaster, post_office
from tests.notices.conftest import Desk
from tests.support.receiver import always, open_receiver

PHONE = "+442079460958"
BREATH = 2.0
SetUp = Callable[..., AbstractAsyncContextManager[Senders]]


@pytest.fixture
def set_up(desk: Desk) -> SetUp:
    """The desk with what the environment says."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Senders]:
        made = senders(Settings(outgoing_loopback="allow", **settings), desk.database, clock=desk.clock)
        desk.senders = dict(made.by_channel)
        desk.opens()
        yield made
        await made.close()

    return opened


async def told(desk: Desk, **fields: Any) -> None:
    await desk.happens("booking_confirmed", **fields)
    await desk.tells()
    await desk.passes(BREATH)


def mails(office: Postmaster) -> list[EmailMessage]:
    found: list[EmailMessage] = []
    for envelope in office.taken:
        assert isinstance(envelope.content, bytes)
        found.append(message_from_bytes(envelope.content, policy=policy.default))
    return found


async def states(desk: Desk, channel: str) -> list[tuple[Any, ...]]:
    return await desk.rows(
        "select state, provider from delivery where channel = $1 order by position", channel
    )


async def test_a_buyer_without_a_user_is_told_by_mail(desk: Desk, set_up: SetUp) -> None:
    async with post_office() as office, set_up(smtp_url=f"smtp://127.0.0.1:{office.port}"):
        await told(desk)
    (mail,) = mails(office)
    assert mail["To"] == "Ann Example <ann@example.org>"
    assert office.taken[0].rcpt_tos == ["ann@example.org"]
    assert "confirmed" in mail["Subject"].lower()
    assert await states(desk, "email") == [("sent", f"smtp 127.0.0.1:{office.port}")]


async def test_the_next_mail_server_takes_over_and_a_dead_one_is_passed_over(
    desk: Desk, set_up: SetUp
) -> None:
    owners = [f"owner{index}" for index in range(FAILURES + 2)]
    await desk.prefers("ann", channels={"booking_confirmed": []})
    for owner in owners:
        mine = {"booking_confirmed": ["email"]}
        await desk.prefers(owner, email=f"{owner}@example.org", channels=mine)
    async with post_office(answers={"mail": "421 closing"}) as dying, post_office() as office:
        both = f"smtp://127.0.0.1:{dying.port}, smtp://127.0.0.1:{office.port}"
        async with set_up(smtp_url=both) as made:
            for owner in owners:
                desk.opens()  # forgets who failed a moment ago: the circuit remembers
                await told(desk, owner=owner, user="ann")
            assert [circuit.is_open for circuit in made.circuits] == [True, False]
            assert made.away == 1
    assert {by for _, by in await states(desk, "email")} == {f"smtp 127.0.0.1:{office.port}"}
    assert (dying.connections, len(office.taken)) == (FAILURES, FAILURES + 2)


async def test_the_next_gateway_takes_over(desk: Desk, set_up: SetUp) -> None:
    await desk.prefers("ann", phone=PHONE, channels={"booking_confirmed": ["sms"]})
    async with open_receiver(always(503)) as away, open_receiver(always(200)) as gateway:
        both = f"http://127.0.0.1:{away.port} form+http://127.0.0.1:{gateway.port}"
        async with set_up(sms_url=both, sms_token="t1 t2"):
            await told(desk, user="ann")
    assert [request.headers["authorization"] for request in gateway.received] == ["Bearer t2"]
    assert PHONE[1:] in gateway.received[0].body.decode()
    assert await states(desk, "sms") == [("sent", f"sms 127.0.0.1:{gateway.port}")]


async def test_an_owner_is_told_by_push_and_at_their_own_system(desk: Desk, set_up: SetUp) -> None:
    service = PushService(now=desk.clock() / 1000)
    await desk.prefers("olga", channels={"booking_confirmed": ["push"]})
    async with (
        open_receiver(service) as push,
        open_receiver() as system,
        set_up(vapid_private_key=new_private_key(), vapid_subject="mailto:box@example.org") as made,
    ):
        assert made.vapid is not None
        service.origin, service.server_key = f"http://127.0.0.1:{push.port}", made.vapid.public
        browser = Browser(f"{service.origin}/push/1")
        subscription = msgspec.convert(browser.subscription(), PushRequest)
        pushes = Pushes(desk.database, made.outgoing, made.vapid, desk.clock)
        await pushes.subscribe("olga", subscription, "a browser")
        endpoints = WebhookEndpoints(desk.database, made.outgoing, desk.clock)
        webhook = await endpoints.add(
            "olga", WebhookRequest(url=f"http://127.0.0.1:{system.port}/in", kinds=("booking_confirmed",))
        )
        await told(desk)
        await desk.happens("booking_changed")
        await desk.tells()
        await desk.passes(BREATH)
    (event,) = system.received
    verify(event.body, event.headers, webhook.secret, now=desk.clock() / 1000 - BREATH)
    assert json.loads(event.body)["type"] == "booking_confirmed"
    shown = browser.reads(push.received[0])
    assert (shown["kind"], shown["data"]["reference"]) == ("booking_confirmed", "BK-0")


async def test_a_dead_letter_is_replayed_as_the_same_mail(desk: Desk, set_up: SetUp) -> None:
    async with (
        post_office(answers={"rcpt": "550 5.1.1 no such user"}) as office,
        set_up(smtp_url=f"smtp://127.0.0.1:{office.port}"),
    ):
        await told(desk)
        ((name, error),) = await desk.rows("select id, last_error from delivery where state = 'dead'")
        assert error == "refused with 550"
        office.answers.clear()
        assert await letters.replayed(desk.database, [str(name)], desk.clock()) == [str(name)]
        await desk.passes(0)
    assert [state for state, _ in await states(desk, "email")] == ["sent"]
    assert _is_of(mails(office)[0], name)


def _is_of(mail: EmailMessage, delivery: UUID) -> bool:
    digest = hashlib.sha256(str(delivery).encode()).hexdigest()
    return bool(mail["Message-ID"] == f"<{digest[:40]}@localhost>")


async def test_no_secret_gets_into_the_log_or_a_row(
    desk: Desk, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    monkeypatch.setattr(root, "level", root.level)
    configure("debug", written)
    await desk.prefers("olga", phone=PHONE, channels={"booking_confirmed": ["sms", "push", "email"]})
    async with set_up(
        smtp_url="smtp://box:s3cret@127.0.0.1:9",
        sms_url="http://box:s3cret@127.0.0.1:9/?key=s3cret",
        sms_token="s3cret",
        vapid_private_key=new_private_key(),
    ) as made:
        pushes = Pushes(desk.database, made.outgoing, made.vapid, desk.clock)
        browser = Browser("http://127.0.0.1:9/push/s3cret").subscription()
        await pushes.subscribe("olga", msgspec.convert(browser, PushRequest), "a browser")
        endpoints = WebhookEndpoints(desk.database, made.outgoing, desk.clock)
        webhook = await endpoints.add("olga", WebhookRequest(url="http://127.0.0.1:9/?key=s3cret"))
        await told(desk)
    rows = await desk.rows("select channel, last_error, provider, message::text from delivery")
    assert {row[0] for row in rows if row[1]} == {"email", "sms", "push", "webhook"}
    said = written.getvalue() + repr(rows) + repr(webhook)
    assert "delivery_postponed" in said
    assert not any(secret in said for secret in ("s3cret", webhook.secret, browser["keys"]["auth"]))
