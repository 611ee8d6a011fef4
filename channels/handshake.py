"""The opening handshake of RFC 6455, section 4.2, on a request that HTTP has read. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case."""

DEFLATE: Final = b"permessage-deflate"
AGREED: Final = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The one form of RFC 7692 that is spoken: no frame depends on another, so frames can be shared."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FLAGS: Final = frozenset({b"server_no_context_takeover", b"client_no_context_takeover"})
_BITS: Final = frozenset(str(bits).encode() for bits in range(8, 16))


class BadHandshake(Exception):
    """No handshake of a WebSocket; the answer's status, its words, and a header it needs."""

    def __init__(self, status: HTTPStatus, words: str, header: tuple[bytes, bytes] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.header = header


class Request:
    """A request's head."""

    def __init__(self, method: bytes, target: bytes, headers: Headers) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            self._values.setdefault(name, []).append(value)

    @property
    def path(self) -> str:
        """The target without its query, percent signs read."""
        path = self.target.partition(b"?")[0].decode("latin-1")
        return unquote(path) if "%" in path else path

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header."""
        return self._values.get(name, [])

    def tokens(self, name: bytes) -> list[bytes]:
        """A header's comma-separated parts, over all its lines."""
        return [part.strip() for value in self.values(name) for part in value.split(b",") if part.strip()]


def read_head(head: bytes) -> Request:
    """The request whose head uvicorn has read and written out again: a line for each header, none folded."""
    lines = head.split(b"\r\n")
    method, target, _version = lines[0].split(b" ", 2)
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            headers.append((name.lower(), value.strip()))
    return Request(method, target, headers)


def accept(request: Request) -> bytes:
    """Hold the request to section 4.2.1; the value of `Sec-WebSocket-Accept`."""
    if request.method != b"GET":
        raise BadHandshake(HTTPStatus.METHOD_NOT_ALLOWED, "a handshake is a GET", (b"allow", b"GET"))
    if b"websocket" not in map(bytes.lower, request.tokens(b"upgrade")):
        raise BadHandshake(HTTPStatus.UPGRADE_REQUIRED, "no Upgrade: websocket", (b"upgrade", b"websocket"))
    if b"upgrade" not in map(bytes.lower, request.tokens(b"connection")):
        raise BadHandshake(HTTPStatus.BAD_REQUEST, "no Connection: Upgrade")
    if request.values(b"transfer-encoding") or request.values(b"content-length") not in ([], [b"0"]):
        raise BadHandshake(HTTPStatus.BAD_REQUEST, "a handshake has no body")
    if request.values(b"sec-websocket-version") != [b"13"]:
        wanted = (b"sec-websocket-version", b"13")
        raise BadHandshake(HTTPStatus.UPGRADE_REQUIRED, "only version 13 is spoken", wanted)
    return accept_of(_key(request))


def _key(request: Request) -> bytes:
    keys = request.values(b"sec-websocket-key")
    if len(keys) != 1:
        raise BadHandshake(HTTPStatus.BAD_REQUEST, "one Sec-WebSocket-Key")
    try:
        size = len(base64.b64decode(keys[0], validate=True))
    except binascii.Error:
        size = 0
    if size != 16:
        raise BadHandshake(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Key is 16 bytes in base64")
    return keys[0]


def accept_of(key: bytes) -> bytes:
    """What proves that the key was read (4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def deflates(request: Request) -> bool:
    """Whether one of the offers lets us compress each frame for itself (RFC 7692, section 7.1).

    We ask for no context on either side, which any offer allows. A bound on our window is declined: the
    frames are made once, for everybody. An offer with a parameter that is wrong or unknown counts as none.
    """
    return any(_suits(offer) for offer in request.tokens(b"sec-websocket-extensions"))


def _suits(offer: bytes) -> bool:
    name, *parameters = (part.strip() for part in offer.split(b";"))
    if name != DEFLATE:
        return False
    known = dict(_parameters(parameters))
    if len(known) != len(parameters):
        return False
    return all(_is_fine(parameter, value) for parameter, value in known.items())


def _parameters(parts: Sequence[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    for part in parts:
        name, equals, value = part.partition(b"=")
        yield name.strip(), value.strip().strip(b'"') if equals else None


def _is_fine(parameter: bytes, value: bytes | None) -> bool:
    if parameter in _FLAGS:
        return value is None
    return parameter == b"client_max_window_bits" and (value is None or value in _BITS)


def switching(accepted: bytes, subprotocol: bytes, *, deflated: bool, more: Headers) -> bytes:
    """The answer that opens the socket (4.2.2)."""
    headers = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", accepted),
        (b"sec-websocket-protocol", subprotocol),
    ]
    if deflated:
        headers.append((b"sec-websocket-extensions", AGREED))
    return _answer(HTTPStatus.SWITCHING_PROTOCOLS, [*headers, *more])


def refusal(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer that opens none; the connection ends with it."""
    return _answer(HTTPStatus(status), [*headers, (b"connection", b"close")]) + body


def _answer(status: HTTPStatus, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])
