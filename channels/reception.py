"""A connection until its first bytes say what it is: a plain handshake for our path, or for uvicorn.

A herd of clients all come by the same few lines. These are read here, once and by nobody else; whatever is
said in pieces, in another form or for another path goes to the HTTP class, as if it had come there.
"""

import asyncio
from typing import Any

from channels import handshake
from channels.arrival import Arrival, Arrivals
from channels.heads import Heads
from channels.house import House

FIRST_SECONDS = 10.0
"""How long a connection may say nothing at all."""


class Receptions:
    """Given to uvicorn as `http=`; `http` is the class for all that is not a plain handshake."""

    def __init__(self, arrivals: Arrivals, http: Any) -> None:
        self._arrivals = arrivals
        self._heads = Heads(arrivals.path)
        self._http = http

    def __call__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Reception":
        """As uvicorn calls a protocol class."""
        house = self._arrivals.house(server_state)
        return Reception(house, self._heads, self._http, (config, server_state, app_state))


class Reception(Arrival):
    """One such connection. It shakes hands itself, as an Arrival."""

    __slots__ = ("_heads", "_http")

    def __init__(
        self, house: House, heads: Heads, http: Any, made_with: tuple[Any, Any, dict[str, Any]]
    ) -> None:
        super().__init__(house, made_with)
        self._heads = heads
        self._http = http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Its first word has some seconds."""
        super().connection_made(transport)
        self._house.first_word.add(self, FIRST_SECONDS)

    def data_received(self, data: bytes) -> None:
        """The first word; until its answer a client says nothing more (4.1)."""
        if self._asked:
            return
        self._asked = True
        self._house.first_word.discard(self)
        found = self._heads.read(data)
        if found is None:
            self._let_http(data)
        else:
            request, key, cookie = found
            self._meet(request, cookie, handshake.accept_of(key))

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer went."""
        self._house.first_word.discard(self)
        super().connection_lost(exc)

    def _let_http(self, data: bytes) -> None:
        config, state, app_state = self._made_with
        other = self._http(config=config, server_state=state, app_state=app_state)
        self._hand_over(other)
        other.connection_made(self._transport)
        other.data_received(data)

    def _hand_over(self, to: asyncio.Protocol) -> None:
        """At once: nobody sets another protocol after this."""
        self._never_cut()
        self._house.connections.discard(self)
        self._next = to
        self._transport.set_protocol(to)
