"""The opening handshake of RFC 6455, section 4.2, on a request that HTTP has read. Pure."""

import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case."""

DEFLATE: Final = b"permessage-deflate"
AGREED: Final = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The one form of RFC 7692 that is spoken: no frame depends on another, so frames can be shared."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHA1: Final = hashlib.sha1(usedforsecurity=False)
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-protocol: %b\r\n%bsec-websocket-accept: "
)
_EXTENSION: Final = b"sec-websocket-extensions: " + AGREED + b"\r\n"
_FLAGS: Final = frozenset({b"server_no_context_takeover", b"client_no_context_takeover"})
_BITS: Final = frozenset(str(bits).encode() for bits in range(8, 16))


class BadHandshake(Exception):
    """No handshake of a WebSocket; the answer's status, its words, and a header it needs."""

    def __init__(self, status: HTTPStatus, words: str, header: tuple[bytes, bytes] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.header = header


class Request:
    """A request's head. `agreed` is for a door: what it found of this head, and would of any like it."""

    __slots__ = ("_values", "agreed", "deflates", "headers", "method", "target")

    def __init__(self, method: bytes, target: bytes, headers: Headers) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self._values: dict[bytes, list[bytes]] = {name: [value] for name, value in headers}
        if len(self._values) != len(headers):
            self._values.clear()
            for name, value in headers:
                self._values.setdefault(name, []).append(value)
        self.agreed: Any = None
        self.deflates = any(map(_offers, self.values(b"sec-websocket-extensions")))
        """Whether one of the offers lets us compress each frame for itself (RFC 7692, section 7.1).

        We ask for no context on either side, which any offer allows. A bound on our window is declined:
        frames are made once, for everybody. An offer with a wrong or unknown parameter counts as none.
        """

    @property
    def path(self) -> str:
        """The target without its query, percent signs read."""
        path = self.target.partition(b"?")[0].decode("latin-1")
        return unquote(path) if "%" in path else path

    @property
    def query(self) -> bytes:
        """What follows the target's question mark."""
        return self.target.partition(b"?")[2]

    @property
    def names(self) -> Mapping[bytes, object]:
        """The names of its headers."""
        return self._values

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header."""
        return self._values.get(name, [])

    def value(self, name: bytes) -> str:
        """A header's first value as text, "" if it has none."""
        found = self._values.get(name)
        return found[0].decode("latin-1") if found else ""

    def tokens(self, name: bytes) -> list[bytes]:
        """A header's comma-separated parts, over all its lines."""
        return [part for value in self.values(name) for part in _parts(value)]


class Knock:
    """A handshake as a door sees it: what was said, by whom, and whether ASGI stands before it.

    The request may be that of many; its cookies and its address are the peer's own.
    """

    __slots__ = ("below_asgi", "cookie", "host", "request")

    def __init__(self, request: Request, cookie: str, host: str | None, *, below_asgi: bool) -> None:
        self.request = request
        self.cookie = cookie
        self.host = host
        self.below_asgi = below_asgi


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


@lru_cache(64)
def asks_to_upgrade(connection: bytes) -> bool:
    """Whether a Connection header names the upgrade."""
    return any(part.lower() == b"upgrade" for part in _parts(connection))


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
        size = len(binascii.a2b_base64(keys[0], strict_mode=True))
    except binascii.Error:
        size = 0
    if size != 16:
        raise BadHandshake(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Key is 16 bytes in base64")
    return keys[0]


def accept_of(key: bytes) -> bytes:
    """What proves that the key was read (4.2.2)."""
    digest = _SHA1.copy()
    digest.update(key + _GUID)
    return binascii.b2a_base64(digest.digest(), newline=False)


@lru_cache(64)
def _offers(value: bytes) -> bool:
    return any(map(_suits, _parts(value)))


def _parts(value: bytes) -> Iterator[bytes]:
    return (part.strip() for part in value.split(b",") if part.strip())


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


def switching(accepted: bytes, subprotocol: bytes, *, deflated: bool) -> bytes:
    """The answer that opens the socket (4.2.2); an interim one needs no date (RFC 9110, section 6.6.1)."""
    return _before_proof(subprotocol, deflated) + accepted + b"\r\n\r\n"


@lru_cache(16)
def _before_proof(subprotocol: bytes, deflated: bool) -> bytes:
    return _SWITCHING % (subprotocol, _EXTENSION if deflated else b"")


def refusal(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer that opens none; the connection ends with it."""
    return _answer(HTTPStatus(status), [*headers, (b"connection", b"close")]) + body


def _answer(status: HTTPStatus, headers: Headers) -> bytes:
    first = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    return first + b"".join(map(_line, headers)) + b"\r\n"


def _line(header: tuple[bytes, bytes]) -> bytes:
    return b"%b: %b\r\n" % header
