"""Between messages and frames, in both codecs; a client's frames are read strictly.

`holdfast.v1.msgpack` packs with msgpack, arrays of numbers as one `bin` each. `holdfast.v1.json` writes text,
arrays of numbers as lists. Reading refuses, with FrameError and no other exception: what is cut short or has
something after its end, is nested too deep, declares more than it brings, repeats a key, has keys that are
not text, extension types, NaN or Infinity, a float or a boolean where an integer belongs, bytes where text
belongs, lone surrogates or control characters in text, text over its length, unknown types and fields.
"""

import json
import re
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NoReturn

import msgpack
import msgspec

from channels.protocol import (
    ERRORS,
    MAX_FRAME_BYTES,
    MAX_NAMES,
    AnyClientMessage,
    BookingChanged,
    Error,
    Hello,
    ServerMessage,
    Snapshot,
    Subscribe,
)

TYPECODES = {1: "B", 2: "H", 4: "I"}
"""The `array` typecode of a number of so many bytes."""


LEAST_DEFLATED = 200
"""Bytes of a payload below which compressing saves no packet."""

TEXT_LEVEL = 1
SNAPSHOT_LEVEL = 4
"""Of 50,000 half-sold seats 11 to 13 KB in 2 ms, by level 6 1 KB less in 7 ms; of a tick's JSON 40 %."""

_RSV1 = 0x40
_PACKER, _WRITER = msgspec.msgpack.Encoder(), msgspec.json.Encoder()
_BAD_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


_KNOWN_BYTES = 512
_KNOWN_MESSAGES = 1024
_known_json: dict[bytes | str, AnyClientMessage] = {}
_known_msgpack: dict[bytes | str, AnyClientMessage] = {}


class Codec(Enum):
    """A subprotocol; its value is the name that the handshake agrees on."""

    MSGPACK = "holdfast.v1.msgpack"
    JSON = "holdfast.v1.json"


# They know the types beforehand; msgspec.convert works the union out anew for each message, for 15 µs.
_READERS: dict[Codec, Callable[[bytes | str], AnyClientMessage]] = {
    Codec.MSGPACK: msgspec.msgpack.Decoder(AnyClientMessage).decode,  # type: ignore[dict-item]  # bytes there
    Codec.JSON: msgspec.json.Decoder(AnyClientMessage).decode,
}


def negotiate(offered: Sequence[str]) -> Codec | None:
    """The first offered subprotocol that is ours, or None: then the handshake is refused."""
    ours = {codec.value: codec for codec in Codec}
    return next((ours[name] for name in offered if name in ours), None)


class FrameError(Exception):
    """A client's frame that can't be read; `answer` is what to send, with its `ref` if that was read."""

    def __init__(self, detail: str, ref: str | int | None = None) -> None:
        super().__init__(detail)
        self.answer = Error(
            ref=msgspec.UNSET if ref is None else ref,
            code="bad_request",
            message=detail,
            retry=ERRORS["bad_request"][1],
        )


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
            self._wire = self._head(self.data) + self.data
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
        return self._head(packed, _RSV1) + packed if len(packed) < len(self.data) else self.wire

    def _head(self, payload: bytes, bits: int = 0) -> bytes:
        first, size = bits | (0x81 if self.codec is Codec.JSON else 0x82), len(payload)
        if size < 126:
            return bytes((first, size))
        if size < 1 << 16:
            return bytes((first, 126)) + size.to_bytes(2, "big")
        return bytes((first, 127)) + size.to_bytes(8, "big")


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


def decode(data: bytes | str, codec: Codec) -> AnyClientMessage:
    """A client's message, strictly read; raise FrameError for anything else.

    What thousands say alike when they come is read once, as long as it fits and names no secret.
    """
    known = _known_json if codec is Codec.JSON else _known_msgpack
    found = known.get(data)
    if found is not None:
        return found
    message = _decode(data, codec)
    if len(data) <= _KNOWN_BYTES and (isinstance(message, Subscribe) or _is_bare_hello(message)):
        if len(known) >= _KNOWN_MESSAGES:
            known.clear()
        known[data] = message
    return message


def _decode(data: bytes | str, codec: Codec) -> AnyClientMessage:
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_FRAME_BYTES:
        raise FrameError(f"a frame has at most {MAX_FRAME_BYTES} bytes")
    try:
        value = _unpack(data) if codec is Codec.MSGPACK else _parse(data)
    except RecursionError:
        raise FrameError("the frame is nested too deep") from None
    except ValueError as error:
        raise FrameError(f"the frame is not {codec.name.lower()}: {_short(error)}") from None
    return _typed(value, data, codec)


def _is_bare_hello(message: AnyClientMessage) -> bool:
    return isinstance(message, Hello) and message.token is None and message.session is None


def _unpack(data: bytes | str) -> Any:
    if isinstance(data, str):
        raise ValueError("a msgpack frame is binary")  # noqa: TRY004 - reported as every unreadable frame
    return msgpack.unpackb(
        data, object_pairs_hook=_map, ext_hook=_no_extension, strict_map_key=True, max_map_len=MAX_NAMES
    )


def _parse(data: bytes | str) -> Any:
    text = data if isinstance(data, str) else data.decode("utf-8")
    return json.loads(text, object_pairs_hook=_map, parse_constant=_no_constant)


def _map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise ValueError("a map has too many keys")
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one map")
    if not all(isinstance(key, str) for key in result):
        raise ValueError("a key is not text")
    return result


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} of {len(data)} bytes is not used here")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _typed(value: Any, data: bytes | str, codec: Codec) -> AnyClientMessage:
    """The message in `data`, of which `value` is all that it says."""
    ref = _ref(value)
    if _has_bad_text(value):
        raise FrameError("text holds a control character or a lone surrogate", ref)
    try:
        return _READERS[codec](data)
    except msgspec.DecodeError:
        return _converted(value, ref)


def _converted(value: Any, ref: str | int | None) -> AnyClientMessage:
    """Say what is wrong with it, in the same words for both codecs."""
    try:
        message: AnyClientMessage = msgspec.convert(value, AnyClientMessage)
    except msgspec.ValidationError as error:
        raise FrameError(_short(error), ref) from None
    return message


def _ref(value: Any) -> str | int | None:
    """The `ref` of a map that may be wrong elsewhere, if the ref itself is right."""
    ref = value.get("ref") if isinstance(value, dict) else None
    if isinstance(ref, str) and len(ref) <= 128 and not _has_bad_text(ref):
        return ref
    return ref if type(ref) is int and abs(ref) < 2**53 else None


def _has_bad_text(value: Any) -> bool:
    """Whether any text in the value holds what no identifier or token has."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _BAD_TEXT.search(item):
                return True
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
