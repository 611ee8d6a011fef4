"""Who may open a socket, decided before it is accepted, and what is remembered of it while it is open.

Both kinds of socket come through here. Below ASGI this also asks and logs what the middlewares would: the
Host, the rate of one address, the line in the log.
"""

import time
from functools import lru_cache
from secrets import token_hex
from typing import Any, Final

import structlog
from starlette.datastructures import QueryParams, State

from channels.codec import Codec, negotiate
from channels.handshake import Knock, Request
from channels.pulse import Pulse
from channels.socket import Denial, Socket
from server.accounts.sessions import session_cookie
from server.errors import BadRequest, Forbidden, HoldfastError, Overloaded, RateLimited, Unavailable
from server.http.addresses import counted
from server.http.cross_site import own_origin
from server.http.hosts import Hosts
from server.http.problems import problem
from server.live.conversation import NOTHING_SHOWN, Conversation, Handshake
from server.live.sessions import LiveSessions
from server.ops.limits import LocalBucket, Rate
from server.settings import Settings

RETRY_SECONDS: Final = 5
_TOKEN_NAMES: Final = frozenset({"token", "access_token", "jwt", "session", "authorization", "ticket"})
_log = structlog.get_logger("holdfast.access")


class FrontDoor:
    """channels.socket.Door; `state.parts` is there by the time the first one knocks."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._hosts = Hosts(_nowhere, settings)
        self._handshakes = LocalBucket(Rate(settings.rate_handshakes, 1))

    @property
    def registry(self) -> Pulse:
        """Where sockets are known."""
        pulse: Pulse = self._state.parts.live.pulse
        return pulse

    @property
    def waits(self) -> bool:
        """Whether the rate of an address is limited, which all processes count together."""
        return self._settings.rate_address > 0

    async def counts(self, knock: Knock) -> Denial | None:
        """Count a handshake of this address; while Redis is away, they go on uncounted."""
        try:
            await self._state.parts.limits.take("address", counted(knock.host))
        except RateLimited as error:
            return _denial(error, knock)
        except Unavailable:
            return None
        return None

    def admit(self, knock: Knock) -> Codec | Denial:
        """The agreed codec, or the refusal as an HTTP answer."""
        try:
            if not self._hosts.knows_only([host.decode("latin-1") for host in knock.request.values(b"host")]):
                raise BadRequest("the Host header names somebody else")
            codec = admit(knock.request, self._state.parts.live, counted(knock.host))
            wait = self._handshakes.take(time.monotonic())
            if wait:
                raise Overloaded("too many sockets come at once", retry_after=max(1.0, wait))
        except HoldfastError as error:
            return _denial(error, knock)
        return codec

    def opens(self, socket: Socket, knock: Knock) -> Conversation:
        """The conversation of an accepted socket."""
        parts = self._state.parts
        visit = Visit(parts.live, counted(knock.host), logged=knock.below_asgi)
        return Conversation(socket, parts, handshake_of(knock.request, self._settings), visit.ends)

    def ready(self, socket: Socket) -> None:
        """The hub has something for it, perhaps."""
        self._state.parts.hub.ready(socket)


class Visit:
    """One open socket of an address: counted while it is, and logged at its end."""

    __slots__ = ("_address", "_began", "_live")

    def __init__(self, live: LiveSessions, address: str, *, logged: bool) -> None:
        self._live = live
        self._address = address
        self._began = time.monotonic() if logged else 0.0
        live.addresses[address] += 1

    def ends(self, code: int, clean: bool) -> None:
        """It is closed."""
        addresses = self._live.addresses
        addresses[self._address] -= 1
        if not addresses[self._address]:
            del addresses[self._address]
        if self._began:
            _write(101, self._address, code=code, clean=clean, began=self._began)


def _write(status: int, address: str, *, began: float = 0.0, **more: Any) -> None:
    spent = time.monotonic() - began if began else 0.0
    _log.info(
        "socket",
        method="GET",
        path="/ws",
        status=status,
        milliseconds=round(spent * 1000, 1),
        address=address,
        **more,
    )


def _denial(error: HoldfastError, knock: Knock) -> Denial:
    response = problem(error)
    headers = list(response.raw_headers)
    if knock.below_asgi:
        headers.append((b"x-request-id", token_hex(8).encode()))
        _write(error.status, counted(knock.host))
    return Denial(error.status, headers, bytes(response.body))


async def _nowhere(*_anything: object) -> None:
    """The app behind the door's own look at the Host: nothing is ever passed on."""


def admit(request: Request, live: LiveSessions, address: str) -> Codec:
    """The agreed codec of a handshake that may go on; raises the refusal."""
    if live.pulse.draining:
        raise Overloaded("this server is going away", retry_after=1)
    if 0 < live.settings.max_sockets <= len(live.pulse.sockets):
        raise Overloaded("this server has all the sockets it takes", retry_after=RETRY_SECONDS)
    if request.query and _TOKEN_NAMES & set(QueryParams(request.query)):
        raise BadRequest("tokens travel in the first message, never in the address")
    _require_own_origin(request, live.settings)
    most = live.settings.max_sockets_per_address
    if most and live.addresses[address] >= most:
        raise RateLimited("too many sockets from one address", retry_after=RETRY_SECONDS)
    codec = _agreed(b",".join(request.values(b"sec-websocket-protocol")))
    if codec is None:
        raise BadRequest(f"offer one of the subprotocols {', '.join(codec.value for codec in Codec)}")
    return codec


@lru_cache(64)
def _agreed(offered: bytes) -> Codec | None:
    return negotiate([name.strip() for name in offered.decode("latin-1").split(",")])


def _require_own_origin(request: Request, settings: Settings) -> None:
    origins = request.values(b"origin")
    if len(origins) > 1:
        raise BadRequest("Origin came more than once")
    if origins and not own_origin(request.value(b"origin"), request.value(b"host"), settings):
        raise Forbidden("this page may not open a socket here")
    if not origins and session_cookie(request.value(b"cookie")) is not None:
        raise Forbidden("a cookie counts only from a page of ours")


def handshake_of(request: Request, settings: Settings) -> Handshake:
    """The cookie counts only where it was set: on PUBLIC_URL, or on the very address that was asked for."""
    cookie = session_cookie(request.value(b"cookie"))
    if cookie is None:
        return NOTHING_SHOWN
    origin, host = request.value(b"origin"), request.value(b"host")
    if origin != settings.public_url and origin not in {f"http://{host}", f"https://{host}"}:
        return NOTHING_SHOWN
    return Handshake(cookie=cookie)
