"""What costs nothing is paid at once: a provider that takes no money and keeps nothing."""

from server.payments.provider import Intent, Order, ProviderRefused


class Free:
    """Its intents are all in their ids: `free_<currency>_<payment>`."""

    name = "free"

    async def create(self, order: Order, key: str) -> Intent:  # noqa: ARG002  # nothing is kept to repeat
        if order.amount:
            raise ProviderRefused("this has a price")
        return await self.fetch(f"free_{order.currency}_{order.payment}")

    async def fetch(self, intent_id: str) -> Intent:
        currency = intent_id.split("_")[1]
        return Intent(id=intent_id, status="captured", amount=0, currency=currency)

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:  # noqa: ARG002  # nothing to take
        return await self.fetch(intent_id)

    async def cancel(self, intent_id: str, key: str) -> Intent:  # noqa: ARG002  # nothing to stop
        return await self.fetch(intent_id)

    async def refund(self, intent_id: str, amount: int, key: str) -> str:
        raise ProviderRefused(f"nothing was paid by {intent_id}, so not {amount} either: {key}")

    async def recent(self, since_ms: int) -> list[Intent]:  # noqa: ARG002  # nothing ever changes
        return []
