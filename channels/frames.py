"""The frames of RFC 6455, section 5: a strict reader of what a client sends, and the few we make ourselves.

Pure: bytes in, messages out. Messages are put together from their fragments, unmasked, inflated where
permessage-deflate (RFC 7692) was agreed, and never longer than MAX_FRAME_BYTES. What breaks a rule is a
`Violation`, with the code to close with.
"""

import codecs
import zlib
from collections.abc import Sequence
from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # checked at start by fit.py

from channels.protocol import MAX_FRAME_BYTES, CloseCode

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PING_FRAME: Final = b"\x89\x00"

PROTOCOL_ERROR: Final = 1002
BAD_DATA: Final = 1007
INTERNAL: Final = 1011
NO_STATUS: Final = 1005
"""Stands for a close frame without a code, and is never sent (RFC 6455, 7.4.1)."""

MAX_FRAGMENTS: Final = 256
MAX_CONTROL_BYTES: Final = 125
SOME_FRAMES: Final = 8
"""So many short frames that come together are read without a reader."""

_FINAL, _RSV1, _RSV23, _OPCODE, _MASKED, _LENGTH = 0x80, 0x40, 0x30, 0x0F, 0x80, 0x7F
_SHORT: Final = range(126)
_KNOWN: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
_TAIL: Final = b"\x00\x00\xff\xff"
_LAST_BLOCK: Final = b"\x01\x00\x00\xff\xff"
_BEHIND_THE_END: Final = frozenset({b"", _TAIL, b"\x00" + _TAIL})
"""What may follow a block that says it is the last: what we added, to an empty block perhaps (7.2.3.4)."""

_utf8 = codecs.getincrementaldecoder("utf-8")


class Violation(Exception):
    """The peer broke a rule; the connection fails with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def whole_frame(data: bytes, first: int) -> bytes | None:
    """The payload, if `data` is exactly one masked frame of up to 64 KB that begins with the byte `first`."""
    size = len(data) - 6
    if size < 0 or data[0] != first:
        return None
    second = data[1]
    if second == _MASKED | size and size < 126:
        return apply_mask(data[6:], data[2:6])
    size -= 2
    if second == _MASKED | 126 and 126 <= size == int.from_bytes(data[2:4], "big"):
        return apply_mask(data[8:], data[4:8])
    return None


def whole_frames(data: bytes, first: int) -> Sequence[bytes]:
    """The payloads, if `data` is one such frame, or some of up to 125 bytes each; else none."""
    one = whole_frame(data, first)
    if one is not None:
        return (one,)
    found: list[bytes] = []
    begin, size = 6, len(data)
    while begin <= size:
        length = data[begin - 5] - _MASKED
        if data[begin - 6] != first or length not in _SHORT or len(found) == SOME_FRAMES:
            return ()
        found.append(apply_mask(data[begin : begin + length], data[begin - 4 : begin]))
        begin += length + 6
    return found if begin == size + 6 else ()


def text_of(payload: bytes) -> str:
    """A text message's text (8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(BAD_DATA, "text that is not UTF-8") from None


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """One unmasked control frame; `payload` has at most 125 bytes."""
    return bytes((_FINAL | opcode, len(payload))) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; NO_STATUS makes an empty one, and a long reason is cut between characters."""
    if code == NO_STATUS:
        return control_frame(CLOSE)
    words = reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return control_frame(CLOSE, code.to_bytes(2, "big") + words)


def read_close(payload: bytes) -> int:
    """The code of a close frame's payload (5.5.1, 7.4)."""
    if not payload:
        return NO_STATUS
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _SENDABLE or 3000 <= code < 5000):
        raise Violation(PROTOCOL_ERROR, "a close code that nobody may send")
    text_of(payload[2:])
    return code


