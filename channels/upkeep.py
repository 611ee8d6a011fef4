"""How one channel's replica is loaded and kept true.

Pub/sub moves it on. Whatever does not fit (a gap, another epoch, a message that makes no sense) is repaired
here, once for the whole process: by the log, else by reading everything and comparing, which clients see as
an ordinary delta; only another epoch or layout gives them snapshots. What a Redis says that went back in time
is taken by nobody: it has to be built anew, under another epoch, and until then the map is stale.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from channels.channel import Channel
from channels.pubsub import Handler
from channels.replica import Change, Outcome, Position, Replica, State, difference
from channels.source import Layouts, Source
from channels.supervisor import stop
from channels.views import Sections

MAX_BUFFERED = 10_000
_ATTEMPTS = 3
_MAX_BACKFILLS = 20

_log = logging.getLogger("holdfast.hub")


class Messages(Protocol):
    """The part of the bus that a channel needs."""

    async def subscribe(self, channel: str, handler: Handler) -> bool:
        """Hear a channel of Redis."""
        ...

    async def unsubscribe(self, channel: str, handler: Handler) -> None:
        """Hear it no more."""
        ...


class Message(msgspec.Struct, array_like=True, frozen=True):
    """What a resource's pub/sub channel says; without changes, everything must be read again."""

    epoch: str
    from_version: int
    to_version: int
    changes: list[int] | None

    @classmethod
    def of(cls, payload: bytes) -> "Message":
        """Read `[epoch, from, to, changes or null]`; raise ValueError for anything else."""
        return _MESSAGE.decode(payload)


_MESSAGE = msgspec.msgpack.Decoder(Message)


def changes_channel(resource_id: str) -> str:
    """Where Redis publishes a resource's changes: `[epoch, from, to, changes]`, None for a reset."""
    return f"holdfast:{{{resource_id}}}:changes"


