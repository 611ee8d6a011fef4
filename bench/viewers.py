"""Viewers of a map: what they send, and what they hold in the end, told from the frames that they got."""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack

from bench.watchers import Frame, Log, client_frame, handshake, sequences

PROTOCOL = "holdfast.v1.msgpack"


def request(port: int, *, deflate: bool = False) -> bytes:
    """A viewer's handshake."""
    return handshake(port, protocol=PROTOCOL, deflate=deflate)


def says(message: dict[str, Any]) -> bytes:
    """A message of a client as a frame."""
    return client_frame(msgpack.packb(message))


TOKEN = " " * 98
"""Stands for the token that a watcher got with its first welcome, which is as long (bench/c/watchers.c)."""


def joins(
    resource: str, position: tuple[str, int] | None = None, view: Any = None, *, token: str | None = None
) -> bytes:
    """Hello, and the map of a resource."""
    hello = {"type": "hello"} if token is None else {"type": "hello", "token": token}
    subscribe: dict[str, Any] = {"type": "subscribe", "ref": 1, "channel": f"availability:{resource}"}
    if position is not None:
        subscribe["position"] = list(position)
    if view is not None:
        subscribe["view"] = view
    return says(hello) + says(subscribe)


JOINED = 3
"""Frames until a viewer has its map: welcome, ok and the snapshot (or the delta)."""


@dataclass
class Replica:
    """What one client knows of a map, by the rules of docs/protocol.md."""

    epoch: str = ""
    version: int = 0
    available: "array[int]" = field(default_factory=lambda: array("B"))
    held: "array[int]" = field(default_factory=lambda: array("B"))
    gaps: int = 0

    def copy(self) -> "Replica":
        return Replica(self.epoch, self.version, self.available[:], self.held[:], self.gaps)

    def take(self, message: dict[str, Any]) -> None:
        """Apply what concerns the map."""
        if message["type"] == "snapshot":
            self.epoch, self.version = message["epoch"], message["version"]
            self.available = numbers(message["available"], message["width"])
            self.held = numbers(message["held"], message["width"])
        elif message["type"] == "delta" and message["epoch"] == self.epoch:
            self._moves(message["from"], message["to"], message["changes"])

    def _moves(self, since: int, to: int, changes: list[int]) -> None:
        if to <= self.version:
            return
        if since > self.version:
            self.gaps += 1
            return
        for at in range(0, len(changes), 3):
            self.available[changes[at]] = changes[at + 1]
            self.held[changes[at]] = changes[at + 2]
        self.version = to

    def shows_as(self, other: "Replica") -> bool:
        """Whether both show the same map without ever having missed anything."""
        same = (self.available, self.held, self.epoch) == (other.available, other.held, other.epoch)
        return same and not self.gaps and bool(self.available)


def numbers(packed: bytes, width: int) -> "array[int]":
    """Little-endian unsigned numbers of so many bytes."""
    found = array({1: "B", 2: "H", 4: "I"}[width], packed)
    if sys.byteorder == "big":
        found.byteswap()
    return found


@dataclass
class Story:
    """A log with each distinct frame's message."""

    log: Log
    messages: dict[int, dict[str, Any]]

    def told(self, watcher: int) -> Iterator[tuple[float, dict[str, Any]]]:
        """What concerns the map of all that this watcher got, and when."""
        for number, when in self.log.events.get(watcher, ()):
            if number > 0 and self.messages[number]["type"] in MAP:
                yield when, self.messages[number]

    def replica(self, watcher: int, start: Replica | None = None) -> Replica:
        """What this watcher holds in the end; `start` is what it began with, if not with nothing."""
        replica = start.copy() if start else Replica()
        for _, message in self.told(watcher):
            replica.take(message)
        return replica

    def wrong(self, watchers: range, truth: Replica, start: Replica | None = None) -> list[int]:
        """Those whose map is not the true one. A tale that many share is told once."""
        found = []
        judged: dict[tuple[int, ...], bool] = {}
        for frames, those in sequences(self.log, watchers).items():
            tale = tuple(number for number in frames if self.messages[number]["type"] in MAP)
            if tale not in judged:
                judged[tale] = self.replica(those[0], start).shows_as(truth)
            found += [] if judged[tale] else those
        return found


def unlike(replica: Replica, truth: Replica) -> str:
    """How a map differs from the true one, in a few words."""
    if not replica.available:
        return "has no map"
    seats = sum(
        one != other
        for one, other in zip(
            zip(replica.available, replica.held, strict=True),
            zip(truth.available, truth.held, strict=True),
            strict=False,
        )
    )
    behind = (truth.version - replica.version) / 1e6
    return f"{seats} seats differ, {behind:.3f} s behind, {replica.gaps} gaps"


MAP = frozenset({"snapshot", "delta"})


def story(log: Log) -> Story:
    """Decode each distinct frame."""
    return Story(log, {number: read(frame) for number, frame in log.frames.items()})


def read(frame: Frame) -> dict[str, Any]:
    """A frame's message."""
    message: dict[str, Any] = msgpack.unpackb(frame.payload)
    return message
