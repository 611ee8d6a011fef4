"""What a connection answers to what it was told at once, in one write: of each the kernel takes its time.

Only one connection at a time is being told something, so that all of a server share one place for it.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Final

MOST: Final = 16 * 1024
"""Bytes that are copied into one write; what is longer than that goes out by itself, shared with others."""


class Together:
    """Answers to the transport whose turn it is, until its turn ends. Nothing of them waits any longer."""

    __slots__ = ("_held", "_size", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._held: list[bytes | memoryview] = []
        self._size = 0

    def begin(self, transport: asyncio.Transport) -> None:
        """It is told something; a turn that goes on around this one has had its say."""
        if self._held:
            self.flush()
        self._transport = transport

    def say(self, transport: asyncio.Transport, wire: bytes | memoryview) -> None:
        """Write, in its turn with what comes next."""
        if transport is not self._transport:
            transport.write(wire)
            return
        self._size += len(wire)
        if self._size <= MOST:
            self._held.append(wire)
        else:
            self.flush()
            transport.write(wire)

    def flush(self) -> None:
        """Write what is held: something is to follow that can't be said in the same write."""
        held, self._held = self._held, []
        self._size = 0
        if held and self._transport is not None:
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def end(self) -> None:
        """Its turn is over."""
        self.flush()
        self._transport = None


class Talker(asyncio.Protocol):
    """A protocol that answers so. `_received` is its `data_received`."""

    __slots__ = ()

    _transport: asyncio.Transport
    _together: Together

    def data_received(self, data: bytes) -> None:
        """It is this connection's turn."""
        self._together.begin(self._transport)
        try:
            self._received(data)
        finally:
            self._together.end()

    def say_together(self, work: Callable[[], None]) -> None:
        """It is this connection's turn, though nothing came: something was found out that it waits for."""
        self._together.begin(self._transport)
        try:
            work()
        finally:
            self._together.end()

    @abstractmethod
    def _received(self, data: bytes) -> None:
        """Something came."""

    def _say(self, wire: bytes | memoryview) -> None:
        self._together.say(self._transport, wire)

    def _say_last(self, wire: bytes) -> None:
        """Write at once what the connection is closed behind."""
        self._together.flush()
        self._transport.write(wire)
