"""`GET /ws`: who may open a socket, decided before it is accepted (CONTRACT sections 3 and 5)."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers, QueryParams
from starlette.routing import WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from channels.codec import Codec, negotiate
from channels.socket import Socket
from server.accounts.sessions import session_cookie
from server.errors import BadRequest, Forbidden, HoldfastError, Overloaded, RateLimited
from server.http.addresses import address_of
from server.http.cross_site import own_origin
from server.http.problems import problem
from server.live.conversation import Conversation, Handshake
from server.live.sessions import LiveSessions
from server.settings import Settings

RETRY_SECONDS: Final = 5
_TOKEN_NAMES: Final = frozenset({"token", "access_token", "jwt", "session", "authorization", "ticket"})


async def converse(websocket: WebSocket) -> None:
    """Refuse over HTTP, or accept and converse to the end."""
    parts = websocket.app.state.parts
    live = parts.live
    address = address_of(websocket.scope)
    try:
        codec = admit(websocket.scope, live, address)
    except HoldfastError as error:
        await websocket.send_denial_response(problem(error))
        return
    live.addresses[address] += 1
    try:
        await _talk(websocket, codec, parts)
    finally:
        live.addresses[address] -= 1
        if not live.addresses[address]:
            del live.addresses[address]


async def _talk(websocket: WebSocket, codec: Codec, parts: Any) -> None:
    handshake = handshake_of(websocket.headers, parts.settings)
    await websocket.accept(codec.value)
    async with Socket(websocket, codec, on_ready=parts.hub.ready, registry=parts.live.pulse) as socket:
        await Conversation(socket, parts.live, parts, handshake).run()


def admit(scope: Scope, live: LiveSessions, address: str) -> Codec:
    """The agreed codec of a handshake that may go on; raises the refusal."""
    headers = Headers(scope=scope)
    if live.pulse.draining:
        raise Overloaded("this server is going away", retry_after=1)
    if _TOKEN_NAMES & set(QueryParams(scope["query_string"])):
        raise BadRequest("tokens travel in the first message, never in the address")
    _require_own_origin(headers, live.settings)
    most = live.settings.max_sockets_per_address
    if most and live.addresses[address] >= most:
        raise RateLimited("too many sockets from one address", retry_after=RETRY_SECONDS)
    codec = negotiate(scope.get("subprotocols", []))
    if codec is None:
        raise BadRequest(f"offer one of the subprotocols {', '.join(codec.value for codec in Codec)}")
    return codec


def _require_own_origin(headers: Headers, settings: Settings) -> None:
    origins = headers.getlist("origin")
    if len(origins) > 1:
        raise BadRequest("Origin came more than once")
    if origins and not own_origin(origins[0], headers.get("host", ""), settings):
        raise Forbidden("this page may not open a socket here")
    if not origins and session_cookie(headers.get("cookie", "")) is not None:
        raise Forbidden("a cookie counts only from a page of ours")


def handshake_of(headers: Mapping[str, str], settings: Settings) -> Handshake:
    """The cookie counts only where it was set: on PUBLIC_URL, or on the very address that was asked for."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if origin != settings.public_url and origin not in {f"http://{host}", f"https://{host}"}:
        return Handshake()
    return Handshake(cookie=session_cookie(headers.get("cookie", "")))


routes = [WebSocketRoute("/ws", converse)]
