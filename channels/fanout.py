"""From moved replicas to frames in sockets, in ticks.

The first change after a quiet time goes out at once. Those that follow are merged for as long as it takes
to keep sending below its share of a core: between 20 and 500 ms, by what the last tick cost.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from channels.channel import GONE, Broadcast, Channel, Frames, Group, Subscription
from channels.frames import INTERNAL
from channels.sender import Sender
from channels.source import Subscriber

SHORTEST_TICK = 0.020
LONGEST_TICK = 0.500
SEND_SHARE = 0.4
"""The part of a core that sending may take before ticks get longer."""

REPEAT_SECONDS = 10.0
"""How long a group hears nothing before its position is said again."""

RETRY_SECONDS = 1.0
"""After how long a channel whose sending failed is sent again."""

YIELD_EVERY = 512
"""How many followers are served before it is seen whether others are to get their turn on the event loop."""

TURN_SECONDS = 0.020
"""How long sending goes on before they do: a turn may be hundreds of commands, for which the rest waits."""

_NEVER = GONE + 1
"""A version that nobody has, not even who is gone."""

_log = logging.getLogger("holdfast.hub")


def next_tick(cost: float) -> float:
    """How long to merge after a tick that took `cost` seconds of work, which the next will take too."""
    return min(LONGEST_TICK, max(SHORTEST_TICK, cost / SEND_SHARE - cost))


class Fanout:
    """Sends. `broken(subscriber)` is told of one whose push failed; times are seconds of `clock`."""

    def __init__(
        self, clock: Callable[[], float], broken: Callable[[Subscriber], None], sender: Sender
    ) -> None:
        self._clock = clock
        self._broken = broken
        self._sender = sender
        self._dirty: dict[Channel, None] = {}
        self._marked = asyncio.Event()
        self._turned = 0.0
        self.tick = SHORTEST_TICK
        self.frames_sent = 0

    def mark(self, channel: Channel) -> None:
        """The channel's replica moved."""
        self._dirty[channel] = None
        self._marked.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._marked.wait()
            cost = await self.send_news()
            self.tick = next_tick(cost)
            await asyncio.sleep(self.tick)

    async def send_news(self) -> float:
        """Send what changed since the last time; answers the seconds of work it took."""
        self._marked.clear()
        self._turned = time.perf_counter()
        dirty, self._dirty = self._dirty, {}
        cost = 0.0
        for channel in dirty:
            for group in list(channel.groups.values()):
                try:
                    cost += await self._send_group(group)
                except Exception:  # noqa: BLE001 - a fault in one group is no fault of the others
                    self._failed(channel)
        return cost

    async def _send_group(self, group: Group) -> float:
        started = time.perf_counter()
        news = group.news(self._clock())
        return time.perf_counter() - started + await self._broadcast(group, news)

    async def repeat(self, channels: Iterable[Channel]) -> None:
        """Quiet groups hear their position again; one that missed its tick gets another."""
        for channel in channels:
            for group in list(channel.groups.values()):
                if group.scanned != group.replica.version:
                    self.mark(channel)
                elif self._clock() - group.sent_at >= REPEAT_SECONDS:
                    try:
                        await self._broadcast(group, group.repeat(self._clock()))
                    except Exception:  # noqa: BLE001 - as above
                        self._failed(channel)

    def _failed(self, channel: Channel) -> None:
        """Whoever was not served lags, or its group has news still: both are seen to by another tick."""
        _log.critical("sending %s failed and is tried again", channel.name, exc_info=True)
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self.mark, channel)

    async def _broadcast(self, group: Group, news: Broadcast | None) -> float:
        """Give the shared frame to all who can take it; the seconds of work, without the others' turns.

        Without news, those who still lag on a new replica are caught up.
        """
        started, away = time.perf_counter(), 0.0
        replica = group.replica
        for variant, lane in list(group.lanes.items()):
            members = list(lane.values())
            parcel = None if news is None else variant.parcel(news.frames)
            for begin in range(0, len(members), YIELD_EVERY):
                if group.replica is not replica:
                    break
                self._serve(members[begin : begin + YIELD_EVERY], news, parcel)
                away += await self._let_others_work()
        return time.perf_counter() - started - away

    async def _let_others_work(self) -> float:
        """Give others a turn of the event loop if sending has gone on for long; answers its seconds."""
        before = time.perf_counter()
        if before - self._turned < TURN_SECONDS:
            return 0.0
        await asyncio.sleep(0)
        self._turned = time.perf_counter()
        return self._turned - before

    def _serve(self, members: Sequence[Subscription], news: Broadcast | None, parcel: Any) -> None:
        """Give the parcel to those it is for, if they are ready, and catch up those who lag.

        Whoever took the last one has that very `int` object as its version, so that for most `is` decides.
        """
        start, last, to = (_NEVER, _NEVER, _NEVER) if news is None else (news.start, news.last, news.to)
        served = [
            each
            for each in members
            if (each.version is start or start <= each.version <= last) and each.subscriber.ready
        ]
        if served:
            (self._write if served[0].variant.direct else self._give)(served, parcel)
        for each in served:  # now, so that whoever was not served lags, and is seen to by the next tick
            each.version = to
        if len(served) < len(members):
            for each in members:
                if each.version is not to and each.lags:
                    self.catch_up(each)
        self.frames_sent += len(served)

    def _write(self, served: Sequence[Subscription], wire: bytes) -> None:
        """One whole frame to each, past its transport, which holds nothing while its socket is ready.

        What a descriptor does not take, or refuses, its transport is given, and sees to it as to its own.
        """
        descriptors = [each.subscriber.descriptor for each in served]
        for place, rest in self._sender.send(descriptors, wire):
            self._give((served[place],), rest)

    def _give(self, served: Sequence[Subscription], parcel: Any) -> None:
        for each in served:
            try:
                each.send(parcel)
            except Exception:  # noqa: BLE001 - trying is free, and one must not end it for all
                self._broke(each)

    def catch_up(self, subscription: Subscription) -> None:
        """Bring one who lags to where shared frames are for it, as far as it can take frames now."""
        subscriber = subscription.subscriber
        while subscriber.ready and subscription.lags:
            frames, version = subscription.group.catch_up(
                subscription.version, self._clock(), resumes=subscription.fresh
            )
            subscription.version = version
            subscription.fresh = False
            self._send(subscription, frames)

    def _send(self, subscription: Subscription, frames: Frames) -> None:
        self.frames_sent += 1
        self._give((subscription,), subscription.variant.parcel(frames))

    def _broke(self, subscription: Subscription) -> None:
        _log.exception("a subscriber broke and is dropped")
        self._broken(subscription.subscriber)
        subscription.subscriber.close(INTERNAL, "internal error")
