"""Everyone who watches: who follows which channel from where, and what keeps that true.

A channel's replica is loaded once for all its followers (upkeep.py), moved on by pub/sub, compared with
Redis each second (staleness.py), sent in ticks (fanout.py), and dropped some seconds after its last follower
left.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from channels.channel import UNSYNCED, Channel, Subscription
from channels.fanout import Fanout
from channels.protocol import SectionsView
from channels.protocol import View as ViewRequest
from channels.replica import Position, Replica
from channels.sender import Sender
from channels.source import ChannelError, Layouts, Source, Subscriber
from channels.staleness import Health, StalenessCheck
from channels.supervisor import stop, supervise
from channels.upkeep import Messages, Upkeep
from channels.views import Sections, key_of

LINGER_SECONDS = 10.0
"""How long a replica is kept after its last follower left."""

MAX_CHANNELS = 10_000
MAX_FOLLOWED = 100


class Bus(Messages, Health, Protocol):
    """What the hub needs of pubsub.Bus."""

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call back whenever messages may have been lost."""
        ...


class Hook(Protocol):
    """A kind of channel that is served outside the hub, such as `notifications:<user id>`."""

    async def subscribe(self, subscriber: Subscriber, name: str) -> None:
        """Follow; raise to refuse."""
        ...

    def unsubscribe(self, subscriber: Subscriber, name: str) -> None:
        """Follow no longer."""
        ...


