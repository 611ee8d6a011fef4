"""Sends what waits to go outside: each message by the first provider of its channel that takes it.

Written down first, sent then: what a crash interrupts is sent again after its lease, with the same key, by
which whoever delivers it knows that it is the same. Each channel has a loop and places of its own, and nobody
has more than a few of them, so that one that hangs keeps no other waiting.
"""

import asyncio
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from server.database.pool import Database
from server.errors import Unavailable
from server.notices import delivery_store
from server.notices.channel import Channel, Message, Permanent, Sender, Temporary
from server.notices.delivery_store import Outgoing
from server.notices.digests import digest
from server.notices.places import Candidate, Places
from server.times import Clock
from server.worker import Worker

AT_ONCE: Final = 16
SEND_SECONDS: Final = 20.0
REST_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 1.0

_MINUTE, _HOUR = 60, 3600
# How long after each try comes the next (seconds); after the last it is a dead letter. A system that is being
# repaired has three days, the schedule of Standard Webhooks; a mail of yesterday is of little use.
RETRIES: Final[Mapping[Channel, Sequence[int]]] = {
    "webhook": (5, 5 * _MINUTE, 30 * _MINUTE, *(_HOUR * hours for hours in (2, 5, 10, 14, 20, 24))),
    **dict.fromkeys(
        ("email", "sms", "push"),
        (2, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, *(_HOUR * hours for hours in (1, 2, 4, 8, 8))),
    ),
}

Running = dict[asyncio.Task[None], Candidate]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tried:
    """What became of the providers that did not take a message."""

    provider: str = ""
    reason: str = "nobody serves this channel"
    soonest: float = 0.0


class Deliveries:
    """`workers` for ever; `senders` has each channel's providers, the preferred one first."""

    def __init__(self, database: Database, senders: Mapping[Channel, Sequence[Sender]], clock: Clock) -> None:
        self._loops = [_Loop(database, channel, tuple(each), clock) for channel, each in senders.items()]

    @property
    def workers(self) -> list[Worker]:
        """One loop for each channel."""
        return [loop.worker for loop in self._loops]

    def wake(self) -> None:
        """Something is to go out."""
        for loop in self._loops:
            loop.wake()


