"""Refunds at Stripe: looked for before they are made. A key is forgotten after a day, a debt is not."""

from collections.abc import Awaitable
from typing import Final

from stripe import RequestOptions, StripeObject

from server.payments.provider import Refund
from server.payments.stripe.client import Calls
from server.payments.stripe.failures import Refused
from server.payments.stripe.objects import ListedRefunds, StripeRefund, refund_of

# A stored refusal (say, too little balance) is answered for a day: so many further keys ask anew.
TURNS: Final = 8


class Refunds:
    """Amounts in Stripe's units. Raises Unknown and Refused."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._service = calls.v1.refunds

    async def make(self, intent_id: str, amount: int, key: str) -> Refund:
        """The one refund of this key."""
        made = await self._made(intent_id, key)
        return made or await self._create(intent_id, amount, key)

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

    async def _create(self, intent_id: str, amount: int, key: str) -> Refund:
        def send(options: RequestOptions) -> Awaitable[StripeObject]:
            return self._service.create_async(
                {"payment_intent": intent_id, "amount": amount, "metadata": {"key": key}}, options
            )

        for turn in range(1, TURNS + 1):
            try:
                answer = await self._calls.post(send, key if turn == 1 else f"{key}/{turn}")
            except Refused as refused:
                if not refused.replayed or turn == TURNS:
                    raise
            else:
                found = answer.read(StripeRefund)
                return await self.fetch(found.id) if answer.replayed else refund_of(found)
        raise AssertionError("the last turn answers or raises")
