"""Refunds at Stripe: looked for before they are made. A key is forgotten after a day, a debt is not."""

from collections.abc import Awaitable
from typing import Final

from stripe import RequestOptions, StripeObject

from server.payments.provider import Refund
from server.payments.stripe.client import Answer, Calls, numbered
from server.payments.stripe.failures import Refused, Unknown
from server.payments.stripe.objects import ListedRefunds, StripeRefund, refund_of

# A stored failure (say, too little balance) is answered for a day: so many further keys ask anew.
TURNS: Final = 8


class Refunds:
    """Amounts in Stripe's units. Raises Unknown and Refused."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._service = calls.v1.refunds

    async def make(self, intent_id: str, amount: int, key: str) -> Refund:
        """The one refund of this key. Under the next key only what was looked for again and is not there."""

        def send(options: RequestOptions) -> Awaitable[StripeObject]:
            return self._service.create_async(
                {"payment_intent": intent_id, "amount": amount, "metadata": {"key": key}}, options
            )

        for turn in range(1, TURNS + 1):
            made = await self._made(intent_id, key)
            if made is not None:
                return made
            try:
                answer = await self._calls.post(send, numbered(key, turn), leaves_keys=False)
            except (Refused, Unknown) as failure:
                if not failure.replayed or turn == TURNS:
                    raise
            else:
                return await self._as_now(answer)
        raise AssertionError("the last turn answers or raises")

    async def fetch(self, refund_id: str) -> Refund:
        """A refund as it is now."""
        answer = await self._calls.get(lambda options: self._service.retrieve_async(refund_id, None, options))
        return refund_of(answer.read(StripeRefund))

    async def _made(self, intent_id: str, key: str) -> Refund | None:
        answer = await self._calls.get(
            lambda options: self._service.list_async({"payment_intent": intent_id, "limit": 100}, options)
        )
        for refund in answer.read(ListedRefunds).data:
            if (refund.metadata or {}).get("key") == key:
                return refund_of(refund)
        return None

    async def _as_now(self, answer: Answer) -> Refund:
        """An old answer to the same key is not what the refund is now."""
        found = answer.read(StripeRefund)
        return await self.fetch(found.id) if answer.replayed else refund_of(found)
