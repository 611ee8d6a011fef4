"""Stripe's end of the wire, word by word: each request is answered by the next line of a script."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from server.payments.stripe.client import Calls
from server.payments.stripe.http import Http

SECRET = "sk_test_of_the_suite"  # made up
Line = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Wire:
    """`requests` are those that came; each one uses up a line, and a missing line fails the test."""

    def __init__(self, *lines: Line) -> None:
        self.lines = list(lines)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        http = Http(httpx.MockTransport(self._answer))
        self.calls = Calls(SECRET, base="http://stripe.test", http=http, sleep=self._sleep)

    def then(self, *lines: Line) -> None:
        self.lines += lines

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.requests]

    @property
    def told(self) -> list[str]:
        """Every request as `METHOD /path`."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def sent(self, number: int = -1) -> dict[str, str]:
        """The parameters of one request."""
        request = self.requests[number]
        text = request.content.decode() if request.method == "POST" else request.url.query.decode()
        return dict(parse_qsl(text, keep_blank_values=True))

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert self.lines, f"nothing was expected any more: {self.told}"
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line(request) if callable(line) else line


def ok(body: Any, *, replayed: bool = False) -> httpx.Response:
    headers = {"request-id": "req_1"} | ({"idempotent-replayed": "true"} if replayed else {})
    return httpx.Response(200, content=json.dumps(body), headers=headers)


def refusal(
    status: int, code: str | None, param: str | None = None, *, replayed: bool = False, **headers: str
) -> httpx.Response:
    said = "No such thing: pi_1_secret_2"
    error = {"type": "invalid_request_error", "code": code, "param": param, "message": said}
    more = headers | ({"idempotent-replayed": "true"} if replayed else {})
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return httpx.Response(status, content=json.dumps({"error": error}), headers=named)


def listed(*items: Any, more: bool = False) -> httpx.Response:
    return ok({"object": "list", "url": "/v1/some", "data": list(items), "has_more": more})


def pi(status: str = "requires_payment_method", **more: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": status,
        "amount": 4300,
        "amount_received": 0,
        "currency": "usd",
        "client_secret": "pi_1_secret_2",
        "latest_charge": None,
        "last_payment_error": None,
        "metadata": {"payment": "p1", "booking": "b1", "reference": "BK-1"},
        **more,
    }


def charge(**more: Any) -> dict[str, Any]:
    return {"id": "ch_1", "object": "charge", "amount_refunded": 0, "disputed": False, **more}


def cs(status: str = "open", **more: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "status": status,
        "amount_total": 4300,
        "currency": "usd",
        "payment_intent": None,
        "url": "https://stripe.test/c/cs_1" if status == "open" else None,
        "metadata": {"payment": "p1", "booking": "b1", "reference": "BK-1"},
        **more,
    }
