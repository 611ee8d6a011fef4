"""What was made, paid or taken back at Stripe of late, for payments whose events never came.

Lists are by the time of making, so what was made earlier and is paid or decided now is taken from Stripe's
own record of events. What these say of an object is old: its id counts, and that there was money.
"""

from collections.abc import Mapping
from typing import Final, Generic

import msgspec

from server.payments.provider import Intent
from server.payments.stripe.client import Calls, Reply
from server.payments.stripe.listing import listed, since
from server.payments.stripe.objects import CHECKOUT, VIA, PaymentIntent, Session, intent_of, intent_of_session

_INTENT_PAID: Final = ["payment_intent.amount_capturable_updated", "payment_intent.succeeded"]
_SESSION_PAID: Final = ["checkout.session.completed", "checkout.session.async_payment_succeeded"]
_DECIDED: Final = [
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "refund.failed",
    "refund.updated",
]
_FAILED: Final = frozenset({"failed", "canceled"})


class _Data(msgspec.Struct, Generic[Reply]):
    object: Reply


class _Event(msgspec.Struct, Generic[Reply]):
    data: _Data[Reply]


class _Back(msgspec.Struct):
    """A refund or a dispute, as far as it says whose money it moves; refunds of ours have their key."""

    object: str
    payment_intent: str | None = None
    status: str | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def is_followed(self) -> bool:
        """Whether a row of ours is asked about it anyway; one that fails late is not any more."""
        return self.object == "refund" and "key" in (self.metadata or {}) and self.status not in _FAILED


async def recent_intents(calls: Calls, since_ms: int) -> list[Intent]:
    """Payment intents of ours made or paid since then; not those inside checkout sessions."""
    made = await listed(calls, calls.v1.payment_intents.list_async, since(since_ms), PaymentIntent)
    paid = await _told(calls, _INTENT_PAID, since_ms, _Event[PaymentIntent])
    found = {intent.id: intent for intent in (*paid, *made)}
    return [intent_of(intent) for intent in found.values() if _is_ours(intent.metadata)]


async def recent_sessions(calls: Calls, since_ms: int) -> list[Intent]:
    """Checkout sessions of ours made or paid since then."""
    window = {**since(since_ms), "expand": ["data.payment_intent.latest_charge"]}
    made = await listed(calls, calls.v1.checkout.sessions.list_async, window, Session)
    paid = await _told(calls, _SESSION_PAID, since_ms, _Event[Session])
    found = {session.id: session for session in (*paid, *made)}
    return [_session(session) for session in found.values() if _is_ours(session.metadata)]


async def taken_back(calls: Calls, since_ms: int) -> list[str]:
    """Ids of payment intents whose money buyers or their banks took back since then, or were denied.

    Refunds of our own are left out while they have not failed: they are followed by their rows.
    """
    refunds = await listed(calls, calls.v1.refunds.list_async, since(since_ms), _Back)
    disputes = await listed(calls, calls.v1.disputes.list_async, since(since_ms), _Back)
    decided = await _told(calls, _DECIDED, since_ms, _Event[_Back])
    found = [back.payment_intent for back in (*refunds, *disputes, *decided) if not back.is_followed]
    return sorted({name for name in found if name is not None})


def _session(found: Session) -> Intent:
    inner = intent_of(found.payment_intent) if isinstance(found.payment_intent, PaymentIntent) else None
    intent = intent_of_session(found, inner)
    if found.status == "complete" and inner is None:  # from an event: paid, and more is not known here
        return msgspec.structs.replace(intent, status="authorised")
    return intent


async def _told(calls: Calls, types: list[str], since_ms: int, kind: type[_Event[Reply]]) -> list[Reply]:
    window = {**since(since_ms), "types": types}
    return [event.data.object for event in await listed(calls, calls.v1.events.list_async, window, kind)]


def _is_ours(metadata: Mapping[str, str] | None) -> bool:
    return metadata is not None and "payment" in metadata and metadata.get(VIA) != CHECKOUT
