"""What a client says, strictly read, in both codecs.

Refused is, with FrameError and no other exception: what is cut short or has something after its end, is
nested too deep, declares more than it brings, repeats a key, has keys that are not text, extension types, NaN
or Infinity, a float or a boolean where an integer belongs, bytes where text belongs, lone surrogates or
control characters in text, text over its length, unknown types and fields.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgpack
import msgspec

from channels.codec import Codec
from channels.protocol import ERRORS, MAX_FRAME_BYTES, MAX_NAMES, AnyClientMessage, Error, Hello, Subscribe

_PACKER, _WRITER = msgspec.msgpack.Encoder(), msgspec.json.Encoder()
_BAD_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNUSUAL = re.compile(rb"[\\\x7f]|\xc2[\x80-\x9f]")
"""In JSON that msgspec wrote: whatever is escaped, and bad text that is not."""

_KNOWN_BYTES = 512
_KNOWN_MESSAGES = 1024
_known_json: dict[bytes | str, AnyClientMessage] = {}
_known_msgpack: dict[bytes | str, AnyClientMessage] = {}

# They know the types beforehand; msgspec.convert works the union out anew for each message, for 15 µs.
_READERS: dict[Codec, Callable[[bytes | str], AnyClientMessage]] = {
    Codec.MSGPACK: msgspec.msgpack.Decoder(AnyClientMessage).decode,  # type: ignore[dict-item]  # bytes there
    Codec.JSON: msgspec.json.Decoder(AnyClientMessage).decode,
}

_PLAIN: dict[Codec, Callable[[bytes | str], Any]] = {
    Codec.MSGPACK: msgspec.msgpack.Decoder().decode,  # type: ignore[dict-item]  # bytes there
    Codec.JSON: msgspec.json.Decoder().decode,
}


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


def decode(data: bytes | str, codec: Codec) -> AnyClientMessage:
    """A client's message, strictly read; raise FrameError for anything else.

    What thousands say alike when they come is read once, as long as it fits and names no secret.
    """
    known = _known_json if codec is Codec.JSON else _known_msgpack
    found = known.get(data)
    if found is not None:
        return found
    message = _read_plain(data, codec) or _decode(data, codec)
    if len(data) <= _KNOWN_BYTES and (isinstance(message, Subscribe) or _is_bare_hello(message)):
        if len(known) >= _KNOWN_MESSAGES:
            known.clear()
        known[data] = message
    return message


def _read_plain(data: bytes | str, codec: Codec) -> AnyClientMessage | None:
    """The quick way, for a message that is plainly in order; None is no verdict: `_decode` has to look.

    A message that comes out the same when it is packed again repeats no key and is in its shortest form, and
    one search of it as JSON finds text that is not allowed. All else is for the types to refuse. This takes a
    quarter of the time of `_decode`.
    """
    if len(data) > MAX_FRAME_BYTES:
        return None
    try:
        value = _PLAIN[codec](data)
        text = _WRITER.encode(value)
        again = _PACKER.encode(value) if codec is Codec.MSGPACK else text.decode()
        if again != data or _UNUSUAL.search(text):
            return None
        return _READERS[codec](data)
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError):
        return None


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
