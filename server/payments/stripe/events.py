"""Stripe's events: bytes → the object to look at. Pure; nothing else of an event is ever believed.

Snapshots carry an object, thin events (`v2.core.event`) only name it. Both say the same here: fetch it.
https://docs.stripe.com/api/events/types
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from server.payments.provider import Event

INTENTS: Final = "stripe"
SESSIONS: Final = "stripe_checkout"

# Each type we act on; an endpoint at Stripe is to be sent these and needs no other.
TYPES: Final = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.partially_funded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "charge.captured",
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.expired",
        "charge.refunded",
        "charge.updated",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)
# Tells of events that were never made. The reconciler lists payments without being told to.
NOTHING_TO_LOOK_AT: Final = frozenset({"v2.core.health.event_generation_failure.resolved"})

IgnoredBecause = Literal[
    "other_mode", "other_account", "unknown_type", "nothing_to_look_at", "names_no_payment"
]
_ID_AT_MOST: Final = 255


class BadEvent(Exception):
    """Signed, and yet no event: the text says what is wrong with it and nothing that was in it."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A genuine event that is no business of ours."""

    reason: IgnoredBecause


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of ours: the provider whose object it is about, and the API version it was written in."""

    provider: str
    event: Event
    version: str | None


class _Object(msgspec.Struct):
    object: str
    id: str | None = None
    payment_intent: Any = None  # an id, null, or the object itself where it was expanded


class _Data(msgspec.Struct):
    object: _Object


class _Related(msgspec.Struct):
    id: str
    type: str


class _Event(msgspec.Struct):
    id: str
    object: str
    type: str
    livemode: bool | None = None
    api_version: str | None = None
    account: str | None = None
    context: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")
    related_object: _Related | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_data = msgspec.json.Decoder(_Data).decode


def read_event(body: bytes, *, livemode: bool) -> Delivery | Ignored:
    """The delivery in a genuine body; BadEvent where it has not the shape of one."""
    event = _parse(body)
    thin = event.object == "v2.core.event"
    kind = event.type.removeprefix("v1.") if thin else event.type
    if kind in NOTHING_TO_LOOK_AT:
        return Ignored("nothing_to_look_at")
    if event.livemode is not livemode:
        return Ignored("other_mode")
    if event.account or event.context:
        return Ignored("other_account")
    if kind not in TYPES:
        return Ignored("unknown_type")
    looked_at = _related(event) if thin else _payment_of(event)
    if looked_at is None:
        return Ignored("names_no_payment")
    provider = SESSIONS if looked_at.startswith("cs_") else INTENTS
    found = Event(id=event.id, kind=event.type, object_id=looked_at, body=body)
    return Delivery(provider, found, event.api_version)


def _parse(body: bytes) -> _Event:
    try:
        body.decode("utf-8")  # the decoder skips what it does not keep, unread
        event = _decode_event(body)
    except (ValueError, RecursionError):  # all of msgspec's are ValueErrors
        raise BadEvent("the body is no event") from None
    if event.object not in {"event", "v2.core.event"}:
        raise BadEvent("the body is an object, but no event")
    if not event.id.startswith("evt_") or not _is_id(event.id):
        raise BadEvent("the event has no id")
    return event


def _payment_of(event: _Event) -> str | None:
    """The payment intent or checkout session that a snapshot's object is, or belongs to."""
    try:
        found = _decode_data(event.data).object
    except (ValueError, RecursionError):
        raise BadEvent("the event has no object") from None
    if found.object in {"payment_intent", "checkout.session"}:
        return _id(found.id)
    inner = found.payment_intent
    return _id(inner.get("id") if isinstance(inner, dict) else inner)


def _related(event: _Event) -> str | None:
    """A thin event of a charge, refund or dispute does not say whose it is."""
    related = event.related_object
    if related is None or related.type not in {"payment_intent", "checkout.session"}:
        return None
    return _id(related.id)


def _id(text: object) -> str | None:
    named = isinstance(text, str) and text.startswith(("pi_", "cs_")) and _is_id(text)
    return str(text) if named else None


def _is_id(text: str) -> bool:
    return len(text) <= _ID_AT_MOST and text.isascii() and text.replace("_", "").isalnum()