class _Loop:
    def __init__(self, database: Database, channel: Channel, senders: Sequence[Sender], clock: Clock) -> None:
        self._database = database
        self._channel = channel
        self._senders = senders
        self._clock = clock
        self._resting: dict[str, float] = {}
        self._news = asyncio.Event()
        self._lease_ms = int(1000 * SEND_SECONDS * (len(senders) + 1))
        self.worker = Worker(f"notices.{channel}", self.work, idle=IDLE_SECONDS)

    def wake(self) -> None:
        """Something may be due."""
        self._news.set()
        self.worker.wake()

    async def work(self) -> float:
        """All that is due; seconds until the next is."""
        following = await self._next_due()
        if following is not None and following <= self._clock():
            await self._deliver_due()
            following = await self._next_due()
        return IDLE_SECONDS if following is None else max((following - self._clock()) / 1000, 0.0)

    async def _next_due(self) -> int | None:
        async with self._database.connection() as connection:
            return await delivery_store.next_due(connection, self._channel)

    async def _deliver_due(self) -> None:
        """Who waits for a slow provider keeps nobody waiting."""
        running: Running = {}
        places = Places(AT_ONCE)
        try:
            while await self._take(running, places) or running:
                await self._one_done_or_news(running)
                for task in [task for task in running if task.done()]:
                    places.leave(running.pop(task))
                    task.result()
        finally:
            await _finish(running)

    async def _take(self, running: Running, places: Places) -> bool:
        self._news.clear()
        if running and places.room < AT_ONCE // 4:
            return False
        before = len(running)
        # Each look passes over those who have all of their places by then; one that is not full was the last.
        while (room := places.room) and await self._look(running, places) == room:
            pass
        return len(running) > before

    async def _look(self, running: Running, places: Places) -> int:
        """Begin what may go out; how many were looked at."""
        now = self._clock()
        async with self._database.transaction() as connection:
            candidates = await delivery_store.candidates(connection, self._channel, now, places)
            chosen = {each.id: each for each in places.choose(candidates)}
            found = await delivery_store.take(connection, list(chosen), now + self._lease_ms)
        for each in found:
            running[asyncio.create_task(self._deliver(each))] = chosen[each.id]
        return len(candidates)

    async def _one_done_or_news(self, running: Collection[asyncio.Task[None]]) -> None:
        news = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({news, *running}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    async def _deliver(self, outgoing: Outgoing) -> None:
        try:
            await self._send_and_record(outgoing)
        except Unavailable as error:
            _log.warning("delivery_not_recorded", delivery=str(outgoing.id), reason=error.detail)
        except Exception:  # noqa: BLE001  # its lease runs out, and it is sent again; the others know nothing of it
            _log.exception("delivery_not_recorded", delivery=str(outgoing.id))

    async def _send_and_record(self, outgoing: Outgoing) -> None:
        message, tried = digest(outgoing.messages), Tried()
        try:
            provider = await self._send(message, tried)
        except Permanent as refused:
            await self._refused(outgoing, refused, tried)
        else:
            if provider is None:
                await self._later(outgoing, tried)
            else:
                await self._end(outgoing.id, "sent", provider, None)

    async def _send(self, message: Message, tried: Tried) -> str | None:
        """By whom it went out; None if nobody could take it now."""
        for sender in self._in_order():
            tried.provider = sender.name
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await sender.send(message)
            except Permanent:
                raise
            except Temporary as error:
                self._note(tried, sender, str(error), error.retry_after)
            except TimeoutError:
                self._note(tried, sender, f"no answer in {SEND_SECONDS:g} s", None)
            except Exception as error:  # noqa: BLE001  # a sender's fault is one more reason to try the next
                _log.exception("sender_failed", sender=sender.name)
                self._note(tried, sender, repr(error), None)
            else:
                self._resting.pop(sender.name, None)
                return sender.name
        return None

    def _in_order(self) -> list[Sender]:
        """Whoever could not take anything a moment ago is passed over while there is another."""
        now = time.monotonic()
        rested = [sender for sender in self._senders if self._resting.get(sender.name, 0.0) <= now]
        return rested or list(self._senders)

    def _note(self, tried: Tried, sender: Sender, reason: str, retry_after: float | None) -> None:
        tried.reason = f"{sender.name}: {reason}"
        pause = REST_SECONDS if retry_after is None else retry_after
        tried.soonest = min(tried.soonest or pause, pause)
        if len(self._senders) > 1:
            self._resting[sender.name] = time.monotonic() + pause

    async def _later(self, outgoing: Outgoing, tried: Tried) -> None:
        schedule = RETRIES[self._channel]
        if outgoing.attempts > len(schedule):
            await self._give_up(outgoing, tried.reason, tried.provider)
            return
        pause = schedule[outgoing.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311  # spreads, hides nothing
        again = self._clock() + int(1000 * max(pause, tried.soonest if len(self._senders) == 1 else 0.0))
        _log.warning(
            "delivery_postponed", delivery=str(outgoing.id), channel=self._channel, reason=tried.reason
        )
        async with self._database.connection() as connection:
            await delivery_store.later(connection, outgoing.id, again, tried.reason)

    async def _refused(self, outgoing: Outgoing, refused: Permanent, tried: Tried) -> None:
        if refused.gone:
            await self._end(outgoing.id, "dropped", tried.provider, str(refused))
        else:
            await self._give_up(outgoing, str(refused), tried.provider)

    async def _give_up(self, outgoing: Outgoing, reason: str, provider: str) -> None:
        _log.error("delivery_dead", delivery=str(outgoing.id), channel=self._channel, reason=reason)
        async with self._database.connection() as connection:
            await delivery_store.give_up(connection, outgoing.id, self._clock(), reason, provider)

    async def _end(
        self, leader: UUID, state: delivery_store.Ended, provider: str, reason: str | None
    ) -> None:
        now = self._clock()
        async with self._database.connection() as connection:
            await delivery_store.end(connection, leader, now, state, provider=provider, reason=reason)


async def _finish(running: Collection[asyncio.Task[None]]) -> None:
    """What is on its way arrives, and is written down; unless we are told once more to end (`stop` does)."""
    try:
        if running:
            await asyncio.wait(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
