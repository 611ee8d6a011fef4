"""What a payment provider has to be: the sandbox is one, Stripe another. Every call is safe to repeat.

Money is taken in two steps where the method allows it: the buyer authorises, we confirm the booking, we
capture. Whatever a call answers is the provider's object as it is now; a call never claims more than that.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import msgspec

# open: the buyer can still pay · processing: the buyer has done their part, the outcome is not known ·
# declined: the last try failed, another is possible · authorised: promised, not taken · captured: taken,
# in part or in full given back perhaps · cancelled: can't be paid any more (and yet, sometimes, is).
# What its payment is by that, status_of (rules.py) says: by an `authorised` intent it is `authorized`.
IntentStatus = Literal["open", "processing", "declined", "authorised", "captured", "cancelled"]


class ProviderUnavailable(Exception):
    """Nobody knows whether the call had an effect: repeat it with the same key.

    `away`: it gave no answer. Where it is False, it did: an operator has to mend something before it obeys.
    """

    away: ClassVar[bool] = True


class ProviderRefused(Exception):
    """The provider understood and will not; repeating changes nothing. The text is safe to log."""


class ProviderCannot(ProviderRefused):
    """It was not even asked, and never will be: there is no such amount there."""


Dispute = Literal["none", "open", "won", "lost"]
RefundStatus = Literal["pending", "succeeded", "failed"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid: integer minor units, and the ids that come back with every event.

    The same payment makes the same order however often it is asked for: a key goes with its parameters.
    `title` is what the buyer reads; `return_path` is the page of ours that a provider's page leads back to;
    `created_at` is the attempt's (milliseconds).
    """

    payment: str
    booking: str
    reference: str
    amount: int
    currency: str
    title: str = ""
    email: str | None = None
    return_path: str = "/"
    created_at: int = 0


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's object as it is now. `captured`, `refunded` and `reversed` are sums in minor units.

    `reversed` is what the buyer's bank took back (lost disputes); `inner` is the payment's own id where the
    object is a page around it (a checkout session); `failure` says why a try was declined, in the provider's
    code. `final`: it is cancelled, and can never be paid after all.
    """

    id: str
    status: IntentStatus
    amount: int
    currency: str
    captured: int = 0
    refunded: int = 0
    reversed: int = 0
    dispute: Dispute = "none"
    inner: str | None = None
    failure: str | None = None
    metadata: Mapping[str, str] = {}
    client_secret: str | None = None
    redirect_url: str | None = None
    final: bool = False

    @property
    def has_money(self) -> bool:
        """Whether the buyer's money is promised or taken and not yet all given back."""
        kept = self.captured - self.refunded - self.reversed
        return self.status == "authorised" or kept > 0 or self.is_free

    @property
    def is_free(self) -> bool:
        """Whether there was nothing to pay."""
        return self.status == "captured" and self.amount == 0


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund at its provider. `failed` means that the buyer has not got it and is owed it again."""

    id: str
    status: RefundStatus
    failure: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's notice that `object_id` changed; its content is never trusted, the object is fetched."""

    id: str
    kind: str
    object_id: str
    body: bytes = b"{}"


class Provider(Protocol):
    """Raises ProviderUnavailable or ProviderRefused. `key` is our deterministic idempotency key."""

    @property
    def name(self) -> str:
        """How payments and the inbox name it."""
        ...

    def refuses(self, amount: int, currency: str) -> str | None:
        """Why it could not take such an amount, None if it could: told before anything is begun."""
        ...

    def step(self, currency: str) -> int:
        """Every amount it moves is a multiple of so many minor units."""
        ...

    async def create(self, order: Order, key: str) -> Intent:
        """A new intent; with the same key, the one of the first call."""
        ...

    async def fetch(self, intent_id: str) -> Intent:
        """The intent as it is now."""
        ...

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        """Take what was authorised; an intent that can't be captured is answered as it is."""
        ...

    async def cancel(self, intent_id: str, key: str) -> Intent:
        """Make it impossible to pay; an intent that was paid meanwhile is answered as it is."""
        ...

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        """Give money back; with the same key, the refund of the first call."""
        ...

    async def fetch_refund(self, refund_id: str) -> Refund:
        """The refund as it is now: some take days."""
        ...

    async def recent(self, since_ms: int) -> list[Intent]:
        """Intents that were made or changed since then, for those whose events never came."""
        ...
