"""`websockets.broadcast`: python -m bench.peers.with_websockets PORT ORDERS_PORT BYTES."""

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def main(port: int, orders: int, size: int) -> None:
    connections: set[ServerConnection] = set()
    payload = b"x" * size

    async def keeps(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    async def obeys(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64):
            for _ in data:
                broadcast(connections, payload)

    await asyncio.start_server(obeys, "127.0.0.1", orders)
    async with serve(keeps, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
