"""Stripe's PaymentIntents as a Provider: the buyer pays on our page, in Stripe's Payment Element.

Where the method of payment allows it, money is first authorised and taken once the booking stands; other
methods take it at once, and a late winner among those is refunded.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final, cast

import structlog
from stripe import RequestOptions, StripeObject
from stripe.params import PaymentIntentCreateParams, PaymentIntentCreateParamsPaymentMethodOptions

from server.payments.provider import Intent, IntentStatus, Order, Refund
from server.payments.stripe.amounts import refusal_of, step_of, to_stripe
from server.payments.stripe.client import Answer, Calls, Send, numbered
from server.payments.stripe.failures import Refused
from server.payments.stripe.methods import AUTHORISABLE
from server.payments.stripe.objects import ListedDisputes, PaymentIntent, intent_of
from server.payments.stripe.recent import recent_intents, taken_back
from server.payments.stripe.refunds import Refunds
from server.payments.stripe.remembered import Remembered

NAME: Final = "stripe"
# A refusal is stored with its key: while it no longer fits the intent's state, the next key is tried.
TURNS: Final = 8
# How many are asked for at a time of those whose money went back.
AT_ONCE: Final = 4
# The parameters that say which methods authorise first; an account may not know one of them.
METHODS: Final = "payment_method_options"
_CANCELLABLE: Final[frozenset[IntentStatus]] = frozenset({"open", "declined", "authorised"})
_CAPTURABLE: Final[frozenset[IntentStatus]] = frozenset({"authorised"})
# The authorisation is gone, whatever the intent still says.
_LAPSED: Final = frozenset({"charge_expired_for_capture", "capture_charge_authorization_expired"})

_log = structlog.get_logger(__name__)


class Stripe:
    """A Provider; what it raises carries Stripe's codes and ids alone."""

    name = NAME

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._service = calls.v1.payment_intents
        self._refunds = Refunds(calls)
        self._currencies = Remembered()

    def refuses(self, amount: int, currency: str) -> str | None:
        return refusal_of(amount, currency)

    def step(self, currency: str) -> int:
        return step_of(currency)

    async def create(self, order: Order, key: str) -> Intent:
        params = _creation(order)
        try:
            return await self._done(lambda options: self._service.create_async(params, options), key)
        except Refused as refused:
            if not refused.param.startswith(METHODS):
                raise
            _log.warning("stripe_methods_refused", reason=str(refused))
        plain = _authorising_all(params)
        return await self._done(lambda options: self._service.create_async(plain, options), f"{key}/manual")

    async def fetch(self, intent_id: str) -> Intent:
        answer = await self._calls.get(
            lambda options: self._service.retrieve_async(intent_id, {"expand": ["latest_charge"]}, options)
        )
        return await self._whole(answer)

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        counted = to_stripe(amount, await self._currency(intent_id))

        def send(options: RequestOptions) -> Awaitable[StripeObject]:
            return self._service.capture_async(
                intent_id, {"amount_to_capture": counted, "expand": ["latest_charge"]}, options
            )

        try:
            return await self._changed(intent_id, send, key, _CAPTURABLE)
        except Refused as refused:
            if refused.code not in _LAPSED:
                raise
        return await self.cancel(intent_id, f"{key}/lapsed")

    async def cancel(self, intent_id: str, key: str) -> Intent:
        def send(options: RequestOptions) -> Awaitable[StripeObject]:
            return self._service.cancel_async(intent_id, {"expand": ["latest_charge"]}, options)

        return await self._changed(intent_id, send, key, _CANCELLABLE)

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        counted = to_stripe(amount, await self._currency(intent_id))
        return await self._refunds.make(intent_id, counted, key)

    async def fetch_refund(self, refund_id: str) -> Refund:
        return await self._refunds.fetch(refund_id)

    async def recent(self, since_ms: int) -> list[Intent]:
        """Of money that went back within checkout sessions, too: their events name the intent as well."""
        recent = await recent_intents(self._calls, since_ms)
        gate = asyncio.Semaphore(AT_ONCE)
        names = await taken_back(self._calls, since_ms)
        back = await asyncio.gather(*(self._if_there(name, gate) for name in names))
        found = {intent.id: intent for intent in (*recent, *filter(None, back))}
        return list(found.values())

    async def with_disputes(self, found: PaymentIntent) -> Intent:
        """An intent as Stripe answered it, with its disputes, asked for only where there are any."""
        self._currencies[found.id] = found.currency
        if not found.is_disputed:
            return intent_of(found)
        disputes = await self._calls.get(
            lambda options: self._calls.v1.disputes.list_async(
                {"payment_intent": found.id, "limit": 100}, options
            )
        )
        return intent_of(found, disputes.read(ListedDisputes).data)

    # Inside.

    async def _if_there(self, intent_id: str, gate: asyncio.Semaphore) -> Intent | None:
        """An intent as it is now, None if it is another's or this key does not see it."""
        async with gate:
            try:
                intent = await self.fetch(intent_id)
            except Refused as refused:
                _log.warning("stripe_intent_refused", intent=intent_id, reason=str(refused))
                return None
        return intent if "payment" in intent.metadata else None

    async def _changed(
        self, intent_id: str, send: Send, key: str, possible: frozenset[IntentStatus]
    ) -> Intent:
        """The intent after a change that only some states allow; refused, it is answered as it is."""
        for turn in range(1, TURNS + 1):
            try:
                return await self._done(send, numbered(key, turn))
            except Refused as refused:
                intent = await self.fetch(intent_id)
                if intent.status not in possible:
                    return intent
                if not refused.replayed or turn == TURNS:
                    raise
        raise AssertionError("the last turn answers or raises")

    async def _done(self, send: Send, key: str) -> Intent:
        """What a call made of an intent; an old answer to the same key is not what it is now."""
        answer = await self._calls.post(send, key)
        if answer.replayed:
            return await self.fetch(answer.read(PaymentIntent).id)
        return await self._whole(answer)

    async def _whole(self, answer: Answer) -> Intent:
        return await self.with_disputes(answer.read(PaymentIntent))

    async def _currency(self, intent_id: str) -> str:
        return self._currencies.get(intent_id) or (await self.fetch(intent_id)).currency


def _creation(order: Order) -> PaymentIntentCreateParams:
    """The same for the same order: a key goes with its parameters."""
    return {
        "amount": to_stripe(order.amount, order.currency),
        "currency": order.currency,
        "capture_method": "automatic_async",
        "automatic_payment_methods": {"enabled": True},
        "payment_method_options": _authorise_first(),
        "description": title_of(order),
        "metadata": metadata_of(order),
    }


def _authorising_all(params: PaymentIntentCreateParams) -> PaymentIntentCreateParams:
    """Only the methods that authorise first, whichever these are in this account."""
    plain = params.copy()
    del plain["payment_method_options"]
    plain["capture_method"] = "manual"
    return plain


def title_of(order: Order) -> str:
    """What the buyer reads."""
    return order.title or f"Booking {order.reference}"


def metadata_of(order: Order) -> dict[str, str]:
    """What comes back with every event and list."""
    return {"payment": order.payment, "booking": order.booking, "reference": order.reference}


def _authorise_first() -> PaymentIntentCreateParamsPaymentMethodOptions:
    options = {method: {"capture_method": "manual"} for method in AUTHORISABLE}
    return cast("PaymentIntentCreateParamsPaymentMethodOptions", options)
