"""`POST /api/payments/webhook`: Stripe's deliveries, stored before they are acknowledged.

They come by the thousand a second, so they have a door of their own in front of everything that is there for
browsers: a delivery shows who it is by its signature, its time is checked before its body is read, and only
what fails is counted against its address.
"""

from contextlib import suppress
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import BadRequest, HoldfastError, NotFound, Unavailable
from server.http.addresses import address_of
from server.http.hosts import WEBHOOK
from server.http.json_body import read_body
from server.http.problems import failed, problem
from server.payments.seldom import Seldom
from server.payments.stripe.client import API_VERSION
from server.payments.stripe.events import BadEvent, Ignored, read_event
from server.payments.stripe.signature import BadSignature, read_header, require_genuine
from server.times import now_milliseconds

BODY_LIMIT: Final = 256 * 1024
_HEADER: Final = b"stripe-signature"
_TAKEN: Final[tuple[Message, Message]] = (
    {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-length", b"0")],
    },
    {"type": "http.response.body", "body": b""},
)

_log = structlog.get_logger(__name__)


class Deliveries:
    """Stripe's events: 200 once one is stored or of no use, 400 if not Stripe's, 503 to have it again."""

    def __init__(self) -> None:
        self._refused = Seldom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        parts = scope["app"].state.parts
        figures = parts.payments.inbox.figures
        try:
            figures.delivery(await self._take(scope, receive, parts))
        except HoldfastError as error:
            figures.delivery(error.code)
            await problem(error)(scope, receive, send)
            return
        except ClientDisconnect:
            figures.delivery("gone")
            return
        except Exception as error:  # noqa: BLE001  # any fault of ours is logged and becomes one answer
            response = await failed(Request(scope), error)
            await response(scope, receive, send)
            return
        for message in _TAKEN:
            await send(message)

    async def _take(self, scope: Scope, receive: Receive, parts: Any) -> str:
        """What became of it, in one word."""
        settings = parts.settings
        secrets = [secret.encode() for secret in settings.stripe_webhook_secrets]
        if not secrets:
            raise NotFound
        try:
            body = await _genuine_body(scope, receive, secrets)
            found = read_event(body, livemode=settings.stripe_livemode)
        except (BadSignature, BadEvent) as error:
            await _count_against_address(scope, parts)
            if times := self._refused.times():
                _log.warning(
                    "webhook_refused", reason=str(error), address=address_of(scope), deliveries=times
                )
            raise BadRequest(f"the delivery is refused: {error}") from error
        if isinstance(found, Ignored):
            return found.reason
        if found.version not in {None, API_VERSION}:
            parts.payments.figures.other_version()
        new = await parts.payments.inbox.receive(found.provider, found.event)
        return "stored" if new else "repeated"


async def _genuine_body(scope: Scope, receive: Receive, secrets: list[bytes]) -> bytes:
    headers = [value for name, value in scope["headers"] if name == _HEADER]
    signature = read_header(headers, now_milliseconds())
    body = await read_body(Request(scope, receive), BODY_LIMIT)
    require_genuine(signature, body, secrets)
    return body


async def _count_against_address(scope: Scope, parts: Any) -> None:
    with suppress(Unavailable):
        await parts.limits.take("address", address_of(scope))


deliveries: Final = Deliveries()
routes = [Route(WEBHOOK, deliveries, methods=["POST"])]


class WebhookDoor:
    """ASGI middleware, outermost: deliveries turn off here, everything else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, handshake or lifespan."""
        is_delivery = scope["type"] == "http" and scope["path"] == WEBHOOK and scope["method"] == "POST"
        await (deliveries if is_delivery else self._app)(scope, receive, send)
