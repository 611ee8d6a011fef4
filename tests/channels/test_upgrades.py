"""How a connection that has served HTTP becomes a socket, for both kinds of socket."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import pytest

from channels.frames import TEXT
from tests.channels.raw_peer import handshake, masked
from tests.channels.street import House, serving, until


@pytest.fixture(params=[False, True], ids=["line", "plain"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with serving(plain=request.param) as house:
        yield house


def asks(query: str) -> bytes:
    return f"GET /page?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def test_a_connection_whose_answers_were_read_becomes_a_socket(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    for _ in range(2):
        writer.write(asks("times=50000"))
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(50_000 * len("a page"))
    writer.write(handshake())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(masked(TEXT, b'{"type":"hello"}'))
    assert b'"welcome"' in await reader.readuntil(b"}")
    writer.close()


async def test_one_whose_answer_is_still_being_made_is_cut(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(asks("after=0.2") + handshake())
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    assert house.opened.empty()
    writer.close()
    await until(lambda: not house.server.server_state.connections)


@pytest.mark.parametrize(("times", "count"), [(1_000_000, 1), (50_000, 30)])
async def test_one_whose_answers_were_not_read_is_cut(house: House, times: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    with sockets.socket() as peer:
        peer.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", house.port))
        peer.setblocking(False)
        await loop.sock_sendall(peer, asks(f"times={times}") * count)
        await asyncio.sleep(0.2)
        await loop.sock_sendall(peer, handshake())
        await until(lambda: not house.server.server_state.connections)
    assert house.opened.empty()
