"""`POST /api/payments/webhook`: Stripe's deliveries, stored before they are acknowledged.

No session, CSRF token, idempotency or rate stands on this path: a delivery shows who it is by its signature,
its time is checked before its body is read, and only what fails is counted against its address.
"""

from contextlib import suppress
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.bookings.worker import wall_clock
from server.errors import BadRequest, HoldfastError, NotFound, Unavailable
from server.http.addresses import address_of
from server.http.json_body import read_body
from server.http.problems import failed, problem
from server.payments.stripe.events import BadEvent, Ignored, read_event
from server.payments.stripe.signature import BadSignature, read_header, require_genuine

BODY_LIMIT: Final = 256 * 1024
_HEADER: Final = b"stripe-signature"

_log = structlog.get_logger(__name__)


async def take_delivery(request: Request) -> Response:
    """200 once it is stored or known to be of no use; 400 for what is not Stripe's; 503 to have it again."""
    parts = request.app.state.parts
    try:
        outcome = await _take(request, parts)
    except HoldfastError as error:
        parts.payments.inbox.figures.delivery(error.code)
        return problem(error)
    except Exception as error:  # noqa: BLE001  # any fault of ours is logged and becomes one answer
        return await failed(request, error)
    parts.payments.inbox.figures.delivery(outcome)
    return Response(b"{}", media_type="application/json", headers={"Cache-Control": "no-store"})


async def _take(request: Request, parts: Any) -> str:
    """What became of it, in one word."""
    secrets = parts.settings.stripe_webhook_secrets
    if not secrets:
        raise NotFound
    try:
        body = await _genuine_body(request, [secret.encode() for secret in secrets])
        found = read_event(body, livemode=parts.settings.stripe_livemode)
    except (BadSignature, BadEvent) as error:
        await _count_against_address(request, parts)
        _log.warning("webhook_refused", reason=str(error))
        raise BadRequest(f"the delivery is refused: {error}") from error
    if isinstance(found, Ignored):
        return found.reason
    new = await parts.payments.inbox.receive(found.provider, found.event)
    return "stored" if new else "repeated"


async def _genuine_body(request: Request, secrets: list[bytes]) -> bytes:
    headers = [value for name, value in request.scope["headers"] if name == _HEADER]
    signature = read_header(headers, wall_clock())
    body = await read_body(request, BODY_LIMIT)
    require_genuine(signature, body, secrets)
    return body


async def _count_against_address(request: Request, parts: Any) -> None:
    with suppress(Unavailable):
        await parts.limits.take("address", address_of(request.scope))


routes = [Route("/api/payments/webhook", take_delivery, methods=["POST"])]
