"""What Linux' include/uapi/linux/io_uring.h says, as far as sending needs it, and its two system calls."""

import ctypes
import errno
import mmap
import os
import platform
import sys
from struct import Struct
from typing import Final, Literal, NamedTuple

SUBMIT_ALL: Final = 1 << 7
"""IORING_SETUP_SUBMIT_ALL: an entry that fails stops none behind it. Linux before 5.18 answers EINVAL."""

OFF_RINGS: Final = 0
"""IORING_OFF_SQ_RING: where both queues are mapped (IORING_FEAT_SINGLE_MMAP, since 5.4)."""

OFF_ENTRIES: Final = 0x10000000
"""IORING_OFF_SQES."""

OP_SEND: Final = 26
"""IORING_OP_SEND."""

MSG_DONTWAIT: Final = 0x40
MSG_NOSIGNAL: Final = 0x4000

_SETUP: Final = 425
_ENTER: Final = 426
_MACHINES: Final = frozenset({"x86_64", "aarch64"})
"""Where the system calls have those numbers for certain (asm-generic/unistd.h, syscall_64.tbl)."""


class _Offsets(ctypes.Structure):
    """Where the parts of a queue are in its mapping, in bytes."""

    head: int
    tail: int
    mask: int
    entries: int


class SubmissionOffsets(_Offsets):
    """struct io_sqring_offsets."""

    array: int
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("head", "tail", "mask", "entries")),
        *((name, ctypes.c_uint32) for name in ("flags", "dropped", "array", "reserved1")),
        ("reserved2", ctypes.c_uint64),
    )


class CompletionOffsets(_Offsets):
    """struct io_cqring_offsets."""

    completions: int
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("head", "tail", "mask", "entries")),
        *((name, ctypes.c_uint32) for name in ("overflow", "completions", "flags", "reserved1")),
        ("reserved2", ctypes.c_uint64),
    )


class Parameters(ctypes.Structure):
    """struct io_uring_params."""

    sq_entries: int
    cq_entries: int
    flags: int
    sq_off: SubmissionOffsets
    cq_off: CompletionOffsets
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("sq_entries", "cq_entries", "flags", "sq_thread_cpu")),
        *((name, ctypes.c_uint32) for name in ("sq_thread_idle", "features", "wq_fd")),
        ("reserved", ctypes.c_uint32 * 3),
        ("sq_off", SubmissionOffsets),
        ("cq_off", CompletionOffsets),
    )


ENTRY: Final = Struct("=BBHiQQIIQ24x")
"""struct io_uring_sqe as OP_SEND reads it: opcode flags ioprio fd off addr len msg_flags user_data."""

COMPLETION: Final = Struct("=QiI")
"""struct io_uring_cqe: user_data res flags."""


class Column(NamedTuple):
    """One field of structures that lie one behind the other: `format` is the struct module's."""

    step: int
    offset: int
    format: Literal["i", "I", "Q"]

    def of(self, where: mmap.mmap, begin: int, count: int) -> memoryview:
        """That field of so many of them, as one array; what is written there is written to the mapping."""
        numbers = memoryview(where)[begin : begin + count * self.step].cast(self.format)
        return numbers[self.offset // numbers.itemsize :: self.step // numbers.itemsize]


FD: Final = Column(ENTRY.size, 4, "i")
ADDR: Final = Column(ENTRY.size, 16, "Q")
LEN: Final = Column(ENTRY.size, 24, "I")
USER_DATA: Final = Column(COMPLETION.size, 0, "Q")
RES: Final = Column(COMPLETION.size, 8, "i")
NUMBER: Final = Column(4, 0, "I")


def setup(entries: int, parameters: Parameters) -> int:
    """A new ring's descriptor, which programs started from here do not inherit."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, "only tried on Linux, on x86_64 and aarch64")
    return _system_call(_SETUP, entries, ctypes.addressof(parameters))


def enter(descriptor: int, count: int) -> int:
    """Have so many entries done; how many were taken from the queue."""
    return _system_call(_ENTER, descriptor, count)


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long,) * 7


def _system_call(number: int, first: int, second: int) -> int:
    """Both take six numbers, of which ours are 0 from the third on. Raises OSError."""
    answer: int = _syscall(number, first, second, 0, 0, 0, 0)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
