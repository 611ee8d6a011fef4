"""A port in the loop that runs already: it opens at once, closes at once, and may go away for a while."""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class _Protocol(HttpToolsProtocol):
    """Gives the application its connection, to cut it: `scope["transport"]`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["transport"] = self.transport


class Listener:
    """Serves `app` on a loopback port."""

    def __init__(self, app: "ASGIApp", port: int = 0) -> None:
        self._config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
        self._config.load()
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self.port = port or _free_port()

    async def open(self) -> None:
        """Take connections. Opening what is open changes nothing."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connection, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuse connections and cut those that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in list(self._state.connections):
            if connection.transport:
                connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    def _connection(self) -> asyncio.Protocol:
        protocol = _Protocol(self._config, self._state, {})
        # Cut replies are what the fake is for: they are no errors of the server under it.
        protocol.logger = _silent
        return protocol


_silent = logging.getLogger("fake_stripe.uvicorn")
_silent.disabled = True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
