"""A whole process in a storm of events, and what it has written down: every effect once, and no secret."""

import asyncio
from pathlib import Path

import httpx

from server.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.payments.webhooks.sender import Sender
from tests.payments.webhooks.storm import PRICE, environment, shuffled, storm_on
from tests.support.processes import Process

PAYMENTS = 12
EVENTS = 120
CARD = "4242424242424242"
FORGED = "5f00d" * 10


async def test_a_storm_of_events_has_every_effect_once_and_the_log_tells_no_secret(
    settings: Settings, tmp_path: Path
) -> None:
    servers = {
        "REDIS_URL": settings.redis_url,
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "LOG_LEVEL": "debug",
    }
    log = tmp_path / "server.log"
    async with (
        FakeStripe.serving() as stripe,
        Process({**servers, **environment(stripe)}, log) as process,
        storm_on(process.base_url, settings.database_url, stripe) as storm,
    ):
        await storm.sells(PAYMENTS)
        await storm.books(PAYMENTS)
        await storm.pays()
        bodies = storm.bodies(EVENTS)
        sender = Sender(process.port, stripe.webhook_secret, lines=16)
        await sender.open()
        await sender.deliver_all(shuffled(bodies, 3), rate=1_000)
        sender.close()
        async with asyncio.timeout(60):
            await storm.drained()
        effects = await storm.effects()

        assert sender.answers.statuses == {200: 3 * EVENTS}
        assert effects.letters == {"done": EVENTS}
        assert effects.captured == {PRICE: PAYMENTS}
        assert effects.capture_keys == {1: PAYMENTS}
        assert effects.refunds == 0

        await _more_of_the_story(process, stripe, storm.intents)
        async with asyncio.timeout(60):
            await storm.worked_off()
        assert all(delivery.ok for delivery in stripe.deliveries.tries)
        assert (await storm.effects()).confirmed == PAYMENTS - 1
    _tells_no_secret(log.read_text(), stripe, storm.intents)
    assert stripe.contract.violations == []


async def _more_of_the_story(process: Process, stripe: FakeStripe, intents: list[str]) -> None:
    """Money goes back, a bank takes some, somebody knocks with a key that is none: all of it is logged."""
    webhook = f"{process.base_url}/api/payments/webhook"
    stripe.deliveries.to(webhook)
    stripe.dashboard.refund(intents[0])
    stripe.dashboard.dispute(intents[1])
    forged = {"Stripe-Signature": f"t=1,v1={FORGED}"}
    async with httpx.AsyncClient() as client:
        assert (await client.post(webhook, content=b"{}", headers=forged)).status_code == 400
    await stripe.deliveries.drain()


def _tells_no_secret(log: str, stripe: FakeStripe, intents: list[str]) -> None:
    assert "webhook_refused" in log
    secrets = {
        stripe.secret_key,
        stripe.webhook_secret,
        *(stripe.intent(name).client_secret for name in intents),
    }
    everywhere = (
        "sk_test",
        "whsec_",
        "client_secret",
        "_secret_",
        "v1=",
        "5f00d",
        "4242",
        "stripe-signature",
    )
    for line in log.splitlines():
        lower = line.lower()
        assert not any(secret in line for secret in secrets), line
        assert not any(word in lower for word in everywhere), line
