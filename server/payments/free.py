"""What costs nothing is paid at once: a provider that takes no money and keeps nothing."""

from server.payments.provider import Intent, Order, ProviderRefused, Refund


class Free:
    """Its intents are all in their ids: `free_<currency>_<payment>`."""

    name = "free"

    def refuses(self, amount: int, currency: str) -> str | None:  # noqa: ARG002  # nothing is nothing everywhere
        return "this has a price" if amount else None

    def step(self, currency: str) -> int:  # noqa: ARG002  # nothing is nothing everywhere
        return 1

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

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        raise ProviderRefused(f"nothing was paid by {intent_id}, so not {amount} either: {key}")

    async def fetch_refund(self, refund_id: str) -> Refund:
        raise ProviderRefused(f"there is no refund {refund_id}")

    async def recent(self, since_ms: int) -> list[Intent]:  # noqa: ARG002  # nothing ever changes
        return []
