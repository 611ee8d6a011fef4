"""Refusing in a middleware, where there may be a request or a WebSocket's handshake."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from server.errors import HoldfastError
from server.http.problems import problem


async def refuse(scope: Scope, receive: Receive, send: Send, error: HoldfastError) -> None:
    """Answer with the error's problem; a handshake gets the same as its HTTP answer, before any upgrade."""
    await deny(scope, receive, send, problem(error))


async def deny(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Answer a request or a handshake with `response`."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
