"""Who may open a socket, decided before it is accepted, and what is remembered of it while it is open.

Both kinds of socket come through here. Below ASGI this also asks and logs what the middlewares would: the
Host, the rate of one address, the line in the log.
"""

import time
from functools import cached_property, lru_cache
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import QueryParams, State

from channels.codec import Codec, negotiate
from channels.handshake import Knock, Request
from channels.pulse import Pulse
from channels.socket import Denial, Socket
from server.accounts.sessions import session_cookie
from server.errors import BadRequest, Forbidden, HoldfastError, Overloaded, RateLimited
from server.http.addresses import counted
from server.http.cross_site import own_origin
from server.http.hosts import Hosts
from server.http.problems import problem
from server.live.conversation import NOTHING_SHOWN, Conversation, Handshake
from server.live.sessions import LiveSessions
from server.ops.limits import LocalBucket, Rate
from server.ops.logs import log_socket
from server.settings import Settings

if TYPE_CHECKING:
    from asyncio import Future

RETRY_SECONDS: Final = 5
_TOKEN_NAMES: Final = frozenset({"token", "access_token", "jwt", "session", "authorization", "ticket"})


class FrontDoor:
    """channels.socket.Door; `state.parts` is there by the time the first one knocks."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._hosts = Hosts(settings)
        self._handshakes = LocalBucket(Rate(settings.rate_handshakes, 1))
        self.has_rate_limit = settings.rate_address > 0

    @cached_property
    def _parts(self) -> Any:
        return self._state.parts

    @cached_property
    def _live(self) -> LiveSessions:
        live: LiveSessions = self._parts.live
        return live

    @cached_property
    def registry(self) -> Pulse:
        """Where sockets are known."""
        return self._live.pulse

    def rate_limit_wait(self, knock: Knock) -> "Future[float]":
        """Count a handshake of this address; while Redis is away, nobody has to wait."""
        found: Future[float] = self._parts.handshakes.count(counted(knock.host))
        return found

    def too_many(self, knock: Knock, wait: float) -> Denial:
        """The refusal of a handshake whose address has to wait so many seconds."""
        return _denial(RateLimited(retry_after=wait), knock)

    def admit(self, knock: Knock) -> Codec | Denial:
        """The agreed codec, or the refusal as an HTTP answer."""
        request = knock.request
        try:
            codec: Codec = request.agreed or self._agree(request)
            require_room(knock, self._live)
            wait = self._handshakes.take(time.monotonic())
            if wait:
                raise Overloaded("too many sockets come at once", retry_after=max(1.0, wait))
        except HoldfastError as error:
            return _denial(error, knock)
        return codec

    def _agree(self, request: Request) -> Codec:
        """What depends on nothing but the head, and is found once for all who say the same."""
        if not self._hosts.knows_only([host.decode("latin-1") for host in request.values(b"host")]):
            raise BadRequest("the Host header names somebody else")
        request.agreed = codec = agreed(request, self._settings)
        return codec

    def opens(self, socket: Socket, knock: Knock) -> Conversation:
        """The conversation of an accepted socket."""
        visit = Visit(self._live, counted(knock.host), logged=knock.below_asgi)
        shown = handshake_of(knock, self._settings) if knock.cookie else NOTHING_SHOWN
        return Conversation(socket, self._parts, shown, visit.ends)

    def ready(self, socket: Socket) -> None:
        """The hub has something for it, perhaps."""
        self._parts.hub.ready(socket)


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
    known = {"method": "GET", "path": "/ws", "status": status, "address": address}
    log_socket({**known, "milliseconds": round(spent * 1000, 1), **more})


def _denial(error: HoldfastError, knock: Knock) -> Denial:
    response = problem(error)
    headers = list(response.raw_headers)
    if knock.below_asgi:
        headers.append((b"x-request-id", token_hex(8).encode()))
        _write(error.status, counted(knock.host))
    return Denial(error.status, headers, bytes(response.body))


def agreed(request: Request, settings: Settings) -> Codec:
    """The codec of a handshake whose head is in order; raises the refusal."""
    if request.query and _TOKEN_NAMES & set(QueryParams(request.query)):
        raise BadRequest("tokens travel in the first message, never in the address")
    _require_own_origin(request, settings)
    codec = _agreed(b",".join(request.values(b"sec-websocket-protocol")))
    if codec is None:
        raise BadRequest(f"offer one of the subprotocols {', '.join(codec.value for codec in Codec)}")
    return codec


def require_room(knock: Knock, live: LiveSessions) -> None:
    """Raise the refusal of a handshake that is one too many now, or of its cookie."""
    if live.pulse.draining:
        raise Overloaded("this server is going away", retry_after=1)
    if 0 < live.settings.max_sockets <= len(live.pulse.sockets):
        raise Overloaded("this server has all the sockets it takes", retry_after=RETRY_SECONDS)
    if knock.cookie and not knock.request.values(b"origin") and session_cookie(knock.cookie) is not None:
        raise Forbidden("a cookie counts only from a page of ours")
    most = live.settings.max_sockets_per_address
    if most and live.addresses[counted(knock.host)] >= most:
        raise RateLimited("too many sockets from one address", retry_after=RETRY_SECONDS)


@lru_cache(64)
def _agreed(offered: bytes) -> Codec | None:
    return negotiate([name.strip() for name in offered.decode("latin-1").split(",")])


def _require_own_origin(request: Request, settings: Settings) -> None:
    origins = request.values(b"origin")
    if len(origins) > 1:
        raise BadRequest("Origin came more than once")
    if origins and not own_origin(request.value(b"origin"), request.value(b"host"), settings):
        raise Forbidden("this page may not open a socket here")


def handshake_of(knock: Knock, settings: Settings) -> Handshake:
    """The cookie counts only where it was set: on PUBLIC_URL, or on the very address that was asked for."""
    cookie = session_cookie(knock.cookie)
    if cookie is None:
        return NOTHING_SHOWN
    request = knock.request
    origin, host = request.value(b"origin"), request.value(b"host")
    if origin != settings.public_url and origin not in {f"http://{host}", f"https://{host}"}:
        return NOTHING_SHOWN
    return Handshake(cookie=cookie)
