"""A small world for the hub: a truth that changes, a bus that loses things, readers that check."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgpack
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from channels.codec import Codec, Frame, little_endian, numbers
from channels.descriptor import NO_DESCRIPTOR
from channels.hub import Hub
from channels.replica import Change, State
from channels.upkeep import changes_channel


class Away(Exception):
    """Redis does not answer."""


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Truth:
    """One resource as Redis has it, with a log as long as `log_length`."""

    name: str = "hall"
    epoch: str = "e1"
    version: int = 100
    layout: int = 1
    width: int = 1
    first: int = 0
    slots: list[tuple[int, int]] = field(default_factory=lambda: [(1, 0)] * 12)
    sections: list[str] = field(default_factory=lambda: ["A"] * 4 + ["B"] * 4 + ["A"] * 2 + ["C"] * 2)
    log_length: int = 1000
    log: deque[Change] = field(default_factory=deque)

    def change(self, updates: Mapping[int, tuple[int, int]], *, step: int = 1) -> Change:
        """Give slots, by index, new numbers; the change as it is logged and published."""
        before = self.version
        self.version += step
        flat: list[int] = []
        for index in sorted(updates):
            self.slots[index - self.first] = updates[index]
            flat += (index, *updates[index])
        change = Change(before, self.version, flat)
        self.log.append(change)
        while len(self.log) > self.log_length:
            self.log.popleft()
        return change

    def reset(self, epoch: str, *, layout: int | None = None, step: int = 1) -> None:
        """Rebuilt under another epoch."""
        self.epoch = epoch
        self.version += step
        self.layout = layout or self.layout
        self.log.clear()

    def state(self) -> State:
        available = numbers(b"", self.width)
        held = numbers(b"", self.width)
        available.extend(slot[0] for slot in self.slots)
        held.extend(slot[1] for slot in self.slots)
        return State(
            epoch=self.epoch,
            version=self.version,
            layout=self.layout,
            width=self.width,
            first=self.first,
            count=len(self.slots),
            available=little_endian(available),
            held=little_endian(held),
        )

    def payload(self, change: Change) -> bytes:
        packed: bytes = msgpack.packb(
            [self.epoch, change.from_version, change.to_version, list(change.changes)]
        )
        return packed

    def since(self, version: int) -> list[Change] | None:
        if version == self.version:
            return []
        starts = [change.from_version for change in self.log]
        return list(self.log)[starts.index(version) :] if version in starts else None


class World:
    """Source, layouts and bus at once, over some truths. `away` makes every question fail.

    A truth that went back is built anew when it is asked for, unless `rebuilds` is False.
    """

    def __init__(self, *truths: Truth) -> None:
        self.truths = {truth.name: truth for truth in truths or (Truth(),)}
        self.handlers: dict[str, list[Callable[[bytes], None]]] = {}
        self.gap_callbacks: list[Callable[[], None]] = []
        self.healthy = True
        self.away = False
        self.reads = 0
        self.log_reads = 0
        self.checks = 0
        self.rebuilds = True
        self.went_back_from: list[tuple[str, int]] = []

    def _ask(self) -> None:
        if self.away:
            raise Away("no answer")

    async def read(self, resource_id: str) -> State:
        self.reads += 1
        await asyncio.sleep(0)
        self._ask()
        if resource_id not in self.truths:
            raise LookupError(resource_id)
        state = self.truths[resource_id].state()
        await asyncio.sleep(0)
        return state

    async def changes_since(self, resource_id: str, epoch: str, version: int) -> Sequence[Change] | None:
        self.log_reads += 1
        await asyncio.sleep(0)
        self._ask()
        truth = self.truths[resource_id]
        changes = truth.since(version) if epoch == truth.epoch else None
        await asyncio.sleep(0)
        return changes

    async def positions(self, resource_ids: Sequence[str]) -> dict[str, tuple[str, int] | None]:
        self.checks += 1
        self._ask()
        return {name: (self.truths[name].epoch, self.truths[name].version) for name in resource_ids}

    async def went_back(self, resource_id: str, epoch: str, version: int) -> None:
        self.went_back_from.append((epoch, version))
        await asyncio.sleep(0)
        if self.rebuilds:
            self.truths[resource_id].reset(f"{epoch}, anew")

    async def sections(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[str]:
        del layout, first, count
        await asyncio.sleep(0)
        return self.truths[resource_id].sections

    async def capacities(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[int]:
        del layout, first, count
        return [2] * len(self.truths[resource_id].slots)

    async def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> bool:
        self.handlers.setdefault(channel, []).append(handler)
        return True

    async def unsubscribe(self, channel: str, handler: Callable[[bytes], None]) -> None:
        self.handlers[channel].remove(handler)

    def on_gap(self, callback: Callable[[], None]) -> None:
        self.gap_callbacks.append(callback)

    def publish(self, payload: bytes, resource_id: str = "hall") -> None:
        for handler in list(self.handlers.get(changes_channel(resource_id), ())):
            handler(payload)

    def change(
        self, updates: Mapping[int, tuple[int, int]], resource_id: str = "hall", *, lost: bool = False
    ) -> None:
        """A change in Redis, published unless the bus loses it."""
        truth = self.truths[resource_id]
        payload = truth.payload(truth.change(updates))
        if not lost:
            self.publish(payload, resource_id)


class WebSocketReader:
    """websockets' client after a handshake; with deflate it would keep a context if the server used one."""

    def __init__(self, codec: Codec | None = None, *, deflates: bool = True) -> None:
        self._opcode = {None: None, Codec.JSON: Opcode.TEXT, Codec.MSGPACK: Opcode.BINARY}[codec]
        self._client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
        if deflates:
            self._client.extensions = [PerMessageDeflate(True, False, 15, 15)]

    def read(self, wire: bytes) -> bytes:
        """The payload of what must be one whole frame."""
        self._client.receive_data(wire)
        assert self._client.parser_exc is None
        (event,) = self._client.events_received()
        assert isinstance(event, WebSocketFrame)
        assert event.fin
        assert self._opcode in (None, event.opcode)
        return bytes(event.data)


