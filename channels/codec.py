"""From messages to frames, in both codecs; the other way goes hearing.py.

`holdfast.v1.msgpack` packs with msgpack, arrays of numbers as one `bin` each. `holdfast.v1.json` writes text,
arrays of numbers as lists.
"""

import sys
import zlib
from array import array
from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from channels.protocol import BookingChanged, ServerMessage, Snapshot

TYPECODES = {1: "B", 2: "H", 4: "I"}
"""The `array` typecode of a number of so many bytes."""

LEAST_DEFLATED = 200
"""Bytes of a payload below which compressing saves no packet."""

TEXT_LEVEL = 1
SNAPSHOT_LEVEL = 4
"""Of 50,000 half-sold seats 11 to 13 KB in 2 ms, by level 6 1 KB less in 7 ms; of a tick's JSON 40 %."""

_RSV1 = 0x40
_PACKER, _WRITER = msgspec.msgpack.Encoder(), msgspec.json.Encoder()


class Codec(Enum):
    """A subprotocol; its value is the name that the handshake agrees on."""

    MSGPACK = "holdfast.v1.msgpack"
    JSON = "holdfast.v1.json"

    __hash__ = object.__hash__  # there is one of each; by the name, each look-up would be a call of Python's

    def __init__(self, name: str) -> None:
        self.subprotocol = name.encode()
        """As a handshake agrees on it."""


def negotiate(offered: Sequence[str]) -> Codec | None:
    """The first offered subprotocol that is ours, or None: then the handshake is refused."""
    ours = {codec.value: codec for codec in Codec}
    return next((ours[name] for name in offered if name in ours), None)


class Frame:
    """An encoded message that sockets share: its payload `data`, and the whole WebSocket frames of it.

    `level` is how hard zlib tries where compressing pays; at 0 it does not pay.
    """

    __slots__ = ("_deflated", "_level", "_wire", "codec", "data")

    def __init__(self, data: bytes, codec: Codec, level: int = 0) -> None:
        self.data = data
        self.codec = codec
        self._level = level
        self._wire: bytes | None = None
        self._deflated: bytes | None = None

    @property
    def wire(self) -> bytes:
        """One whole unmasked frame of RFC 6455, section 5.2: final, plain, text for JSON; made once."""
        if self._wire is None:
            self._wire = _head(self.codec, len(self.data)) + self.data
        return self._wire

    @property
    def deflated_wire(self) -> bytes:
        """The same compressed by RFC 7692, section 7.2.1, where that is smaller; else `wire`.

        It refers to nothing that came before it, so it is for every socket that agreed to
        permessage-deflate, whatever else was sent to it; but only if the server keeps no context.
        """
        if self._deflated is None:
            self._deflated = self._packed() if self._level else self.wire
        return self._deflated

    def _packed(self) -> bytes:
        packer = zlib.compressobj(self._level, wbits=-15)
        packed = packer.compress(self.data) + packer.flush(zlib.Z_SYNC_FLUSH)
        packed = packed.removesuffix(b"\x00\x00\xff\xff")
        if len(packed) >= len(self.data):
            return self.wire
        return _head(self.codec, len(packed), _RSV1) + packed


def _head(codec: Codec, size: int, bits: int = 0) -> bytes:
    first = bits | (0x81 if codec is Codec.JSON else 0x82)
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


def wire(message: ServerMessage, codec: Codec) -> bytes:
    """The message as one whole plain frame, for a single reader."""
    data = encode(message, codec)
    return _head(codec, len(data)) + data


def frame(message: ServerMessage, codec: Codec) -> Frame:
    """The message as a frame, encoded once."""
    data = encode(message, codec)
    if len(data) < LEAST_DEFLATED:
        return Frame(data, codec)
    if isinstance(message, Snapshot):
        return Frame(data, codec, SNAPSHOT_LEVEL)
    return Frame(data, codec, TEXT_LEVEL if codec is Codec.JSON else 0)


def encode(message: ServerMessage, codec: Codec) -> bytes:
    """The message's payload: msgpack, or JSON as UTF-8."""
    if isinstance(message, BookingChanged):
        plain: Any = {**message.fields, "type": "booking"}
    elif isinstance(message, Snapshot) and codec is Codec.JSON:
        plain = _with_lists(message)
    else:
        plain = message
    return _PACKER.encode(plain) if codec is Codec.MSGPACK else _WRITER.encode(plain)


def _with_lists(snapshot: Snapshot) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(snapshot, builtin_types=(bytes,))
    for name in ("available", "held"):
        plain[name] = numbers(plain[name], snapshot.width).tolist()
    return plain


def numbers(data: bytes, width: int) -> "array[int]":
    """The numbers in little-endian `data`, `width` bytes each."""
    values = array(TYPECODES[width])
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def little_endian(values: "array[int]") -> bytes:
    """The array as bytes, little-endian."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()
