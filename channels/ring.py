"""One frame to many sockets by one system call: Linux' io_uring.

An entry of the submission queue is one send(). `io_uring_enter` does all that are queued, one after the
other, and leaves a completion for each.

* Nothing is pending when it is back. With MSG_DONTWAIT a full socket fails with EAGAIN where it would else be
  waited for (REQ_F_NOWAIT in Linux' io_uring/net.c), and no entry asks for a worker (IOSQE_ASYNC). So the
  kernel reads a frame, and finds out whose a descriptor is, only while the event loop's thread stands in
  `send`: none can be closed and used anew between choosing it and sending. Completions are counted each time.
* All that the kernel reads and writes in the queues, it does inside our own system call, for no thread of its
  own polls them (IORING_SETUP_SQPOLL): the order of the program is the order of memory.
* There is room for twice as many completions as entries, and all are taken before the next call.
"""

import ctypes
import errno
import logging
import mmap
import os
from array import array
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Final

from channels.descriptor import NO_DESCRIPTOR
from channels.io_uring import (
    ADDR,
    COMPLETION,
    ENTRY,
    FD,
    LEN,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    NUMBER,
    OFF_ENTRIES,
    OFF_RINGS,
    OP_SEND,
    RES,
    SUBMIT_ALL,
    USER_DATA,
    Column,
    Parameters,
    enter,
    setup,
)

ENTRIES: Final = 512
"""Sends in one system call; a power of two."""

_PASSING: Final = frozenset({errno.EINTR, errno.EAGAIN, errno.EBUSY})
"""What the system call may answer now and not the next time."""

_WRAP: Final = 0xFFFFFFFF
"""Heads and tails are counted up for ever, in 32 bits."""

_log = logging.getLogger("holdfast.hub")


class Ring:
    """A queue of sends, of one process and one thread. Raises OSError where the kernel has none for us."""

    def __init__(self, entries: int = ENTRIES) -> None:
        parameters = Parameters(flags=SUBMIT_ALL)
        self._process = os.getpid()
        self._frame = b""
        self._opened = ExitStack()
        try:
            self._descriptor = setup(entries, parameters)
            self._opened.callback(os.close, self._descriptor)
            self._map(parameters)
        except BaseException:
            self._opened.close()
            raise
        self._open = True

    @property
    def usable(self) -> bool:
        """Whether it is open, and this the process that opened it: one forked from it shares the queues."""
        return self._open and self._process == os.getpid()

    def _map(self, parameters: Parameters) -> None:
        """See the queues, and each field that we use of their entries and completions, as arrays."""
        self._entries, completions = parameters.sq_entries, parameters.cq_entries
        submission, completion = parameters.sq_off, parameters.cq_off
        size = max(
            submission.array + self._entries * NUMBER.step,
            completion.completions + completions * COMPLETION.size,
        )
        rings = self._opened.enter_context(mmap.mmap(self._descriptor, size, offset=OFF_RINGS))
        size = self._entries * ENTRY.size
        sends = self._opened.enter_context(mmap.mmap(self._descriptor, size, offset=OFF_ENTRIES))
        flags = MSG_DONTWAIT | MSG_NOSIGNAL
        sends[:] = b"".join(
            ENTRY.pack(OP_SEND, 0, 0, NO_DESCRIPTOR, 0, 0, 0, flags, place) for place in range(self._entries)
        )

        def see(column: Column, where: mmap.mmap, begin: int, count: int = 1) -> memoryview:
            return self._opened.enter_context(column.of(where, begin, count))

        self._fd, self._addr, self._len = (see(each, sends, 0, self._entries) for each in (FD, ADDR, LEN))
        self._places = see(USER_DATA, rings, completion.completions, completions)
        self._results = see(RES, rings, completion.completions, completions)
        self._sq_head, self._sq_tail = (
            see(NUMBER, rings, submission.head),
            see(NUMBER, rings, submission.tail),
        )
        self._cq_head, self._cq_tail = (
            see(NUMBER, rings, completion.head),
            see(NUMBER, rings, completion.tail),
        )
        self._array = see(NUMBER, rings, submission.array, self._entries)
        self._order = array("I", [*range(self._entries), *range(self._entries)])

    def close(self) -> None:
        """Give everything back to the kernel."""
        self._open = False
        self._opened.close()

    def send(self, descriptors: Sequence[int], frame: bytes) -> list[tuple[int, int]]:
        """Send it to each. Of those that did not take all of it: the place, and bytes taken or -errno."""
        if frame is not self._frame:
            self._show(frame)
        size = len(frame)
        return [
            (begin + place, result)
            for begin in range(0, len(descriptors), self._entries)
            for place, result in self._send(descriptors[begin : begin + self._entries])
            if result != size
        ]

    def _show(self, frame: bytes) -> None:
        """Have all entries point at these bytes, which are kept until others take their place."""
        address = ctypes.cast(ctypes.c_char_p(frame), ctypes.c_void_p).value or 0
        self._addr[:] = array("Q", [address]) * self._entries
        self._len[:] = array("I", [len(frame)]) * self._entries
        self._frame = frame

    def _send(self, descriptors: Sequence[int]) -> Iterable[tuple[int, int]]:
        """Each place and what became of it. The n-th entry is the n-th place's, wherever the queue begins."""
        if not self._open:
            return [(place, -errno.EBADF) for place in range(len(descriptors))]
        count, tail = len(descriptors), self._sq_tail[0]
        self._fd[:count] = array("i", descriptors)
        begin = -tail % self._entries
        self._array[:] = self._order[begin : begin + self._entries]
        self._sq_tail[0] = (tail + count) & _WRAP
        submitted = self._enter(count)
        self._sq_tail[0] = self._sq_head[0]  # what the kernel did not take is withdrawn
        done = self._completed()
        if len(done) != submitted:
            self.close()
            raise RuntimeError(f"{len(done)} of {submitted} sends were done when io_uring_enter was back")
        return [*done, *((place, -errno.EAGAIN) for place in range(submitted, count))]

    def _enter(self, count: int) -> int:
        """How many entries were done. A refusal for good is said once: `usable` is false then."""
        try:
            return enter(self._descriptor, count)
        except OSError as error:
            if error.errno not in _PASSING:
                self._open = False
                _log.exception("io_uring is given up")
            return 0

    def _completed(self) -> list[tuple[int, int]]:
        """Take all completions from their queue: places and results."""
        head, tail = self._cq_head[0], self._cq_tail[0]
        begin, count = head % len(self._results), (tail - head) & _WRAP
        self._cq_head[0] = tail
        places, results = (
            column[begin : begin + count].tolist() + column[: max(0, begin + count - len(column))].tolist()
            for column in (self._places, self._results)
        )
        return list(zip(places, results, strict=True))
