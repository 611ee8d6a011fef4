"""What is served: the interface under `/v1`, and an end for connections that are to be cut."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fake_stripe.rim.api import Api


def application(api: Api) -> ASGIApp:
    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await api.answer(Request(scope, receive))
        if answer is None:
            scope["transport"].abort()
        else:
            await answer(scope, receive, send)

    return Starlette(routes=[Route("/v1/{path:path}", _Endpoint(server))])


class _Endpoint:
    """An ASGI application as an endpoint: it answers by itself, or not at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
