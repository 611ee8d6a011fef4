"""Answers, whole ones and those that a fault makes of them."""

import json
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.fake_stripe.core.keys import Result
from tests.fake_stripe.rim.faults import Name

HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
API_ERROR: Final = {"error": {"type": "api_error", "message": "An unknown error occurred."}}
_BUSY: Final = {"429": "rate_limit", "409": "lock_timeout"}


def result(status: int, body: dict[str, Any]) -> Result:
    """A body as it is sent and kept."""
    return Result(status, json.dumps(body, indent=2).encode())


def reply(answer: Result, request_id: str, key: str | None, *, replayed: bool = False) -> Response:
    """With Stripe's headers."""
    headers = {"request-id": request_id}
    if key:
        headers["idempotency-key"] = key
    if replayed:
        headers["idempotent-replayed"] = "true"
    return Response(answer.body, answer.status, headers, "application/json")


def spoilt(fault: Name, answer: Result | None, request_id: str, key: str | None) -> Response | None:
    """What comes in place of `answer`; None for a connection that is cut."""
    if fault.startswith("cut"):
        return None
    if fault == "half_body":
        return _Half(answer.body if answer else b"{}")
    if fault in _PAGES:
        status, headers = _PAGES[fault]
        return Response(HTML, status, headers, "text/html")
    if fault in _BUSY:
        error = {"type": "invalid_request_error", "code": _BUSY[fault], "message": "Try again in a moment."}
        return reply(result(int(fault), {"error": error}), request_id, key)
    return reply(result(500, API_ERROR), request_id, key)


_PAGES: Final[dict[Name, tuple[int, dict[str, str]]]] = {
    "502_before": (502, {}),
    "502_after": (502, {}),
    "503_before": (503, {"stripe-should-retry": "true"}),
    "html": (200, {}),
    "html_after": (200, {}),
}


class _Half(Response):
    """Says how long it is, sends half of it, and ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as ASGI has it
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["transport"].close()
