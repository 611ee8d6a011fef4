"""What Stripe sends, made up: events in the shape of the pinned API version, signed as the library signs."""

import itertools
import json
import time
from typing import Any

from stripe import WebhookSignature

SECRET = "whsec_test_of_the_suite"
_numbers = itertools.count(1)


def event(
    kind: str = "payment_intent.succeeded",
    thing: dict[str, Any] | None = None,
    *,
    id: str | None = None,  # noqa: A002  # the field's name
    **fields: Any,
) -> dict[str, Any]:
    """A snapshot event; `thing` is what it is about."""
    return {
        "id": id or f"evt_{next(_numbers):024}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": thing or intent()},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        **fields,
    }


def intent(id: str = "pi_1", **fields: Any) -> dict[str, Any]:  # noqa: A002  # the field's name
    """A payment intent, as far as anybody here might look."""
    secret = f"{id}_secret_of_the_buyer"
    return {"id": id, "object": "payment_intent", "amount": 2500, "client_secret": secret, **fields}


def body_of(content: Any) -> bytes:
    """As Stripe writes it: indented."""
    return content if isinstance(content, bytes) else json.dumps(content, indent=2).encode()


def signed(body: bytes, secret: str = SECRET, *, at: float | None = None) -> dict[str, str]:
    """The header of a genuine delivery, made by the library itself."""
    moment = int(time.time() if at is None else at)
    header = WebhookSignature.generate_signature_header(body.decode(), secret, moment)
    return {"Stripe-Signature": header, "Content-Type": "application/json; charset=utf-8"}