class Upkeep:
    """One channel's loading and repairing; at most one of either runs at a time.

    While it runs, what pub/sub brings waits in a buffer; a full buffer is emptied, which the next message
    shows as a gap. `gate` bounds how many run in the process; `changed(channel)` is called whenever a
    replica moved.
    """

    def __init__(
        self,
        channel: Channel,
        source: Source,
        layouts: Layouts,
        bus: Messages,
        *,
        gate: asyncio.Semaphore,
        clock: Callable[[], float],
        changed: Callable[[Channel], None],
    ) -> None:
        self.channel = channel
        self._source = source
        self._layouts = layouts
        self._bus = bus
        self._gate = gate
        self._clock = clock
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._buffer: list[Message] | None = None
        self._listening = False
        self._log_reader = LogReader(channel, source, clock)

    @property
    def busy(self) -> bool:
        """Whether it is loading or repairing."""
        return self._task is not None

    def has(self, position: Position | None, *, sections: bool) -> bool:
        """Whether what a follower from this position needs is here, and the sections if it asks for them."""
        if self.channel.replica is None or (sections and self.channel.sections is None):
            return False
        return position is None or not self._log_reader.is_before(position)

    async def load(self) -> None:
        """Have a replica; raise what the source raises. All who wait share one reading."""
        if self.channel.replica is None:
            task = self._task or self._start(self._load())
            await asyncio.wait([task])
            task.result()

    async def _load(self) -> None:
        if not self._listening:
            self._listening = True
            await self._bus.subscribe(changes_channel(self.channel.resource_id), self.heard)
        await self._synchronise()

    def repair(self) -> None:
        """Make the replica true again, in the background."""
        if self._task is None and self.channel.replica is not None:
            self._start(self._repair())

    async def _repair(self) -> None:
        try:
            await self._synchronise()
        except Exception as error:  # noqa: BLE001 - whatever the source says, the next check tries again
            self.channel.failed = True
            reason = str(error) or type(error).__name__
            _log.warning("%s could not be repaired: %s", self.channel.name, reason)

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        self._buffer = []
        self._task = asyncio.create_task(self._run(work))
        self._task.add_done_callback(_retrieve)
        return self._task

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._task = None
            self._buffer = None

    async def close(self) -> None:
        """Stop, and hear the resource's changes no more."""
        await stop(self._task)
        if self._listening:
            await self._bus.unsubscribe(changes_channel(self.channel.resource_id), self.heard)

    def heard(self, payload: bytes) -> None:
        """A message of the resource's pub/sub channel."""
        try:
            message = Message.of(payload)
        except ValueError:
            _log.exception("%s heard what is no change", self.channel.name)
            self.repair()
            return
        if self._buffer is not None:
            if len(self._buffer) >= MAX_BUFFERED:
                self._buffer.clear()
            self._buffer.append(message)
        elif self.channel.replica is not None and not self._follow(message):
            self.repair()

    def _follow(self, message: Message) -> bool:
        """Take one message; False if the replica must be repaired."""
        replica = self.channel.current
        if message.epoch != replica.epoch:
            return False
        if message.changes is None:
            return message.to_version <= replica.version
        now = self._clock()
        return self._moved(replica.move(message.from_version, message.to_version, message.changes, now))

    def _apply(self, change: Change) -> bool:
        return self._moved(self.channel.current.apply(change, self._clock()))

    def _moved(self, outcome: Outcome) -> bool:
        if outcome is Outcome.APPLIED:
            self._changed(self.channel)
        return outcome is not Outcome.GAP

    async def _synchronise(self) -> None:
        """Fetch, then follow what was said meanwhile, until nothing is missing."""
        for _ in range(_ATTEMPTS):
            async with self._gate:
                await self._fetch()
            buffered, self._buffer = self._buffer or [], []
            if all(self._follow(message) for message in buffered):
                self.channel.failed = False
                return
        raise ConnectionError("changes come faster than they can be followed")

    async def _fetch(self) -> None:
        channel = self.channel
        if channel.replica is not None:
            epoch, version = channel.position
            known = await self._source.changes_since(channel.resource_id, epoch, version)
            if known and all(self._apply(change) for change in known):
                return
        state = await self._read()
        sections = None
        if any(key is not None for key in channel.groups):
            sections = await self._sections_of(state)
        self._adopt(state, sections)

    async def _read(self) -> State:
        channel = self.channel
        state = await self._source.read(channel.resource_id)
        if self._is_older(state):
            channel.failed = True
            await self._source.went_back(channel.resource_id, *channel.position)
            state = await self._source.read(channel.resource_id)
            if self._is_older(state):
                raise ConnectionError("it went back in time, and is not built anew yet")
        return state

    def _is_older(self, state: State) -> bool:
        replica = self.channel.replica
        return replica is not None and state.epoch == replica.epoch and state.version < replica.version

    def _adopt(self, state: State, sections: Sections | None) -> None:
        """What was read becomes the replica's next change if it can be one, else its new beginning."""
        replica = self.channel.replica
        old = None if replica is None else replica.state()
        if old is not None and old.shape == state.shape and state.version > old.version:
            self._apply(Change(old.version, state.version, difference(old, state)))
        elif old != state:
            self.channel.replace(state, sections, self._clock())
            self._changed(self.channel)

    async def _sections_of(self, shown: State | Replica) -> Sections:
        slots = (self.channel.resource_id, shown.layout, shown.first, shown.count)
        return Sections(await self._layouts.sections(*slots), await self._layouts.capacities(*slots))

    async def need_sections(self) -> Sections:
        """The sections of the replica's layout, kept with it."""
        channel = self.channel
        while channel.sections is None:
            replica = channel.current
            sections = await self._sections_of(replica)
            if channel.replica is replica:
                channel.sections = sections
        return channel.sections

    async def reach_back(self, position: Position) -> None:
        """Make a position older than the replica known, if Redis' log still knows it."""
        await self._log_reader.reach_back(position)


class LogReader:
    """Lets clients resume from before this process read the resource; asks little, whatever they claim."""

    def __init__(self, channel: Channel, source: Source, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._source = source
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._replica: Replica | None = None
        self._unreachable = -1
        self._asked = 0

    def is_before(self, position: Position) -> bool:
        """Whether the position is older than what the replica knows of its own past."""
        epoch, version = position
        current = self._channel.current
        return epoch == current.epoch and version < current.history.floor

    async def reach_back(self, position: Position) -> None:
        """Extend the replica's history to the position, if the log has it."""
        epoch, version = position
        if not self.is_before(position):
            return  # without waiting for others, who may be ten thousand
        async with self._one_at_a_time:
            replica = self._channel.current
            if replica is not self._replica:
                self._replica, self._unreachable, self._asked = replica, -1, 0
            older = self._unreachable < version < replica.history.floor
            if epoch != replica.epoch or not older or self._asked >= _MAX_BACKFILLS:
                return
            self._asked += 1
            try:
                changes = await self._source.changes_since(self._channel.resource_id, epoch, version)
            except Exception as error:  # noqa: BLE001 - without the log the client gets a snapshot
                _log.warning("%s: no log: %s", self._channel.name, str(error) or type(error).__name__)
                return
            if not replica.extend_back(changes or (), self._clock()):
                self._unreachable = version


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Whoever waits for a load is told its error; nobody waiting is no error of its own."""
    if not task.cancelled():
        task.exception()
