"""From a request that asks to upgrade to the socket that it becomes.

`Lines` is given to uvicorn as `ws=`, which calls it as it would its own protocol class and hands the
request's head to what it makes: an `Arrival`. On our path that shakes hands and is followed by a `Line`
(line.py); on every other, by uvicorn's own class, to which everything is told again. What of uvicorn this
relies on is checked at start by fit.py.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

from starlette.types import Scope

from channels import handshake
from channels import socket as sockets
from channels.bounded import BoundedWebSocketProtocol
from channels.house import House
from channels.line import HIGH_WATER, NOT_SENT_LOW_WATER, Line
from channels.socket import Denial, Door

ASK_SECONDS = 10.0
"""How long it may take to ask others about a handshake, before its connection is cut."""

_log = logging.getLogger("holdfast.socket")


class Lines:
    """Makes an Arrival for each upgrade, and what all of one server's lines share."""

    def __init__(self, door: Door, path: str = "/ws") -> None:
        self._door = door
        self._path = path
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
        if self._house is None or self._state is not server_state:
            self._state = server_state
            self._house = House(
                self._door, asyncio.get_running_loop(), server_state.connections, server_state.tasks
            )
        return Arrival(self._house, self._path, (config, server_state, app_state))


class Arrival(asyncio.Protocol):
    """One connection until its handshake is decided; `made_with` is what uvicorn made it with."""

    _transport: asyncio.Transport

    def __init__(self, house: House, path: str, made_with: tuple[Any, Any, dict[str, Any]]) -> None:
        self._house = house
        self._path = path
        self._made_with = made_with
        self._asked = False
        self._next: asyncio.Protocol | None = None
        self._closer: asyncio.TimerHandle | None = None

    # -- uvicorn and the transport ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection exists already; its request comes next."""
        self._transport = cast("asyncio.Transport", transport)
        self._house.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """The request's head, at once; until its answer a client says nothing more (4.1)."""
        if self._next is not None:
            self._next.data_received(data)
        elif not self._asked:
            self._asked = True
            request = handshake.read_head(data)
            if request.path == self._path:
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
        """The caller is about to make this the transport's protocol: so a moment later."""
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
            return
        scope = self._scope(request)
        if self._house.door.waits:
            self._cut_later(ASK_SECONDS)
            task = self._house.loop.create_task(self._ask(request, accepted, scope))
            self._house.tasks.add(task)
            task.add_done_callback(self._house.tasks.discard)
        else:
            self._admit(request, accepted, scope)

    async def _ask(self, request: handshake.Request, accepted: bytes, scope: Scope) -> None:
        try:
            denial = await self._house.door.counts(scope)
            if denial is not None:
                self._refuse(denial)
            else:
                self._admit(request, accepted, scope)
        except Exception:  # noqa: BLE001 - whatever it was, the connection must not stay open and mute
            _log.critical("a handshake broke", exc_info=True)
            if self._next is None:
                self._refuse(Denial(HTTPStatus.INTERNAL_SERVER_ERROR, [], b""))
            else:
                self._transport.abort()

    def _scope(self, request: handshake.Request) -> Scope:
        """As ASGI has it, as far as a door looks at it."""
        raw_path, _, query = request.target.partition(b"?")
        offered = request.tokens(b"sec-websocket-protocol")
        peer = self._transport.get_extra_info("peername")
        return {
            "type": "websocket",
            "path": request.path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": request.headers,
            "subprotocols": [name.decode("latin-1") for name in offered],
            "client": tuple(peer[:2]) if isinstance(peer, tuple | list) else None,
        }

    def _admit(self, request: handshake.Request, accepted: bytes, scope: Scope) -> None:
        if self._transport.is_closing():
            return
        admitted = self._house.door.admit(scope)
        if isinstance(admitted, Denial):
            self._refuse(admitted)
            return
        deflated = handshake.deflates(request)
        self._keep_little_waiting()
        self._transport.write(
            handshake.switching(accepted, admitted.value.encode(), deflated=deflated, more=self._headers)
        )
        line = Line(self._house, self._transport, deflates=deflated)
        self._hand_over(line)
        line.begin(admitted, scope)

    def _keep_little_waiting(self) -> None:
        """In uvicorn's buffer and in the kernel's: what waits there can't be merged any more."""
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        connection = self._transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with suppress(OSError):  # a Unix socket has no such option
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)

    def _refuse(self, denial: Denial) -> None:
        if self._transport.is_closing():
            return
        headers = [*denial.headers, *self._headers]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(denial.body)).encode()))
        self._transport.write(handshake.refusal(denial.status, headers, denial.body))
        self._transport.close()
        self._cut_later()

    @property
    def _headers(self) -> list[tuple[bytes, bytes]]:
        """What uvicorn adds to every answer: the date."""
        headers: list[tuple[bytes, bytes]] = self._made_with[1].default_headers
        return headers

    def _cut_later(self, seconds: float | None = None) -> None:
        """In so many seconds from now, whatever was said before."""
        self._never_cut()
        wait = sockets.CLOSE_SECONDS if seconds is None else seconds
        self._closer = self._house.loop.call_later(wait, self._transport.abort)

    def _never_cut(self) -> None:
        if self._closer is not None:
            self._closer.cancel()
            self._closer = None