class Reader:
    """A subscriber that applies what it is given as docs/protocol.md says, and is ready only when told to be.

    One that is `direct` is given whole frames, as a socket's transport is, and reads them as a client does.
    """

    def __init__(
        self,
        hub: Hub,
        codec: Codec = Codec.JSON,
        *,
        room: int = 1_000_000,
        direct: bool = False,
        deflates: bool = False,
    ) -> None:
        self.hub = hub
        self.codec = codec
        self.room = room
        self.frames: list[dict[str, Any]] = []
        self.seen: dict[str, Seen] = {}
        self.broken: list[str] = []
        self.closed_with: int | None = None
        self.deflates = deflates
        self.write: Callable[[bytes | memoryview], object] | None = self._write if direct else None
        self.descriptor = NO_DESCRIPTOR
        self.wires: list[bytes] = []
        self._client = WebSocketReader(codec, deflates=deflates)

    @property
    def ready(self) -> bool:
        return self.room > 0

    def push(self, frame: Frame) -> None:
        with self._noting():
            assert self.write is None
            assert frame.codec is self.codec
            self._take(frame.data)

    def _write(self, wire: bytes | memoryview) -> None:
        self.wires.append(bytes(wire))
        with self._noting():
            self._take(self._client.read(bytes(wire)))

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """The hub would only drop this reader."""
        try:
            yield
        except AssertionError as error:
            self.broken.append(str(error) or "what no client reads")

    def _take(self, data: bytes) -> None:
        assert self.ready, "not ready"
        self.room -= 1
        message = read(data, self.codec)
        self.frames.append(message)
        self.seen.setdefault(message["channel"], Seen()).take(message)

    def reads(self, frames: int = 1_000_000) -> None:
        """Make room for so many frames."""
        self.room += frames
        self.hub.ready(self)

    def close(self, code: int, *_: object, **_more: object) -> None:
        self.closed_with = code

    def types(self) -> list[str]:
        return [message["type"] for message in self.frames]


@dataclass
class Seen:
    """What one reader knows of one channel."""

    epoch: str = ""
    version: int = -1
    layout: int = 0
    sections: tuple[str, ...] | None = None
    numbers: dict[int, tuple[int, int]] = field(default_factory=dict)
    flat: list[tuple[int, int]] = field(default_factory=list)
    sums: dict[str, list[int]] | None = None
    view: tuple[str, ...] | str | None = ""

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self._snapshot(message)
        elif message["type"] == "delta":
            self._delta(message)
        else:
            assert message["type"] == "totals"
            self.epoch, self.version = message["epoch"], message["version"]
            self.sums = message["sections"]
            self.view = "totals"

    def _snapshot(self, message: dict[str, Any]) -> None:
        self.epoch, self.version = message["epoch"], message["version"]
        self.layout = message["layout"]
        names = message.get("sections")
        self.sections = None if names is None else tuple(names)
        self.flat = list(zip(message["available"], message["held"], strict=True))
        assert len(self.flat) == message["count"]
        self.numbers = {}
        self.sums = None
        self.view = self.sections

    def _delta(self, message: dict[str, Any]) -> None:
        assert message["epoch"] == self.epoch, "a delta of another epoch"
        if message["to"] <= self.version:
            return
        assert message["from"] <= self.version, f"a gap: {message['from']} after {self.version}"
        flat = message["changes"]
        indices = flat[0::3]
        assert indices == sorted(set(indices)), "changes ascend"
        for index, available, held in zip(indices, flat[1::3], flat[2::3], strict=True):
            self.numbers[index] = (available, held)
        self.version = message["to"]

    def of(self, truth: Truth) -> list[tuple[int, int]]:
        """The numbers this reader would draw, in index order."""
        places = [
            place
            for place, name in enumerate(truth.sections)
            if self.sections is None or name in self.sections
        ]
        drawn = dict(zip(places, self.flat, strict=True))
        for index, pair in self.numbers.items():
            assert index - truth.first in drawn, "a change outside the view"
            drawn[index - truth.first] = pair
        return [drawn[place] for place in places]


def read(data: bytes, codec: Codec) -> dict[str, Any]:
    """A server's payload as a reader shows it."""
    if codec is Codec.JSON:
        message: dict[str, Any] = json.loads(data)
        return message
    message = msgpack.unpackb(data)
    for name in ("available", "held"):
        if isinstance(message.get(name), bytes):
            message[name] = numbers(message[name], message["width"]).tolist()
    return message


def expected(truth: Truth, sections: Iterable[str] | None = None) -> list[tuple[int, int]]:
    """What a fresh snapshot of the truth says of these sections, or of all."""
    names = None if sections is None else set(sections)
    pairs = zip(truth.slots, truth.sections, strict=True)
    return [slot for slot, name in pairs if names is None or name in names]


def sums(truth: Truth) -> dict[str, list[int]]:
    """What fresh totals of the truth say."""
    found: dict[str, list[int]] = {}
    for (available, held), name in zip(truth.slots, truth.sections, strict=True):
        row = found.setdefault(name, [0, 0, 0])
        row[0] += available
        row[1] += held
        row[2] += 2
    return found
