"""What is served: the interface under `/v1`, for servers and for pages, and whatever stands beside it."""

import traceback
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fake_stripe.contract.contract import Contract
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.rim.api import Api
from tests.fake_stripe.rim.public import Public


class Interface:
    """An ASGI endpoint that may also cut the connection."""

    def __init__(self, api: Api, public: Public, contract: Contract) -> None:
        self._contract = contract
        self._api = api
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await (self._public if await _by_page(request) else self._api).answer(request)
        except ClientDisconnect:  # whoever was asking was killed half-way: nothing was asked
            return
        except Exception:
            self._contract.broken(traceback.format_exc())
            raise
        if answer is None:
            scope["transport"].abort()
        else:
            await answer(scope, receive, send)


async def _by_page(request: Request) -> bool:
    """Pages send their key among the parameters."""
    if "authorization" in request.headers:
        return False
    return "key" in request.query_params or (await request.body()).startswith(b"key=")


async def _refused(_request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return JSONResponse(error.json(), error.status)
    raise error


def application(interface: Interface, others: Sequence[BaseRoute]) -> ASGIApp:
    routes = [Route("/v1/{path:path}", interface), *others]
    return Starlette(routes=routes, exception_handlers={Refused: _refused})
