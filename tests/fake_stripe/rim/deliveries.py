"""Events on their way to webhooks: signed as Stripe signs them; late, lost, repeated or mixed up as asked."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx
from stripe import WebhookSignature

from tests.fake_stripe.rim.thin import thin

RETRY_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
AT_ONCE: Final = 20


@dataclass(frozen=True)
class Delivery:
    """One try: `status` is what the webhook answered, 0 for no answer."""

    event: str
    kind: str
    url: str
    status: int

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Deliveries:
    """Every event goes to every address in `urls` at once, and again after a failure, unless told otherwise.

    `secrets` sign side by side: two while one is rotated. `delay_seconds` is waited before each first try,
    `copies` of every event are sent. `thin` ones only name the object.
    """

    clock: Callable[[], int]
    secrets: list[str]
    urls: list[str] = field(default_factory=list)
    delay_seconds: float = 0
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    copies: int = 1
    thin: bool = False
    tries: list[Delivery] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    _losing: float = 0
    _holding: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _client: httpx.AsyncClient | None = None
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def to(self, url: str) -> Self:
        """Deliver to this address from now on."""
        self.urls.append(url)
        return self

    def lose(self, count: float = float("inf")) -> None:
        """Lose the next `count` events, all by default; they stay in the list of events."""
        self._losing = count

    def hold(self) -> None:
        """Keep events back until `release`."""
        self._holding = True

    def flow(self) -> None:
        """Events go out at once again, none is lost; what is held stays held until it is released."""
        self._holding = False
        self._losing = 0

    async def release(self, order: Iterable[int] | None = None, copies: int = 1) -> list[Delivery]:
        """Deliver what is held one after the other, in `order` of positions (all of them by default).

        Each is sent `copies` times. What is not named in `order` is held on. Returns every try made.
        """
        positions = list(range(len(self.held)) if order is None else order)
        events = [self.held[position] for position in positions]
        self.held = [event for place, event in enumerate(self.held) if place not in set(positions)]
        return [delivery for event in events for _ in range(copies) for delivery in await self.send(event)]

    async def send(self, event: dict[str, Any]) -> list[Delivery]:
        """One try at every address, now, whatever is lost or held."""
        return [await self._try(event, url) for url in self.urls]

    def push(self, event: dict[str, Any]) -> None:
        """A new event."""
        if self._losing > 0:
            self._losing -= 1
            self.lost.append(event)
        elif self._holding:
            self.held.append(event)
        else:
            for url in self.urls:
                for _ in range(self.copies):
                    self._start(event, url)

    async def drain(self) -> None:
        """Wait until nothing is on its way, retries included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Give up what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    def sign(self, body: str) -> str:
        """The `Stripe-Signature` of a body sent now."""
        at = self.clock() // 1000
        headers = [WebhookSignature.generate_signature_header(body, secret, at) for secret in self.secrets]
        return ",".join([headers[0], *(header.partition(",")[2] for header in headers[1:])])

    def _start(self, event: dict[str, Any], url: str) -> None:
        task = asyncio.create_task(self._deliver(event, url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: dict[str, Any], url: str) -> None:
        for pause in (self.delay_seconds, *self.retry_seconds):
            await asyncio.sleep(pause)
            if (await self._try(event, url)).ok:
                event["pending_webhooks"] = 0
                return

    async def _try(self, event: dict[str, Any], url: str) -> Delivery:
        body = json.dumps(thin(event) if self.thin else event, indent=2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": self.sign(body),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        self._client = self._client or httpx.AsyncClient(timeout=20, trust_env=False, verify=False)
        try:
            async with self._room:
                answer = await self._client.post(url, content=body.encode(), headers=headers)
            status = answer.status_code
        except httpx.TransportError:
            status = 0
        delivery = Delivery(event["id"], event["type"], url, status)
        self.tries.append(delivery)
        return delivery
