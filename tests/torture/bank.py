"""The buyers' bank: it asks for the money of some payments, and has decided about all of it in the end."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

import asyncpg

from server.errors import HoldfastError
from tests.fake_stripe import FakeStripe
from tests.fake_stripe.core.refusal import Refused
from tests.torture.stage import Stage
from tests.torture.street import seeded

PAUSE: Final = (0.1, 0.6)
FOUND_SECONDS: Final = 60.0
UNKNOWN: Final = """
select count(*) from payment where coalesce(inner_id, provider_id) = any($1::text[])
  and (status = 'disputed' or (status <> 'refunded' and coalesce(inner_id, provider_id) = any($2::text[])))
"""
FIRST: Final = "select b.id::text from booking b where b.id = $1::uuid and b.change_of is null"


class Bank:
    """Beside a play on a stage with a Stripe; on one without it does nothing."""

    def __init__(self, stage: Stage, stripe: FakeStripe, chance: random.Random) -> None:
        self._stage = stage
        self._stripe = stripe
        self._chance = chance
        self._open: list[str] = []
        self._asked: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def beside(cls, stage: Stage, until: float) -> AsyncIterator[None]:
        """Ask for money until then; all is decided when the context ends."""
        if stage.street.stripe is None:
            yield
            return
        bank = cls(stage, stage.street.stripe, seeded(stage.torture.seed, "bank"))
        async with stage.beside(bank._works(until)):
            yield
        while bank._open:
            bank._decides()
        await bank._is_believed()
        stage.torture.claims("payments disputed", len(bank._asked))

    async def _works(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(*PAUSE))
            with suppress(HoldfastError, OSError, asyncpg.PostgresError, Refused):
                await self._asks()
            if self._open and self._chance.random() < 0.5:
                self._decides()

    async def _asks(self) -> None:
        """Of a booking that was not paid for a change: only those are known by their intent."""
        ledger = self._stripe.ledger
        taken = [name for name in ledger if ledger[name].captured > ledger[name].refunded]
        among = sorted(set(taken) - self._asked)
        if not among:
            return
        intent = self._chance.choice(among)
        async with self._stage.street.database.connection() as connection:
            booking = await connection.fetchval(FIRST, ledger[intent].metadata["booking"])
        if booking is not None:
            with self._stage.recorder.operation("bank", "dispute", booking=booking) as pending:
                self._open.append(self._stripe.dashboard.dispute(intent))
                self._asked.add(intent)
                pending.ok()

    async def _is_believed(self) -> None:
        """Wait until all is known that it decided, also what no webhook told of: it is asked for."""
        began = time.monotonic()
        while unknown := await self._unknown():
            if time.monotonic() - began > FOUND_SECONDS:
                text = f"{unknown} disputes are not known {FOUND_SECONDS:.0f} s after the bank decided"
                self._stage.torture.breaks("I4", text)
                return
            await asyncio.sleep(0.5)
        took = time.monotonic() - began
        self._stage.torture.figure("every dispute is known", f"{took:.1f} s", n=len(self._asked))

    async def _unknown(self) -> int:
        ledger = self._stripe.ledger
        lost = [intent for intent in self._asked if ledger[intent].reversed]
        try:
            async with self._stage.street.database.connection() as connection:
                return int(await connection.fetchval(UNKNOWN, sorted(self._asked), lost))
        except (HoldfastError, OSError, asyncpg.PostgresError):
            return len(self._asked)

    def _decides(self) -> None:
        dispute = self._open.pop(self._chance.randrange(len(self._open)))
        outcomes: tuple[Literal["won", "lost"], ...] = ("won", "lost")
        self._stripe.dashboard.close_dispute(dispute, self._chance.choice(outcomes))
