"""What a page may ask with a publishable key and an intent's client secret: to look at it, and to pay it."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tests.fake_stripe.core import intents
from tests.fake_stripe.core.account import Account, Cause
from tests.fake_stripe.core.form import Params, decode
from tests.fake_stripe.core.intent import PUBLIC, Intent
from tests.fake_stripe.core.refusal import Refused, missing
from tests.fake_stripe.rim.faults import AFTER_EFFECT, Faults
from tests.fake_stripe.rim.replies import reply, result, spoilt

ANY_ORIGIN = {"access-control-allow-origin": "*"}


@dataclass
class Public:
    """Faults meet these calls only when they are planned by name: `PAGE GET`, `PAGE POST`."""

    account: Account
    publishable_key: str
    clock: Callable[[], int]
    happened: Callable[[], None]
    faults: Faults

    async def answer(self, request: Request) -> Response | None:
        """The answer, None for a connection that is cut."""
        text = (await request.body()).decode() if request.method == "POST" else request.url.query
        params = decode(parse_qsl(text))
        fault = self.faults.of_page(f"PAGE {request.method}")
        if fault and fault not in AFTER_EFFECT:
            return spoilt(fault, None, "req_page", None)
        try:
            answer = result(200, self._do(request, params))
        except Refused as refusal:
            answer = result(refusal.status, _safe(refusal))
        finally:
            self.happened()
        response = spoilt(fault, answer, "req_page", None) if fault else reply(answer, "req_page", None)
        if response:
            response.headers.update(ANY_ORIGIN)
        return response

    def _do(self, request: Request, params: Params) -> dict[str, object]:
        if params.get("key") != self.publishable_key:
            raise Refused("Invalid API Key provided.", status=401)
        self.account.at(self.clock())
        intent_id, _, action = request.path_params["path"].removeprefix("payment_intents/").partition("/")
        intent = self.account.get(Intent, intent_id)
        if not hmac.compare_digest(intent.client_secret, str(params.get("client_secret"))):
            raise missing("payment_intent", intent_id)
        if request.method == "POST" and action == "confirm":
            self.account.cause = Cause()
            # A program has no script of Stripe's to show the bank's question over its page.
            scripted = params.get("use_stripe_sdk") != "false"
            intents.confirm(self.account, intent.id, params, by_page=scripted)
        return intent.public()


def _safe(refusal: Refused) -> dict[str, object]:
    """An error that a page may see: its intent without what is the seller's."""
    error = dict(refusal.error)
    if "payment_intent" in error:
        shown = error["payment_intent"].items()
        error["payment_intent"] = {name: value for name, value in shown if name in PUBLIC}
    return {"error": error}
