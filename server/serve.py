"""The process that serves: one listening socket, uvicorn on one loop, and an orderly end."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from channels.descriptor import keep_little
from channels.fit import protocols
from channels.protocol import MAX_FRAME_BYTES
from server.app import create_app
from server.http.connection import BoundedHttpProtocol
from server.ops.garbage import collected_rarely
from server.settings import Settings

_log = structlog.get_logger("holdfast.serve")

BACKLOG = 2048
ACCEPTED_AT_ONCE = 4
"""Connections taken in one turn of the loop: libuv takes one for each descriptor that it watches."""

STOP_SECONDS = 10
KEEP_ALIVE_SECONDS = 75  # longer than the proxies' usual 60, so that it is they who close an idle connection
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CannotServe(Exception):
    """The server does not come up; the message says why, in words for the person who started it."""


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on; port 0 takes a free one. Raises CannotServe where it is taken or not ours."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(found[0], found[1], found[2])
    except OSError as error:
        raise CannotServe(f"HOST: {host!r} is no address of this machine ({error.strerror})") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(found[4])
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise CannotServe(
            f"PORT: cannot listen on {host}:{port} ({reason}); another one: PORT=8123"
        ) from error
    return listener


async def serve(
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    ready: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
    app: Starlette | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or `stop`; calls `ready` once requests are taken.

    On the way out `app.state.drain`, where the app has one, is awaited first: it says goodbye to the sockets.
    A second signal does not wait for anything. Raises CannotServe where the app does not start.
    """
    listener = listener or listen(settings.host, settings.port)
    keep_little(listener)
    sockets = [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]
    app = app or create_app(settings)
    server = _Server(_configuration(app, settings), ready, getattr(app.state, "drain", None), stop)
    try:
        async with collected_rarely():
            await server.serve(sockets)
    except SystemExit as error:
        raise CannotServe("the server did not start; the log above says why") from error
    finally:
        for each in sockets:
            each.close()


def _configuration(app: Starlette, settings: Settings) -> uvicorn.Config:
    door = getattr(app.state, "door", None)
    http, ws = protocols(door, BoundedHttpProtocol, plain=settings.plain_sockets == "yes")
    return uvicorn.Config(
        app,
        http=http,
        ws=ws,
        ws_per_message_deflate=False,  # by uvicorn's own class it costs 40 KB a connection
        ws_max_size=MAX_FRAME_BYTES,
        lifespan="on",
        log_config=None,  # server/ops/logs.py has set it up
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=BACKLOG,
    )


class _Server(uvicorn.Server):
    """uvicorn's, except that a signal drains first and does not end the process behind its owner's back."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None] | None,
        drain: Callable[[], Awaitable[None]] | None,
        stop: asyncio.Event | None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._drain = drain
        self._stop = stop or asyncio.Event()
        self._over = asyncio.Event()
        self._by_signals = stop is None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        ending = loop.create_task(self._end())
        for number in SIGNALS if self._by_signals else ():
            loop.add_signal_handler(number, self._signalled)
        try:
            yield
        finally:
            ending.cancel()
            for number in SIGNALS if self._by_signals else ():
                loop.remove_signal_handler(number)

    def _signalled(self) -> None:
        if self._stop.is_set():
            self.force_exit = self.should_exit = True
            self._over.set()
        self._stop.set()

    async def _end(self) -> None:
        await self._stop.wait()
        try:
            if self._drain is not None and self.started:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._drain()
        except Exception:  # noqa: BLE001  # whatever it is must not keep the process from ending
            _log.exception("drain failed")
        finally:
            self.should_exit = True
            self._over.set()

    async def main_loop(self) -> None:
        """Of uvicorn, which looks ten times a second whether it is over; we are told, and renew the date."""
        looks = 0
        while not await self.on_tick(looks):
            looks += 10
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()