class Reader:
    """Reads one client's frames in any pieces. With `deflates`, messages may come compressed."""

    __slots__ = ("_buffer", "_compressed", "_decoder", "_fragments", "_kind", "_parts", "_size", "deflates")

    def __init__(self, *, deflates: bool = False) -> None:
        self.deflates = deflates
        self._buffer = bytearray()
        self._kind = CONTINUATION
        self._compressed = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._parts: list[bytes] = []
        self._fragments = 0
        self._size = 0

    @property
    def idle(self) -> bool:
        """Whether nothing has begun: then there is nothing to remember."""
        return not self._buffer and self._kind == CONTINUATION

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data

    def forget(self) -> int:
        """Throw away what came and was not read; how much it was."""
        size = len(self._buffer)
        self._buffer.clear()
        return size

    def next(self) -> tuple[int, bytes] | None:
        """The next whole message (TEXT, BINARY) or control frame; None until more has come."""
        while (found := self._frame()) is not None:
            first, payload = found
            if first & _OPCODE >= CLOSE:
                return first & _OPCODE, payload
            message = self._fragment(first, payload)
            if message is not None:
                return message
        return None

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame: its first byte, and its payload without the mask."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        self._check_head(first, second)
        begin, size = _length(buffer)
        if size < 0:
            return None
        if self._size + size > MAX_FRAME_BYTES and first & _OPCODE < CLOSE:
            raise Violation(CloseCode.TOO_BIG, f"a message has at most {MAX_FRAME_BYTES} bytes")
        end = begin + 4 + size
        if len(buffer) < end:
            return None
        payload = apply_mask(bytes(buffer[begin + 4 : end]), bytes(buffer[begin : begin + 4]))
        del buffer[:end]
        return first, payload

    def _check_head(self, first: int, second: int) -> None:
        """What the first two bytes must be (5.1, 5.2, 5.4, 5.5)."""
        opcode = first & _OPCODE
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "a client masks its frames")
        if opcode not in _KNOWN:
            raise Violation(PROTOCOL_ERROR, "an opcode that means nothing")
        begins = opcode in (TEXT, BINARY)
        if first & _RSV23 or (first & _RSV1 and not (self.deflates and begins)):
            raise Violation(PROTOCOL_ERROR, "reserved bits are 0")
        if opcode >= CLOSE:
            if not first & _FINAL or second & _LENGTH > MAX_CONTROL_BYTES:
                raise Violation(PROTOCOL_ERROR, "a control frame is short and whole")
        elif begins != (self._kind == CONTINUATION):
            raise Violation(PROTOCOL_ERROR, "fragments follow their message's beginning")

    def _fragment(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Add to the message; the message, if this was its last part."""
        if self._kind == CONTINUATION:
            self._kind = first & _OPCODE
            self._compressed = bool(first & _RSV1)
            if self._kind == TEXT and not self._compressed:
                self._decoder = _utf8()
        else:
            self._fragments += 1
            if self._fragments > MAX_FRAGMENTS:
                raise Violation(CloseCode.POLICY, "too many fragments")
        self._check_text(payload, final=bool(first & _FINAL))
        self._parts.append(payload)
        self._size += len(payload)
        return self._whole() if first & _FINAL else None

    def _check_text(self, payload: bytes, *, final: bool) -> None:
        """Text that can't become UTF-8 is refused with its first bad fragment (8.1)."""
        if self._decoder is None:
            return
        try:
            self._decoder.decode(payload, final)
        except UnicodeDecodeError:
            raise Violation(BAD_DATA, "text that is not UTF-8") from None

    def _whole(self) -> tuple[int, bytes]:
        kind, payload = self._kind, b"".join(self._parts)
        if self._compressed:
            payload = _inflated(payload)
        self._kind, self._decoder = CONTINUATION, None
        self._parts.clear()
        self._fragments = self._size = 0
        return kind, payload


def _length(buffer: bytearray) -> tuple[int, int]:
    """Where the mask begins and how long the payload is (5.2); -1 until that has come."""
    size = buffer[1] & _LENGTH
    if size < 126:
        return 2, size
    begin, least = (4, 126) if size == 126 else (10, 1 << 16)
    if len(buffer) < begin:
        return begin, -1
    size = int.from_bytes(buffer[2:begin], "big")
    if size < least or size >> 63:
        raise Violation(PROTOCOL_ERROR, "a length is written in as few bytes as it needs")
    return begin, size


def _inflated(payload: bytes) -> bytes:
    """A compressed message's own bytes (RFC 7692, 7.2.2), at most MAX_FRAME_BYTES."""
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        found = unpacker.decompress(payload + _TAIL, MAX_FRAME_BYTES + 1)
        if len(found) > MAX_FRAME_BYTES:
            raise Violation(CloseCode.TOO_BIG, f"a message has at most {MAX_FRAME_BYTES} bytes")
        if not unpacker.eof:
            unpacker.decompress(_LAST_BLOCK)
    except zlib.error:
        raise Violation(BAD_DATA, "a compressed message that cannot be read") from None
    if not unpacker.eof or unpacker.unused_data not in _BEHIND_THE_END:
        raise Violation(BAD_DATA, "a compressed message that does not end with its data")
    return found
