"""What was made, paid or taken back at Stripe of late, for payments whose events never came.

Lists are by the time of making, so what was made earlier and is paid or decided now is taken from Stripe's
own record of events. What these say of an object is old: its id counts, and that there was money.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from stripe import RequestOptions, StripeObject

from server.payments.provider import Intent
from server.payments.stripe.client import Calls, Reply
from server.payments.stripe.objects import CHECKOUT, VIA, PaymentIntent, Session, intent_of, intent_of_session

PAGE: Final = 100
PAGES: Final = 10
_INTENT_PAID: Final = ["payment_intent.amount_capturable_updated", "payment_intent.succeeded"]
_SESSION_PAID: Final = ["checkout.session.completed", "checkout.session.async_payment_succeeded"]
_DISPUTED: Final = [
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
]

Window = dict[str, Any]  # the library types it anew for each list
Ask = Callable[[Any, RequestOptions], Awaitable[StripeObject]]

_log = structlog.get_logger(__name__)


class _Id(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Back(msgspec.Struct):
    """A refund or a dispute, as far as it says whose money it moves; refunds of ours have their key."""

    payment_intent: str | None = None
    metadata: Mapping[str, str] | None = None


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    data: _Data


async def recent_intents(calls: Calls, since_ms: int) -> list[Intent]:
    """Payment intents of ours made or paid since then; not those inside checkout sessions."""
    made = await _listed(calls, calls.v1.payment_intents.list_async, _since(since_ms), PaymentIntent)
    paid = await _told(calls, _INTENT_PAID, since_ms, PaymentIntent)
    found = {intent.id: intent for intent in (*paid, *made)}
    return [intent_of(intent) for intent in found.values() if _is_ours(intent.metadata)]


async def recent_sessions(calls: Calls, since_ms: int) -> list[Intent]:
    """Checkout sessions of ours made or paid since then."""
    window = {**_since(since_ms), "expand": ["data.payment_intent.latest_charge"]}
    made = await _listed(calls, calls.v1.checkout.sessions.list_async, window, Session)
    paid = await _told(calls, _SESSION_PAID, since_ms, Session)
    found = {session.id: session for session in (*paid, *made)}
    return [_session(session) for session in found.values() if _is_ours(session.metadata)]


async def taken_back(calls: Calls, since_ms: int) -> list[str]:
    """Ids of payment intents whose money buyers or their banks took back since then, or were denied.

    Refunds of our own are left out: they are followed by their rows.
    """
    window = _since(since_ms)
    refunds = await _listed(calls, calls.v1.refunds.list_async, window, _Back)
    disputes = await _listed(calls, calls.v1.disputes.list_async, window, _Back)
    failed = await _told(calls, ["refund.failed"], since_ms, _Back)
    decided = await _told(calls, _DISPUTED, since_ms, _Back)
    by_hand = [refund for refund in (*refunds, *failed) if "key" not in (refund.metadata or {})]
    found = [back.payment_intent for back in (*by_hand, *disputes, *decided)]
    return sorted({name for name in found if name is not None})


def _session(found: Session) -> Intent:
    inner = intent_of(found.payment_intent) if isinstance(found.payment_intent, PaymentIntent) else None
    intent = intent_of_session(found, inner)
    if found.status == "complete" and inner is None:  # from an event: paid, and more is not known here
        return msgspec.structs.replace(intent, status="authorised")
    return intent


async def _told(calls: Calls, types: list[str], since_ms: int, kind: type[Reply]) -> list[Reply]:
    events = await _listed(calls, calls.v1.events.list_async, {**_since(since_ms), "types": types}, _Event)
    return [msgspec.json.decode(event.data.object, type=kind) for event in events]


async def _listed(calls: Calls, ask: Ask, window: Window, kind: type[Reply]) -> list[Reply]:
    """Every page, the newest first, up to PAGES."""
    found: list[msgspec.Raw] = []
    after: Window = {}
    for _ in range(PAGES):
        asked = {**window, **after}
        page = (await calls.get(partial(ask, asked))).read(_Page)
        found += page.data
        if not page.has_more:
            break
        after = {"starting_after": msgspec.json.decode(page.data[-1], type=_Id).id}
    else:
        _log.warning("stripe_list_cut", of=kind.__name__, read=len(found))
    return [msgspec.json.decode(one, type=kind) for one in found]


def _since(since_ms: int) -> Window:
    return {"created": {"gte": since_ms // 1000}, "limit": PAGE}


def _is_ours(metadata: Mapping[str, str]) -> bool:
    return "payment" in metadata and metadata.get(VIA) != CHECKOUT
