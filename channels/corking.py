"""Corking: everything answered while one read is handled goes out in one write, to save system calls.

Only one read is handled at a time, so that all connections of a server share one Cork.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Final

MOST: Final = 16 * 1024
"""Bytes that are copied into one write; a longer frame goes out by itself, without being copied."""


class Cork:
    """Collects writes to the one transport being served until its turn ends; nothing waits beyond that."""

    __slots__ = ("_size", "_transport", "_unwritten")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unwritten: list[bytes | memoryview] = []
        self._size = 0

    def begin(self, transport: asyncio.Transport) -> None:
        """Let a transport's turn begin; of one that goes on around it, all so far is written first."""
        if self._unwritten:
            self.flush()
        self._transport = transport

    def write(self, transport: asyncio.Transport, wire: bytes | memoryview) -> None:
        """Write at the end of the turn, with what else is written in it; outside its turn, at once."""
        if transport is not self._transport:
            transport.write(wire)
            return
        self._size += len(wire)
        if self._size <= MOST:
            self._unwritten.append(wire)
        else:
            self.flush()
            transport.write(wire)

    def flush(self) -> None:
        """Write what was collected: something is to follow that can't be in the same write."""
        unwritten, self._unwritten = self._unwritten, []
        self._size = 0
        if unwritten and self._transport is not None:
            self._transport.write(unwritten[0] if len(unwritten) == 1 else b"".join(unwritten))

    def end(self) -> None:
        """The turn is over."""
        self.flush()
        self._transport = None


class CorkedProtocol(asyncio.Protocol):
    """A protocol whose answers to one read are one write. `_received` is its `data_received`."""

    __slots__ = ()

    _transport: asyncio.Transport
    _cork: Cork

    def data_received(self, data: bytes) -> None:
        """Something was read: it is this connection's turn."""
        self._cork.begin(self._transport)
        try:
            self._received(data)
        finally:
            self._cork.end()

    def in_one_write(self, work: Callable[[], None]) -> None:
        """What this connection waited for is there: it is its turn, though nothing was read."""
        self._cork.begin(self._transport)
        try:
            work()
        finally:
            self._cork.end()

    @abstractmethod
    def _received(self, data: bytes) -> None:
        """Something came."""

    def _say(self, wire: bytes | memoryview) -> None:
        self._cork.write(self._transport, wire)

    def _say_last(self, wire: bytes) -> None:
        """Write at once what the connection is closed behind."""
        self._cork.flush()
        self._transport.write(wire)
