"""From a request that asks to upgrade to the socket that it becomes.

A connection begins as a `Reception` (reception.py), which shakes hands by itself where the first thing that
is said is a plain handshake for our path, and gives everything else to uvicorn. What uvicorn then finds to be
an upgrade comes here, too: `Arrivals` is given to it as `ws=`; uvicorn calls it as it would its own protocol
class and hands the request's head to the `Arrival` that this makes. On our path the Arrival shakes hands and
makes way for a `DirectSocket` (direct.py); on every other, for uvicorn's own class, which is told everything
again. What of uvicorn this relies on is checked at start by fit.py.
"""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Any

from channels import handshake
from channels import socket as sockets
from channels.bounded import BoundedWebSocketProtocol
from channels.corking import Cork
from channels.direct import DirectSocket
from channels.handshake import Knock
from channels.house import Deadlines, House
from channels.socket import Denial, Door

ASK_SECONDS = 10.0
"""How long the rate limit may take to answer about a handshake, before its connection is cut."""

_log = logging.getLogger("holdfast.socket")


class Arrivals:
    """Makes an Arrival for each upgrade, and what all sockets of one server share."""

    def __init__(self, door: Door, path: str = "/ws") -> None:
        self._door = door
        self.path = path
        self._house: House | None = None
        self._state: Any = None

    def __call__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Arrival":
        """As uvicorn calls a protocol class."""
        return Arrival(self.house(server_state), (config, server_state, app_state))

    def house(self, server_state: Any) -> House:
        """The house of this running server."""
        if self._house is None or self._state is not server_state:
            loop = asyncio.get_running_loop()
            self._state = server_state
            self._house = House(
                self._door,
                self.path,
                loop,
                server_state.connections,
                first_word=Deadlines(loop),
                rate_limit=Deadlines(loop),
                cork=Cork(),
            )
        return self._house


class Arrival(asyncio.Protocol):
    """One connection until its handshake is decided; `made_with` is what uvicorn made it with."""

    __slots__ = ("_asked", "_closer", "_house", "_made_with", "_next", "_transport")

    _transport: asyncio.Transport

    def __init__(self, house: House, made_with: tuple[Any, Any, dict[str, Any]]) -> None:
        self._house = house
        self._made_with = made_with
        self._asked = False
        self._next: asyncio.Protocol | None = None
        self._closer: asyncio.TimerHandle | None = None

    # -- uvicorn and the transport ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection exists already; its request comes next."""
        self._transport = transport  # type: ignore[assignment]  # of a connection
        self._house.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """The request's head, at once; until its answer a client says nothing more (4.1)."""
        if self._next is not None:
            self._next.data_received(data)
        elif not self._asked:
            self._asked = True
            request = handshake.read_head(data)
            if request.path == self._house.path:
                self._shake(request)
            else:
                self._let_uvicorn(data)

    def eof_received(self) -> None:
        """The peer sends no more: the transport closes."""

    def pause_writing(self) -> None:
        """For who takes over, if that is known already."""
        if self._next is not None:
            self._next.pause_writing()

    def resume_writing(self) -> None:
        """For who takes over, if that is known already."""
        if self._next is not None:
            self._next.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer went before it had its answer, or was refused."""
        self._house.connections.discard(self)
        self._house.rate_limit.discard(self)
        self._never_cut()
        if self._next is not None:
            self._next.connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends."""
        self._transport.close()
        self._cut_later()

    # -- the handshake ---------------------------------------------------------------------------------------

    def _let_uvicorn(self, head: bytes) -> None:
        config, state, app_state = self._made_with
        other = BoundedWebSocketProtocol(config, state, app_state)
        other.connection_made(self._transport)
        other.data_received(head)
        self._hand_over(other)

    def _hand_over(self, to: asyncio.Protocol) -> None:
        """A turn later: uvicorn is about to make this Arrival the transport's protocol, and would undo it."""
        self._never_cut()
        self._house.connections.discard(self)
        self._next = to
        self._house.loop.call_soon(self._transport.set_protocol, to)

    def _shake(self, request: handshake.Request) -> None:
        try:
            accepted = handshake.accept(request)
        except handshake.BadHandshake as error:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            if error.header is not None:
                headers.append(error.header)
            self._refuse(Denial(error.status, headers, f"{error}\n".encode()))
        else:
            self._meet(request, request.value(b"cookie"), accepted)

    def _meet(self, request: handshake.Request, cookie: str, accepted: bytes) -> None:
        """It is a handshake; `accepted` proves that its key was read."""
        peer = self._transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else None
        knock = Knock(request, cookie, host, below_asgi=True)
        if self._house.door.has_rate_limit:
            self._house.rate_limit.add(self, ASK_SECONDS)
            asked = self._house.door.rate_limit_wait(knock)
            asked.add_done_callback(partial(self._heard_rate_limit, knock, accepted))
        else:
            self._admit(knock, accepted)

    def overdue(self) -> None:
        """The client said nothing in time, or the rate limit did not."""
        self._transport.abort()

    def _heard_rate_limit(self, knock: Knock, accepted: bytes, asked: "asyncio.Future[float]") -> None:
        self._house.rate_limit.discard(self)
        try:
            wait = asked.result()
            if wait:
                self._refuse(self._house.door.too_many(knock, wait))
            else:
                self._admit(knock, accepted)
        except Exception:  # noqa: BLE001 - whatever it was, the connection must not stay open and mute
            _log.critical("a handshake broke", exc_info=True)
            if self._next is None:
                self._refuse(Denial(HTTPStatus.INTERNAL_SERVER_ERROR, [], b""))
            else:
                self._transport.abort()

    def _admit(self, knock: Knock, accepted: bytes) -> None:
        if self._transport.is_closing():
            return
        admitted = self._house.door.admit(knock)
        if isinstance(admitted, Denial):
            self._refuse(admitted)
            return
        deflates = knock.request.deflates
        self._transport.write(handshake.switching(accepted, admitted.subprotocol, deflated=deflates))
        socket = DirectSocket(self._house, self._transport, deflates=deflates)
        self._hand_over(socket)
        socket.begin(admitted, knock)

    def _refuse(self, denial: Denial) -> None:
        if self._transport.is_closing():
            return
        dated: list[tuple[bytes, bytes]] = self._made_with[1].default_headers  # as uvicorn's answers
        headers = [*denial.headers, *dated]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(denial.body)).encode()))
        self._transport.write(handshake.refusal(denial.status, headers, denial.body))
        self._transport.close()
        self._cut_later()

    def _cut_later(self, seconds: float | None = None) -> None:
        """In so many seconds from now, whatever was said before."""
        self._never_cut()
        wait = sockets.CLOSE_SECONDS if seconds is None else seconds
        self._closer = self._house.loop.call_later(wait, self._transport.abort)

    def _never_cut(self) -> None:
        if self._closer is not None:
            self._closer.cancel()
            self._closer = None
