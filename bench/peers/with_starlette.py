"""Starlette, `send_bytes` in a loop: python -m bench.peers.with_starlette PORT ORDERS_PORT BYTES."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def app_of(orders: int, size: int) -> Starlette:
    sockets: set[WebSocket] = set()
    payload = b"x" * size

    async def keeps(websocket: WebSocket) -> None:
        await websocket.accept()
        sockets.add(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_bytes()
        sockets.discard(websocket)

    async def obeys(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64):
            for _ in data:
                for websocket in list(sockets):
                    await websocket.send_bytes(payload)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with await asyncio.start_server(obeys, "127.0.0.1", orders):
            yield

    return Starlette(routes=[WebSocketRoute("/ws", keeps)], lifespan=lifespan)


if __name__ == "__main__":
    port, orders_port, bytes_ = map(int, sys.argv[1:])
    uvicorn.run(
        app_of(orders_port, bytes_),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
