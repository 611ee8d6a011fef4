"""A request's body: bounded before it is buffered, JSON without ambiguity, then checked against a type."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request

from server.errors import BadRequest, FieldError, InvalidFields

BODY_LIMIT: Final = 64 * 1024
_DIGITS_LIMIT: Final = 30
_PATH = re.compile(r" - at `\$\.?(.*)`$")

T = TypeVar("T")


class BodyTooLarge(BadRequest):
    """The body is longer than the route takes; nothing beyond the limit was kept."""

    status, title = 413, "The body is too large"


class UnsupportedMediaType(BadRequest):
    """The body is not plain, uncompressed JSON."""

    status, title = 415, "The body is not of a kind this takes"


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The whole body; BodyTooLarge as soon as its length, said or counted, is over `limit` bytes."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge(f"at most {limit} bytes are taken")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"at most {limit} bytes are taken")
        parts.append(part)
    return b"".join(parts)


def require_json(headers: Mapping[str, str], *, beacon: bool = False) -> None:
    """Refuse compressed bodies and other media types; `beacon` lets the text of a `sendBeacon` in."""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("compressed bodies are not taken")
    media, _, parameters = headers.get("content-type", "").partition(";")
    accepted = {"application/json", "text/plain"} if beacon else {"application/json"}
    if media.strip().lower() not in accepted:
        raise UnsupportedMediaType("send application/json")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaType("JSON is UTF-8")


def decode_json(body: bytes, kind: type[T]) -> T:
    """`body` as a `kind`; BadRequest unless it is unambiguous JSON of known fields, else InvalidFields."""
    _require_unambiguous(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise _refusal(str(error)) from None


def _refusal(message: str) -> BadRequest | InvalidFields:
    path = _PATH.search(message)
    said = _PATH.sub("", message)
    if "unknown field" in said or (path is None and "missing required" not in said):
        return BadRequest(message.replace("`$", "`body"))
    missing = re.search(r"missing required field `(.+)`", said)
    where = "" if path is None else path.group(1)
    if missing:
        where = f"{where}.{missing.group(1)}".strip(".")
    return InvalidFields("a field does not hold", errors=[FieldError(where, said)])


def _require_unambiguous(body: bytes) -> None:
    """A parser takes the last of duplicate keys and some lone surrogates; nobody should have to guess."""
    try:
        decoded = _strict.decode(body.decode("utf-8"))
        if b"\\u" in body:
            _require_clean(decoded)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _short_integer(digits: str) -> int:
    if len(digits) > _DIGITS_LIMIT:
        raise ValueError("too many digits")
    return int(digits)


def _require_clean(value: Any) -> None:
    """Refuse NUL, which PostgreSQL cannot store, and surrogates, which UTF-8 cannot."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL")
        value.encode("utf-8")
    elif isinstance(value, dict):
        _require_each_clean(value)
        _require_each_clean(value.values())
    elif isinstance(value, list):
        _require_each_clean(value)


def _require_each_clean(values: Iterable[Any]) -> None:
    for value in values:
        _require_clean(value)


_strict: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_short_integer
)
