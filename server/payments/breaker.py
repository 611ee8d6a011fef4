"""A circuit breaker: nobody waits for a provider that is away, one call at a time looks if it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

import structlog

from server.payments.provider import Intent, Order, Provider, ProviderUnavailable, Refund
from server.times import Clock, now_milliseconds

State = Literal["closed", "half_open", "open"]

FAILURES: Final = 5
OPEN_MS: Final = 10_000
# One call of ours, which may be several of the provider's.
SECONDS: Final = 12.0

Answered = TypeVar("Answered")

_log = structlog.get_logger(__name__)


class Circuit:
    """Closed while calls get answers; after `failures` in a row without one, open for `open_ms`.

    Then one call is let through at a time (half open): an answer closes it, even a refusal, and silence
    opens it anew. Several providers share one where they are one third party.
    """

    def __init__(
        self, name: str, *, failures: int = FAILURES, open_ms: int = OPEN_MS, clock: Clock = now_milliseconds
    ) -> None:
        self.name = name
        self._most = failures
        self._open_ms = open_ms
        self._clock = clock
        self._failures = 0
        self._open_until = 0
        self._probing = False

    @property
    def state(self) -> State:
        """What a call would meet now."""
        if self._failures < self._most:
            return "closed"
        return "open" if self._clock() < self._open_until else "half_open"

    async def call(self, work: Callable[[], Awaitable[Answered]], *, aside: bool = False) -> Answered:
        """The work's answer; ProviderUnavailable at once while the circuit is open.

        What takes long goes `aside`: half open it is let through beside the one that looks.
        """
        state = self.state
        if state == "closed" or (aside and state == "half_open"):
            return await self._watched(work)
        if state == "open" or self._probing:
            raise ProviderUnavailable(f"{self.name} is away, and is not asked for a moment")
        self._probing = True
        try:
            return await self._watched(work)
        finally:
            self._probing = False

    async def _watched(self, work: Callable[[], Awaitable[Answered]]) -> Answered:
        try:
            answer = await work()
        except ProviderUnavailable as error:
            if error.away:
                self._failed(error)
            else:
                self._answered()
            raise
        except Exception:
            self._answered()
            raise
        self._answered()
        return answer

    def _failed(self, error: ProviderUnavailable) -> None:
        self._failures += 1
        if self._failures >= self._most:
            self._open_until = self._clock() + self._open_ms
            if self._failures == self._most:
                _log.error("provider_away", provider=self.name, reason=str(error))

    def _answered(self) -> None:
        if self._failures >= self._most:
            _log.warning("provider_back", provider=self.name)
        self._failures = 0


class Guarded:
    """A Provider behind a circuit. It answers within `seconds` or is unavailable; `recent` may read on."""

    def __init__(self, provider: Provider, circuit: Circuit, *, seconds: float = SECONDS) -> None:
        self._provider = provider
        self._circuit = circuit
        self._seconds = seconds

    @property
    def name(self) -> str:
        return self._provider.name

    def refuses(self, amount: int, currency: str) -> str | None:
        return self._provider.refuses(amount, currency)

    def step(self, currency: str) -> int:
        return self._provider.step(currency)

    async def create(self, order: Order, key: str) -> Intent:
        return await self._in_time(lambda: self._provider.create(order, key))

    async def fetch(self, intent_id: str) -> Intent:
        return await self._in_time(lambda: self._provider.fetch(intent_id))

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        return await self._in_time(lambda: self._provider.capture(intent_id, amount, key))

    async def cancel(self, intent_id: str, key: str) -> Intent:
        return await self._in_time(lambda: self._provider.cancel(intent_id, key))

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        return await self._in_time(lambda: self._provider.refund(intent_id, amount, key))

    async def fetch_refund(self, refund_id: str) -> Refund:
        return await self._in_time(lambda: self._provider.fetch_refund(refund_id))

    async def recent(self, since_ms: int) -> list[Intent]:
        return await self._circuit.call(lambda: self._provider.recent(since_ms), aside=True)

    async def _in_time(self, work: Callable[[], Awaitable[Answered]]) -> Answered:
        async def timed() -> Answered:
            try:
                async with asyncio.timeout(self._seconds):
                    return await work()
            except TimeoutError:
                raise ProviderUnavailable("no answer in time") from None

        return await self._circuit.call(timed)
