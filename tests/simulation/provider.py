"""The payment provider: a third party with a ledger of its own, by server/payments/sandbox.py's rules.

What it was asked with a key it does once. Its events come late, twice, in any order, or never.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from server.payments.provider import (
    Event,
    Intent,
    IntentStatus,
    Order,
    ProviderRefused,
    ProviderUnavailable,
    Refund,
)
from tests.simulation.network import Link, Server, Weather

NAME: Final = "sandbox"
LINES: Final = 4
TRIES: Final = 8
Outcome = Literal["succeed", "decline", "cancel"]
Deliver = Callable[[Event], Awaitable[bool]]

_BECOMES: Final[dict[Outcome, IntentStatus]] = {
    "succeed": "authorised",
    "decline": "declined",
    "cancel": "cancelled",
}


@dataclass
class Ledger:
    """What was really moved: the truth that money is counted by."""

    captured: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)

    def kept(self, intent: str) -> int:
        return self.captured.get(intent, 0) - self.refunded.get(intent, 0)


class Bank(Server):
    """The provider's own side. `deliver` brings an event to whoever takes it; False: nobody did."""

    def __init__(self, chance: random.Random, clock: Callable[[], int]) -> None:
        super().__init__("provider")
        self.ledger = Ledger()
        self.intents: dict[str, Intent] = {}
        self.changed: dict[str, int] = {}
        self.deliver: Deliver | None = None
        self.says: Callable[[str], None] = lambda _text: None
        self.on_capture: Callable[[str], None] = lambda _intent: None
        self.tasks: list[asyncio.Task[None]] = []
        self._keys: dict[str, Any] = {}
        self._refunds: dict[str, Refund] = {}
        self._chance = chance
        self._clock = clock
        self._events = 0

    # What our side calls.

    def create(self, order: Order, key: str) -> Intent:
        known = self._keys.get(key)
        if known is not None:
            if (known.amount, known.currency) != (order.amount, order.currency):
                raise ProviderRefused("this key was used for another order")
            return self.intents[known.id]
        metadata = {"payment": order.payment, "booking": order.booking, "reference": order.reference}
        made = Intent(
            id=f"in_{len(self.intents)}",
            status="open",
            amount=order.amount,
            currency=order.currency,
            metadata=metadata,
        )
        self._keys[key] = made
        self._set(made, "made")
        return made

    def fetch(self, intent: str) -> Intent:
        if intent not in self.intents:
            raise ProviderRefused("there is no such payment")
        return self.intents[intent]

    def capture(self, intent: str, amount: int, _key: str) -> Intent:
        found = self.fetch(intent)
        if found.status == "authorised":
            self.on_capture(intent)
            self._take(found, amount)
        return self.intents[intent]

    def cancel(self, intent: str, _key: str) -> Intent:
        found = self.fetch(intent)
        if found.status in ("open", "processing", "declined", "authorised"):
            self._set(msgspec.structs.replace(found, status="cancelled"), "cancelled")
        return self.intents[intent]

    def refund(self, intent: str, amount: int, key: str) -> Refund:
        if key in self._keys:
            return self._refunds[self._keys[key]]
        if amount > self.ledger.kept(intent):
            raise ProviderRefused("more than is left of it")
        name = f"re_{len(self._refunds)}"
        self._keys[key] = name
        if self._chance.random() < 0.1:
            self._refunds[name] = Refund(id=name, status="pending")
            fails = self._chance.random() < 0.3
            self._later(1 + 8 * self._chance.random(), self._end_refund, intent, name, amount, fails)
        else:
            self._refunds[name] = Refund(id=name, status="pending")
            self._end_refund(intent, name, amount, False)
        return self._refunds[name]

    def fetch_refund(self, name: str) -> Refund:
        return self._refunds[name]

    def recent(self, since_ms: int) -> list[Intent]:
        return [self.intents[name] for name, at in self.changed.items() if at >= since_ms]

    # What its buyers do.

    def act(self, intent: str, outcome: Outcome, *, delay: float = 0.0, twice: bool = False) -> bool:
        """False where the payment can't have that outcome any more."""
        found = self.intents[intent]
        if found.status not in ("open", "declined"):
            return False
        if delay:
            self._set(msgspec.structs.replace(found, status="processing"), None)
            self._later(delay, self._report_late, intent, outcome)
            return True
        self._set(msgspec.structs.replace(found, status=_BECOMES[outcome]), outcome)
        if twice:
            again = msgspec.structs.replace(found, id=f"in_{len(self.intents)}", status="open")
            self._set(again, None)
            self._take(again, again.amount)
        return True

    def _report_late(self, intent: str, outcome: Outcome) -> None:
        """What was under way arrives; if it was cancelled meanwhile, the money is taken all the same."""
        found = self.intents[intent]
        if found.status == "processing":
            self._set(msgspec.structs.replace(found, status=_BECOMES[outcome]), outcome)
        elif found.status == "cancelled" and outcome == "succeed":
            self._take(found, found.amount)

    # Inside.

    def _take(self, intent: Intent, amount: int) -> None:
        self.ledger.captured[intent.id] = self.ledger.captured.get(intent.id, 0) + amount
        self._set(msgspec.structs.replace(intent, status="captured", captured=amount), "captured")

    def _end_refund(self, intent: str, name: str, amount: int, fails: bool) -> None:
        if fails or amount > self.ledger.kept(intent):
            self._refunds[name] = Refund(id=name, status="failed", failure="the bank sent it back")
            self._tell(intent, "refund failed")
            return
        self._refunds[name] = Refund(id=name, status="succeeded")
        self.ledger.refunded[intent] = self.ledger.refunded.get(intent, 0) + amount
        found = self.intents[intent]
        self._set(msgspec.structs.replace(found, refunded=self.ledger.refunded[intent]), "refunded")

    def _set(self, intent: Intent, kind: str | None) -> None:
        self.intents[intent.id] = intent
        self.changed[intent.id] = self._clock()
        if kind is not None:
            self._tell(intent.id, kind)

    def _tell(self, intent: str, kind: str) -> None:
        self._events += 1
        self.says(f"  provider: {intent} {kind}")
        event = Event(id=f"ev_{self._events}", kind=f"intent.{kind}", object_id=intent)
        if self._chance.random() < 0.05:
            return  # it never comes
        self._later(self._pause(), self._bring, event, TRIES)
        if self._chance.random() < 0.1:
            self._later(self._pause(), self._bring, event, TRIES)

    def _pause(self) -> float:
        drawn = self._chance.random()
        return 20 * drawn if self._chance.random() < 0.05 else drawn

    def _bring(self, event: Event, tries: int) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(self._brought(event, tries)))

    async def _brought(self, event: Event, tries: int) -> None:
        assert self.deliver is not None
        if not await self.deliver(event) and tries > 1:
            self._later(1 + self._pause(), self._bring, event, tries - 1)

    @staticmethod
    def _later(seconds: float, work: Callable[..., object], *given: Any) -> None:
        asyncio.get_running_loop().call_later(seconds, work, *given)