class Hub:
    """All followed channels of this process. `clock` gives seconds and only needs to be monotonic."""

    def __init__(
        self,
        source: Source,
        layouts: Layouts,
        bus: Bus,
        *,
        hooks: Mapping[str, Hook] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sender: Sender | None = None,
    ) -> None:
        self._hooks = dict(hooks or {})
        self._clock = clock
        self._upkeeps: dict[str, Upkeep] = {}
        self._followed: dict[Subscriber, dict[str, Subscription | None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.fanout = Fanout(clock, self.drop, sender or Sender())
        self.staleness = StalenessCheck(source, bus, self._upkeeps, clock)
        self._gate = asyncio.Semaphore(16)
        self._source, self._layouts, self._bus = source, layouts, bus
        bus.on_gap(self.staleness.check_soon)

    async def start(self) -> None:
        """Begin to send and to check."""
        self._tasks = [
            asyncio.create_task(supervise("hub ticks", self.fanout.run)),
            asyncio.create_task(supervise("hub checks", self._check_for_ever)),
        ]

    async def close(self) -> None:
        """End; followers are told nothing."""
        for task in self._tasks:
            await stop(task)
        for name in list(self._upkeeps):
            await self._forget(name)

    @property
    def stale(self) -> bool:
        """Whether maps may be old, because Redis is away or a replica could not be repaired."""
        return self.staleness.stale_since is not None

    @property
    def resources(self) -> list[str]:
        """The resources followed here."""
        return list(self._upkeeps)

    def shown(self, resource_id: str) -> Replica | None:
        """A followed resource as it is shown here; None where that is not here, or known to be old."""
        upkeep = self._upkeeps.get(resource_id)
        if upkeep is None or self.stale or upkeep.busy or upkeep.channel.failed:
            return None
        return upkeep.channel.replica

    async def subscribe(
        self,
        subscriber: Subscriber,
        channel: str,
        position: Position | None = None,
        view: ViewRequest = None,
        *,
        answer: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow a channel. `answer` is called once that is sure, before any frame of it.

        Raises ChannelError, or what the source or a hook raises. Subscribing again replaces the view;
        another view than before gets a snapshot whatever the position. Not to be called after `drop`.
        """
        kind, _, name = channel.partition(":")
        channels = self._require_room(subscriber, channel)
        if kind in self._hooks:
            await self._hooks[kind].subscribe(subscriber, name)
            if self._followed.get(subscriber) is not channels:
                self._hooks[kind].unsubscribe(subscriber, name)
                return
            channels[channel] = None
            answer()
        elif kind == "availability" and name:
            upkeep = self._upkeep(name)
            version = await self._prepare(upkeep, position, view)
            if self._followed.get(subscriber) is channels:
                subscription = self._join(upkeep.channel, subscriber, view, version)
                answer()
                self.fanout.catch_up(subscription)
        else:
            raise ChannelError("not_found", "there is no such channel")

    def subscribe_at_once(
        self,
        subscriber: Subscriber,
        channel: str,
        position: Position | None,
        view: ViewRequest,
        *,
        answer: Callable[[], None],
    ) -> bool:
        """`subscribe` without a task; False, and nothing is done, where something has to be waited for."""
        kind, _, name = channel.partition(":")
        upkeep = self._upkeeps.get(name) if kind == "availability" else None
        if upkeep is None or not upkeep.has(position, sections=view is not None):
            return False
        self._require_room(subscriber, channel)
        if view is not None and upkeep.channel.sections is not None:
            _check_sections(upkeep.channel.sections, view)
        subscription = self._join(upkeep.channel, subscriber, view, upkeep.channel.resume(position))
        answer()
        self.fanout.catch_up(subscription)
        return True

    def _require_room(self, subscriber: Subscriber, channel: str) -> dict[str, Subscription | None]:
        channels = self._followed.setdefault(subscriber, {})
        if channel not in channels and len(channels) >= MAX_FOLLOWED:
            raise ChannelError("limit_exceeded", f"a connection follows at most {MAX_FOLLOWED} channels")
        return channels

    def _upkeep(self, resource_id: str) -> Upkeep:
        upkeep = self._upkeeps.get(resource_id)
        if upkeep is None:
            if len(self._upkeeps) >= MAX_CHANNELS:
                raise ChannelError("overloaded", "this server follows too many resources")
            upkeep = self._upkeeps[resource_id] = Upkeep(
                Channel(resource_id, self._clock()),
                self._source,
                self._layouts,
                self._bus,
                gate=self._gate,
                clock=self._clock,
                changed=self.fanout.mark,
            )
        return upkeep

    async def _prepare(self, upkeep: Upkeep, position: Position | None, view: ViewRequest) -> int:
        """Have what the view needs; the version to go on from. The channel is kept while this waits."""
        channel = upkeep.channel
        channel.awaited += 1
        try:
            await upkeep.load()
            if position is not None:
                await upkeep.reach_back(position)
            if view is not None:
                _check_sections(await upkeep.need_sections(), view)
            return channel.resume(position)
        finally:
            channel.awaited -= 1
            channel.idle_since = self._clock()
            if channel.replica is None and not channel.followed:
                await self._forget(channel.resource_id)

    def _join(
        self, channel: Channel, subscriber: Subscriber, view: ViewRequest, version: int
    ) -> Subscription:
        channels, now, key, name = self._followed[subscriber], self._clock(), key_of(view), channel.name
        before = channels.get(name)
        if before is not None:
            if before.version == UNSYNCED or before.group.view.key != key:
                version = UNSYNCED
            channel.leave(before, now)
        group = channel.group(key, now)
        channels[name] = subscription = Subscription(subscriber, group, version)
        group.join(subscription)
        return subscription

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Follow a channel no longer; one not followed is fine."""
        channels = self._followed.get(subscriber, {})
        if channel in channels:
            self._leave(subscriber, channel, channels.pop(channel))

    def drop(self, subscriber: Subscriber) -> None:
        """The subscriber is gone."""
        for channel, subscription in self._followed.pop(subscriber, {}).items():
            self._leave(subscriber, channel, subscription)

    def _leave(self, subscriber: Subscriber, channel: str, subscription: Subscription | None) -> None:
        kind, _, name = channel.partition(":")
        if subscription is None:
            self._hooks[kind].unsubscribe(subscriber, name)
        else:
            self._upkeeps[name].channel.leave(subscription, self._clock())

    def ready(self, subscriber: Subscriber) -> None:
        """The subscriber can take frames again: catch it up, the channel that waited longest first."""
        channels = self._followed.get(subscriber)
        if not channels:
            return
        for name, subscription in list(channels.items()):
            if subscriber.ready and subscription is not None and subscription.lags:
                channels[name] = channels.pop(name)
                self.fanout.catch_up(subscription)

    async def _check_for_ever(self) -> None:
        while True:
            await self.staleness.next_check()
            if not self.stale:
                await self.fanout.repeat([upkeep.channel for upkeep in self._upkeeps.values()])
            await self._forget_idle()

    async def _forget_idle(self) -> None:
        limit = self._clock() - LINGER_SECONDS
        for name, upkeep in list(self._upkeeps.items()):
            if not upkeep.channel.followed and upkeep.channel.idle_since <= limit:
                await self._forget(name)

    async def _forget(self, resource_id: str) -> None:
        upkeep = self._upkeeps.pop(resource_id, None)
        if upkeep is not None:
            await upkeep.close()


def _check_sections(sections: Sections, view: ViewRequest) -> None:
    if isinstance(view, SectionsView):
        unknown = [name for name in view.sections if name not in sections.runs]
        if unknown:
            raise ChannelError("not_found", f"there is no section {unknown[0]!r}")
