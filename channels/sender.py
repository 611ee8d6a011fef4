"""One frame to many sockets: by one system call for all where the kernel lets us, else by one for each."""

import errno
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from channels.ring import Ring

FEW = 32
"""Below so many, a write for each costs no more than preparing one call for all."""

_log = logging.getLogger("holdfast.hub")


class Sender:
    """Sends through a ring while that is usable."""

    def __init__(self, ring: Ring | None = None) -> None:
        self._ring = ring

    @property
    def by_ring(self) -> bool:
        """Whether many are sent to by one system call."""
        return self._ring is not None and self._ring.usable

    def send(self, descriptors: Sequence[int], frame: bytes) -> list[tuple[int, bytes | memoryview]]:
        """Send it to each; no descriptor is there twice. Of those that did not take it whole: place and rest.

        Why one did not is for its transport to find out, which is to be given the rest.
        """
        if len(descriptors) >= FEW and self._ring is not None and self._ring.usable:
            short = self._ring.send(descriptors, frame)
        else:
            short = write_to_each(descriptors, frame)
        return [(place, memoryview(frame)[sent:] if sent > 0 else frame) for place, sent in short]

    def close(self) -> None:
        """Give the ring back; from then on each is written to."""
        if self._ring is not None:
            self._ring.close()


def write_to_each(descriptors: Sequence[int], frame: bytes) -> list[tuple[int, int]]:
    """The same by a system call for each."""
    size, write = len(frame), os.write
    short = []
    for place, descriptor in enumerate(descriptors):
        try:
            sent = write(descriptor, frame)
        except OSError as error:
            sent = -(error.errno or errno.EIO)
        if sent != size:
            short.append((place, sent))
    return short


def open_sender(*, by_ring: bool) -> Sender:
    """A sender for this process, by a ring if that is wanted and does what it is for; the log says which."""
    if not by_ring:
        return Sender()
    try:
        ring = Ring()
    except OSError as error:
        _log.info("io_uring is not to be had, each frame is a system call: %s", error)
        return Sender()
    try:
        fault = fault_of(ring)
    except RuntimeError as error:
        fault = str(error)
    if fault:
        ring.close()
        _log.error("io_uring is not what it was, each frame is a system call: %s", fault)
        return Sender()
    _log.info("a tick's frames go out by io_uring")
    return Sender(ring)


def fault_of(ring: Ring) -> str:
    """What it does otherwise than the fan-out needs, tried on sockets of our own; empty if nothing."""
    with _pair() as (reader, near), _pair() as (_, full), _pair() as (last_reader, last):
        with suppress(BlockingIOError):
            while True:
                full.send(bytes(1 << 16))
        short = sorted(ring.send([near.fileno(), -1, full.fileno(), last.fileno()], b"frame"))
        if short != [(1, -errno.EBADF), (2, -errno.EAGAIN)]:
            return f"of four sends {short} failed"
        for each in (reader, last_reader):
            with suppress(BlockingIOError):
                if each.recv(64) == b"frame":
                    continue
            return "what was sent did not arrive"
    return ""


@contextmanager
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other
