"""What buyers' banks do in the sandbox's own tables: a third party of a third party."""

from typing import Any, Literal
from uuid import UUID

from tests.payments.house import House


class Bank:
    """`await bank.asks_back(payment)`, `await bank.decides("lost")`."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def asks_back(self, payment: UUID) -> None:
        """A dispute of a payment is opened."""
        intent = await self._intent(payment)
        await self._tell(intent, "update sandbox.intent set dispute = 'open' where id = $1")

    async def decides(self, payment: UUID, outcome: Literal["won", "lost"]) -> None:
        """It ends: lost, and the money is with the buyer again."""
        intent = await self._intent(payment)
        if outcome == "lost":
            await self.house.execute(
                """
                insert into sandbox.movement (intent_id, kind, amount, idempotency_key, made_at)
                select m.intent_id, 'reversal',
                  sum(case m.kind when 'capture' then m.amount else -m.amount end), 'bank:' || $1, now()
                from sandbox.movement m where m.intent_id = $1 group by m.intent_id
                """,
                intent,
            )
        await self._tell(intent, f"update sandbox.intent set dispute = '{outcome}' where id = $1")

    async def _intent(self, payment: UUID) -> Any:
        return await self.house.value("select provider_id from payment where id = $1", payment)

    async def _tell(self, intent: str, query: str) -> None:
        await self.house.execute(query, intent)
        await self.house.execute(
            "insert into sandbox.event (id, intent_id, kind, created_at, due_at)"
            " values (gen_random_uuid()::text, $1, 'intent.disputed', now(), now())",
            intent,
        )
        await self.house.execute("update sandbox.intent set updated_at = now() where id = $1", intent)
        await self.house.office.loops_run()
