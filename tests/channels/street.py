"""A server whose sockets answer `hello` with `welcome` and everything else with `ok`, by either path."""

import asyncio
import contextlib
import socket as sockets
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from channels import protocol
from channels.arrival import Arrivals
from channels.codec import Codec, negotiate
from channels.descriptor import keep_little
from channels.fit import PLAIN
from channels.handshake import Knock
from channels.plain import serve_plainly
from channels.pulse import Pulse
from channels.reception import Receptions
from channels.socket import Denial, Socket
from server.http.connection import BoundedHttpProtocol
from tests.channels.raw_peer import PATIENCE

JSON = Codec.JSON.value


class End(NamedTuple):
    """How a conversation ended."""

    code: int
    clean: bool


class House:
    """A channels.socket.Door, and what was seen through it."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = self.registry = pulse
        self.opened: asyncio.Queue[Socket] = asyncio.Queue()
        self.ended: asyncio.Queue[End] = asyncio.Queue()
        self.readied: list[Socket] = []
        self.received: list[protocol.AnyClientMessage] = []
        self.knocks: list[Knock] = []
        self.has_rate_limit = False
        self.denial: Denial | None = None
        self.fault: Exception | None = None
        self.asking: set[asyncio.Task[float]] = set()
        self.asked = asyncio.Event()
        self.asked.set()
        self.server: Any = None
        self.url = ""
        self.port = 0

    def rate_limit_wait(self, _knock: Knock) -> "asyncio.Future[float]":
        asking = asyncio.create_task(self._count())
        self.asking.add(asking)
        asking.add_done_callback(self.asking.discard)
        return asking

    async def _count(self) -> float:
        await self.asked.wait()
        if self.fault is not None:
            raise self.fault
        return 0.0 if self.denial is None else 1.0

    def too_many(self, _knock: Knock, _wait: float) -> Denial:
        assert self.denial is not None
        return self.denial

    def admit(self, knock: Knock) -> Codec | Denial:
        self.knocks.append(knock)
        codec = negotiate([name.decode() for name in knock.request.tokens(b"sec-websocket-protocol")])
        if codec is None:
            return Denial(400, [(b"content-type", b"text/plain")], b"offer one of ours")
        return codec

    def opens(self, socket: Socket, _knock: Knock) -> "Talk":
        self.opened.put_nowait(socket)
        return Talk(self, socket)

    def ready(self, socket: Socket) -> None:
        self.readied.append(socket)

    def connect(self, codec: str = JSON, **options: Any) -> connect:
        return connect(self.url, subprotocols=[codec], **options)  # type: ignore[list-item]  # a NewType of str


class Talk:
    """One conversation of this house."""

    def __init__(self, house: House, socket: Socket) -> None:
        self.house = house
        self.socket = socket

    def heard(self, message: protocol.AnyClientMessage) -> None:
        self.house.received.append(message)
        if isinstance(message, protocol.Hello):
            self.house.pulse.met(self.socket)
            self.socket.answer(welcome())
        elif message == protocol.Leave():
            raise RuntimeError("the conversation broke")
        else:
            self.socket.answer(protocol.Ok(ref=message.ref or 0))

    def ended(self, code: int, *, clean: bool) -> None:
        self.house.ended.put_nowait(End(code, clean))


def welcome() -> protocol.Welcome:
    return protocol.Welcome(
        session="s", token="t", node="n", server_time=0, heartbeat_seconds=10, cart=None, holds=()
    )


@contextlib.asynccontextmanager
async def serving(
    *, plain: bool = False, pulse: Pulse | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[House]:
    """A real uvicorn on a port of its own, with `/ws` of ours, and `/echo` and `/page` of an app."""
    house = House(pulse or Pulse(heartbeat_seconds=10, liveness_seconds=30))

    async def endpoint(websocket: WebSocket) -> None:
        await serve_plainly(websocket, house)

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    async def page(request: Request) -> PlainTextResponse:
        await asyncio.sleep(float(request.query_params.get("after", 0)))
        return PlainTextResponse("a page" * int(request.query_params.get("times", 1)))

    app = Starlette(
        routes=[WebSocketRoute("/ws", endpoint), WebSocketRoute("/echo", echo), Route("/page", page)]
    )
    arrivals = Arrivals(house)
    http: Any = BoundedHttpProtocol if plain else Receptions(arrivals, BoundedHttpProtocol)
    ws: Any = PLAIN if plain else arrivals
    config = uvicorn.Config(
        app,
        port=0,
        http=http,
        ws=ws,
        ws_max_size=protocol.MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    if tls is not None:
        config.load()
        config.ssl = tls
    house.server = server = uvicorn.Server(config)
    listener = sockets.create_server(("127.0.0.1", 0))
    keep_little(listener)
    task = asyncio.create_task(server.serve([listener]))
    house.port = listener.getsockname()[1]
    house.url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{house.port}/ws"
    await until(lambda: server.started)
    try:
        yield house
    finally:
        server.should_exit = True
        await task
        listener.close()


async def until(holds: Callable[[], object]) -> None:
    """Wait for what tells nobody."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


async def next_of(queue: "asyncio.Queue[Any]") -> Any:
    """The next thing in a queue, soon."""
    async with asyncio.timeout(PATIENCE):
        return await queue.get()