class ProviderClient:
    """A Provider as one process has it: several calls may be on their way and pass each other."""

    name = NAME

    def __init__(self, bank: Bank, weather: Weather) -> None:
        self._bank = bank
        self._chance = weather.chance
        self.links = [Link(bank, weather, _unavailable, patience=4.0) for _ in range(LINES)]

    def _call(self, work: Callable[..., Any], *given: Any) -> "asyncio.Future[Any]":
        return self._chance.choice(self.links).call(lambda: work(*given))

    def refuses(self, amount: int, currency: str) -> str | None:  # noqa: ARG002  # play money has every currency
        return None if amount else "an amount is more than nothing"

    def step(self, currency: str) -> int:  # noqa: ARG002  # play money has every amount
        return 1

    async def create(self, order: Order, key: str) -> Intent:
        made: Intent = await self._call(self._bank.create, order, key)
        return made

    async def fetch(self, intent_id: str) -> Intent:
        found: Intent = await self._call(self._bank.fetch, intent_id)
        return found

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        found: Intent = await self._call(self._bank.capture, intent_id, amount, key)
        return found

    async def cancel(self, intent_id: str, key: str) -> Intent:
        found: Intent = await self._call(self._bank.cancel, intent_id, key)
        return found

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        made: Refund = await self._call(self._bank.refund, intent_id, amount, key)
        return made

    async def fetch_refund(self, refund_id: str) -> Refund:
        found: Refund = await self._call(self._bank.fetch_refund, refund_id)
        return found

    async def recent(self, since_ms: int) -> list[Intent]:
        found: list[Intent] = await self._call(self._bank.recent, since_ms)
        return found


def _unavailable(_reason: str) -> Exception:
    return ProviderUnavailable()
