"""A Stripe of our own: the parts list, and what tests do with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from tests.fake_stripe.contract.contract import Contract
from tests.fake_stripe.core import attempt, sessions
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.method import chosen
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.core.session import Session
from tests.fake_stripe.dashboard import Dashboard
from tests.fake_stripe.ledger import Ledger
from tests.fake_stripe.rim.api import Api, Asked
from tests.fake_stripe.rim.application import Interface, application
from tests.fake_stripe.rim.control import Control
from tests.fake_stripe.rim.deliveries import Deliveries, Delivery
from tests.fake_stripe.rim.faults import Faults
from tests.fake_stripe.rim.listener import Listener
from tests.fake_stripe.rim.pages import Pages
from tests.fake_stripe.rim.public import Public

WATCH_SECONDS: Final = 0.5  # how late what time alone does may be told, where nobody calls


def wall_clock() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class FakeStripe:
    """`clock` tells milliseconds since the Unix epoch; a virtual one makes days pass at once (see `tick`).

    `deliveries`, `faults`, `dashboard` and `contract` are its parts; `events` and `requests` what was told
    and asked so far, in order; `ledger[intent_id]` where the money is.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int] = wall_clock,
        webhook_secret: str = "whsec_test_of_the_fake",
        port: int = 0,
        livemode: bool = False,
    ) -> None:
        mode = "live" if livemode else "test"
        self.secret_key = f"sk_{mode}_of_the_fake"
        self.publishable_key = f"pk_{mode}_of_the_fake"
        self._clock = clock
        self._ahead = 0
        self.account = Account(livemode=livemode)
        self.contract = Contract()
        self.faults = Faults()
        self.deliveries = Deliveries(clock, [webhook_secret])
        self.dashboard = Dashboard(self.account, self.tick, self._publish)
        self.ledger = Ledger(self.account)
        self._api = Api(
            self.account, self.secret_key, self.clock, self._publish, self.contract, faults=self.faults
        )
        public = Public(self.account, self.publishable_key, self.clock, self._publish, self.faults)
        pages = Pages(self.account, self.clock, self._publish)
        routes = [*pages.routes(), *Control(self).routes()]
        app = application(Interface(self._api, public, self.contract), routes)
        self._listener = Listener(app, port)
        self.base_url = self.account.pages_url = f"http://127.0.0.1:{self._listener.port}"
        self.js_url = f"{self.base_url}/v3/"
        self._published = 0
        self._away: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def serving(
        cls,
        *,
        clock: Callable[[], int] = wall_clock,
        webhook_secret: str = "whsec_test_of_the_fake",
        port: int = 0,
        livemode: bool = False,
    ) -> AsyncIterator[Self]:
        """One on a loopback port of its own, in this loop, until the context ends."""
        stripe = cls(clock=clock, webhook_secret=webhook_secret, port=port, livemode=livemode)
        await stripe._listener.open()
        watch = asyncio.create_task(stripe._watch())
        try:
            yield stripe
        finally:
            watch.cancel()
            if stripe._away:
                stripe._away.cancel()
            stripe.faults.clear()
            await stripe._listener.close()
            await stripe.deliveries.close()

    @property
    def webhook_secret(self) -> str:
        """What events are signed with, the newest of them."""
        return self.deliveries.secrets[0]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, delivered or not, in order of creation."""
        return self.account.events

    @property
    def requests(self) -> list[Asked]:
        """All calls under the secret key."""
        return self._api.requests

    # What the buyer does.

    async def pay(self, object_id: str, card: str = "4242424242424242") -> str:
        """Pay an intent or a session as its page does; the intent's status then, also after a decline.

        `card` is a test card's number, `bank` (a debit that takes days) or a way's name. Raises Refused where
        the page would not let the buyer pay.
        """
        self.tick()
        try:
            self._pay(object_id, card)
        except Refused as refusal:
            if refusal.status != 402:
                raise
        finally:
            self._publish()
        return self.intent(object_id).status

    async def authenticate(self, object_id: str, *, ok: bool = True) -> str:
        """Answer the challenge (3-D Secure); the intent's status then."""
        return self._attempt(object_id, lambda intent: attempt.authenticate(self.account, intent, ok=ok))

    async def succeed(self, object_id: str) -> str:
        """A debit that was processing is paid."""
        return self._attempt(object_id, lambda intent: attempt.settle(self.account, intent, ok=True))

    async def fail(self, object_id: str) -> str:
        """A debit that was processing is not paid."""
        return self._attempt(object_id, lambda intent: attempt.settle(self.account, intent, ok=False))

    def intent(self, object_id: str) -> Intent:
        """The intent, or the one of a session."""
        found = self.account.find(object_id)
        if isinstance(found, Session):
            return self.account.get(Intent, found.intent or "none yet")
        return self.account.get(Intent, object_id)

    # What time and the network do.

    def clock(self) -> int:
        """The time at Stripe, in milliseconds since the Unix epoch."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let Stripe's clock run ahead of the one it was given; signatures keep to that one."""
        self._ahead += round(seconds * 1000)
        self.tick()

    def tick(self) -> None:
        """Let what is due by the clock happen: sessions and authorisations expire."""
        self.account.at(self.clock())
        self._publish()

    async def goes_away(self) -> None:
        """Refuse connections, and cut those that are open."""
        await self._listener.close()

    async def goes_away_for(self, seconds: float) -> None:
        """Be away, and come back by itself. Answers while it can still be heard."""

        async def later() -> None:
            await asyncio.sleep(0.05)
            await self.goes_away()
            await asyncio.sleep(seconds)
            await self.comes_back()

        self._away = asyncio.create_task(later())

    async def redeliver(self, event_id: str) -> list[Delivery]:
        """One more try at every webhook, as by a press on the dashboard's button."""
        return [
            delivery
            for event in self.events
            if event["id"] == event_id
            for delivery in await self.deliveries.send(event)
        ]

    async def comes_back(self) -> None:
        """Serve on the same port again; nothing is forgotten."""
        await self._listener.open()

    def _pay(self, object_id: str, card: str) -> None:
        if isinstance(self.account.find(object_id), Session):
            sessions.pay(self.account, object_id, card)
            return
        intent = self.intent(object_id)
        method = chosen(card, intent.currency, self.account.new_id("pm"))
        attempt.confirm(self.account, intent, method, self.base_url, by_page=True)

    def _attempt(self, object_id: str, change: Callable[[Intent], None]) -> str:
        self.tick()
        intent = self.intent(object_id)
        try:
            change(intent)
        except Refused as refusal:
            if refusal.status != 402:
                raise
        finally:
            self._publish()
        return intent.status

    def _publish(self) -> None:
        events = self.account.events[self._published :]
        self._published += len(events)
        for event in events:
            self.contract.event(event)
            self.deliveries.push(event)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self.tick()
