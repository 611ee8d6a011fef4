"""A webhook endpoint for the tests of the fake: it checks signatures with the library and answers as told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from stripe import WebhookSignature

from tests.fake_stripe.rim.listener import Listener


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers; 200 after them."""

    secret: str
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def take(self, request: Request) -> Response:
        body = await request.body()
        WebhookSignature.verify_header(body, request.headers["stripe-signature"], self.secret)
        self.events.append(await request.json())
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @classmethod
    @asynccontextmanager
    async def listening(cls, secret: str) -> AsyncIterator[Self]:
        receiver = cls(secret)
        listener = Listener(Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])]))
        receiver.url = f"http://127.0.0.1:{listener.port}/hook"
        await listener.open()
        yield receiver
        await listener.close()
