"""One provider behind a circuit: while it is away nobody waits for it, and the next one takes over at once.

Of several providers each has a circuit of its own; which one is next is server.notices.deliveries' to say.
"""

from typing import Final

import structlog

from server.notices.channel import Message, Sender, Temporary
from server.times import Clock

FAILURES: Final = 3
OPEN_MS: Final = 15_000
OPEN_AT_MOST_MS: Final = 5 * 60_000

_log = structlog.get_logger(__name__)


class Away(Temporary):
    """The provider itself is in trouble, whoever the message is for."""


class Circuit:
    """A Sender that passes over its provider for a while after FAILURES in a row of being away.

    The while is OPEN_MS, twice as long each time that the try after it fails too, at most OPEN_AT_MOST_MS.
    """

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._failures = 0
        self._open_until = 0

    @property
    def name(self) -> str:
        """The provider's."""
        return self._sender.name

    @property
    def is_open(self) -> bool:
        """Whether the provider is passed over now."""
        return self._clock() < self._open_until

    async def send(self, message: Message) -> None:
        """Through the provider; Away at once while it is passed over."""
        rest = self._open_until - self._clock()
        if rest > 0:
            raise Away("the provider is away", retry_after=rest / 1000)
        try:
            await self._sender.send(message)
        except Away as error:
            self._failed(str(error))
            raise
        except Exception:
            self._failures = 0
            raise
        self._failures = 0

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            longer = min(self._failures - FAILURES, 8)
            self._open_until = self._clock() + min(OPEN_MS << longer, OPEN_AT_MOST_MS)
            _log.warning("notice_provider_away", provider=self.name, reason=reason)
