"""The control plane over HTTP, for other processes and for hands: `POST /_control/<action>` with JSON."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from tests.fake_stripe.fake import FakeStripe

Action = Callable[..., Any]


class Control:
    """An action's arguments are its names in JSON; it answers `{"result": …}`. Views are fetched by GET."""

    def __init__(self, stripe: "FakeStripe") -> None:
        self._actions = _actions(stripe)
        self._views = _views(stripe)

    def routes(self) -> list[Route]:
        return [
            Route("/_control/{name}", self.view),
            Route("/_control/{name}", self.act, methods=["POST"]),
        ]

    async def view(self, request: Request) -> Response:
        """What stands now."""
        view = self._views.get(request.path_params["name"])
        return JSONResponse(view()) if view else _unknown(self._views)

    async def act(self, request: Request) -> Response:
        """Do it, and wait until it is done."""
        action = self._actions.get(request.path_params["name"])
        if action is None:
            return _unknown(self._actions)
        arguments = json.loads(await request.body() or b"{}")
        try:
            inspect.signature(action).bind(**arguments)
        except TypeError as error:
            return JSONResponse({"error": {"message": str(error)}}, 400)
        result = action(**arguments)
        if inspect.isawaitable(result):
            result = await result
        return JSONResponse({"result": _plain(result)})


def _actions(stripe: "FakeStripe") -> Mapping[str, Action]:
    return {
        # the buyer
        "pay": stripe.pay,
        "authenticate": stripe.authenticate,
        "succeed": stripe.succeed,
        "fail": stripe.fail,
        # the seller's dashboard, and the banks
        "refund": stripe.dashboard.refund,
        "refund_succeeds": stripe.dashboard.refund_succeeds,
        "refund_fails": stripe.dashboard.refund_fails,
        "dispute": stripe.dashboard.dispute,
        "close_dispute": stripe.dashboard.close_dispute,
        "capture": stripe.dashboard.capture,
        "cancel": stripe.dashboard.cancel,
        "expire_authorisation": stripe.dashboard.expire_authorisation,
        # the way to the webhook
        "deliver_to": stripe.deliveries.to,
        "lose": stripe.deliveries.lose,
        "hold": stripe.deliveries.hold,
        "release": stripe.deliveries.release,
        "flow": stripe.deliveries.flow,
        "drain": stripe.deliveries.drain,
        "redeliver": stripe.redeliver,
        # the way to the interface
        "fault": stripe.faults.next,
        "faults_at_random": stripe.faults.at_random,
        "clear_faults": stripe.faults.clear,
        "resume": stripe.faults.resume,
        "go_away": stripe.goes_away_for,
        # time
        "advance": stripe.advance,
    }


def _views(stripe: "FakeStripe") -> Mapping[str, Callable[[], Any]]:
    return {
        "ledger": lambda: {intent: asdict(stripe.ledger[intent]) for intent in stripe.ledger},
        "events": lambda: stripe.events,
        "requests": lambda: [asdict(asked) for asked in stripe.requests],
        "deliveries": lambda: [asdict(delivery) for delivery in stripe.deliveries.tries],
        "violations": lambda: stripe.contract.violations,
    }


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [asdict(item) for item in result]
    return result if isinstance(result, str | int | float | bool) else None


def _unknown(known: Mapping[str, Any]) -> Response:
    return JSONResponse({"error": {"message": f"known are: {', '.join(known)}"}}, 404)
