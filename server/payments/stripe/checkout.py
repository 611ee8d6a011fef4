"""Stripe's Checkout Sessions as a Provider: the buyer pays on Stripe's page and comes back to ours.

A session lives half an hour at least, longer than most of our deadlines: we expire it ourselves. The money
is that of the payment intent inside it, which comes into being when the buyer confirms.
"""

from collections.abc import Awaitable
from functools import partial
from typing import Final, cast

import structlog
from stripe import RequestOptions, StripeObject
from stripe.params.checkout import SessionCreateParams, SessionCreateParamsPaymentMethodOptions

from server.payments.provider import Intent, Order, ProviderRefused, Refund
from server.payments.stripe.amounts import refusal_of, step_of, to_stripe
from server.payments.stripe.client import Answer, Calls, numbered
from server.payments.stripe.failures import Refused
from server.payments.stripe.intents import METHODS, TURNS, Stripe, metadata_of, title_of
from server.payments.stripe.methods import AUTHORISABLE
from server.payments.stripe.objects import CHECKOUT, VIA, Session, intent_of_session
from server.payments.stripe.recent import recent_sessions
from server.payments.stripe.remembered import Remembered

NAME: Final = "stripe_checkout"
EXPAND: Final = ["payment_intent.latest_charge"]
# Stripe takes 30 minutes to 24 hours from its own now; a first call may come late, after an outage.
LIFE_SECONDS: Final = 3 * 3600
LONGEST_SECONDS: Final = 23 * 3600
SLACK_SECONDS: Final = 3600

_log = structlog.get_logger(__name__)


class StripeCheckout:
    """A Provider. `public_url` is where our pages are, `payment_seconds` how long a booking waits at most."""

    name = NAME

    def __init__(self, calls: Calls, *, public_url: str, payment_seconds: int) -> None:
        self._calls = calls
        self._service = calls.v1.checkout.sessions
        self._intents = Stripe(calls)
        self._public_url = public_url
        self._life = min(max(LIFE_SECONDS, payment_seconds + SLACK_SECONDS), LONGEST_SECONDS)
        self._inner = Remembered()

    def refuses(self, amount: int, currency: str) -> str | None:
        return refusal_of(amount, currency)

    def step(self, currency: str) -> int:
        return step_of(currency)

    async def create(self, order: Order, key: str) -> Intent:
        params = self._creation(order)
        while True:
            try:
                answer = await self._calls.post(partial(self._service.create_async, params), key)
            except Refused as refused:
                params, suffix = _made_do(params, refused)
                key += suffix
            else:
                return await self._as_now(answer)

    async def fetch(self, intent_id: str) -> Intent:
        answer = await self._calls.get(
            lambda options: self._service.retrieve_async(intent_id, {"expand": EXPAND}, options)
        )
        return await self._whole(answer)

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        inner = await self._inner_of(intent_id)
        if inner is not None:
            await self._intents.capture(inner, amount, key)
        return await self.fetch(intent_id)

    async def cancel(self, intent_id: str, key: str) -> Intent:
        """An open session is expired; of a completed one the authorisation is given back."""
        for turn in range(1, TURNS + 1):
            intent = await self.fetch(intent_id)
            if intent.status == "authorised" and intent.inner is not None:
                await self._intents.cancel(intent.inner, f"{key}/inner")
                return await self.fetch(intent_id)
            if intent.status != "open":
                return intent
            try:
                return await self._expired(intent_id, numbered(key, turn))
            except Refused as refused:
                intent = await self.fetch(intent_id)
                if intent.status != "open":  # completed this moment: that is a payment, not a cancellation
                    return intent
                if not refused.replayed or turn == TURNS:
                    raise
        raise AssertionError("the last turn answers or raises")

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        inner = await self._inner_of(intent_id)
        if inner is None:
            raise ProviderRefused("nothing was paid by this session")
        return await self._intents.refund(inner, amount, key)

    async def fetch_refund(self, refund_id: str) -> Refund:
        return await self._intents.fetch_refund(refund_id)

    async def recent(self, since_ms: int) -> list[Intent]:
        return await recent_sessions(self._calls, since_ms)

    # Inside.

    async def _expired(self, session_id: str, key: str) -> Intent:
        def send(options: RequestOptions) -> Awaitable[StripeObject]:
            return self._service.expire_async(session_id, {"expand": EXPAND}, options)

        return await self._as_now(await self._calls.post(send, key))

    async def _as_now(self, answer: Answer) -> Intent:
        """An old answer to the same key is not what the session is now."""
        if answer.replayed:
            return await self.fetch(answer.read(Session).id)
        return await self._whole(answer)

    async def _whole(self, answer: Answer) -> Intent:
        found = answer.read(Session)
        payment = found.payment_intent
        if isinstance(payment, str):  # a reply that was not asked to tell it
            return intent_of_session(found, await self._intents.fetch(payment))
        if payment is None:
            return intent_of_session(found, None)
        self._inner[found.id] = payment.id
        return intent_of_session(found, await self._intents.with_disputes(payment))

    async def _inner_of(self, session_id: str) -> str | None:
        return self._inner.get(session_id) or (await self.fetch(session_id)).inner

    def _creation(self, order: Order) -> SessionCreateParams:
        """The same for the same order: a key goes with its parameters."""
        metadata = metadata_of(order)
        back = f"{self._public_url}{order.return_path}"
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency,
                        "unit_amount": to_stripe(order.amount, order.currency),
                        "product_data": {"name": title_of(order)},
                    },
                }
            ],
            "adaptive_pricing": {"enabled": False},  # what was priced is what is charged, in its currency
            "payment_method_options": _authorise_first(),
            "payment_intent_data": {
                "description": title_of(order),
                "metadata": {**metadata, VIA: CHECKOUT},
            },
            "metadata": metadata,
            "client_reference_id": order.booking,
            "success_url": back,
            "cancel_url": back,
            "expires_at": order.created_at // 1000 + self._life,
            "expand": EXPAND,
        }
        if order.email:
            params["customer_email"] = order.email
        return params


def _made_do(params: SessionCreateParams, refused: Refused) -> tuple[SessionCreateParams, str]:
    """Without what Stripe would not take and can do without, and what to add to the key; else the refusal."""
    plain = params.copy()
    if refused.param == "customer_email" and "customer_email" in plain:
        del plain["customer_email"]  # the buyer writes it on Stripe's page
        return plain, "/anonymous"
    if refused.param == "expires_at" and "expires_at" in plain:
        del plain["expires_at"]  # first asked for long after it was ordered; we close it ourselves anyway
        return plain, "/late"
    if refused.param.startswith(METHODS) and METHODS in plain:
        del plain["payment_method_options"]
        plain["payment_intent_data"] = {**plain["payment_intent_data"], "capture_method": "manual"}
        _log.warning("stripe_methods_refused", reason=str(refused))
        return plain, "/manual"
    raise refused


def _authorise_first() -> SessionCreateParamsPaymentMethodOptions:
    options = {method: {"capture_method": "manual"} for method in AUTHORISABLE}
    return cast("SessionCreateParamsPaymentMethodOptions", options)
