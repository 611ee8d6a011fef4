"""How a connection that has served HTTP becomes a socket, for both kinds of socket."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import pytest

from channels import arrival
from channels.frames import TEXT
from channels.socket import Denial
from tests.channels.raw_peer import RawPeer, handshake, masked
from tests.channels.street import House, serving, until


@pytest.fixture(params=[False, True], ids=["direct", "plain"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with serving(plain=request.param) as house:
        yield house


@pytest.fixture
async def asking() -> AsyncIterator[House]:
    """One whose sockets have to ask others first."""
    async with serving() as house:
        house.has_rate_limit = True
        yield house
        assert not house.asking


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


async def test_a_fault_while_others_are_asked_is_answered_with_500(
    asking: House, caplog: pytest.LogCaptureFixture
) -> None:
    asking.fault = RuntimeError("nobody foresaw this")
    async with RawPeer(asking.port) as peer:
        assert peer.status == 500
        assert await peer.reader.read() == b""
    await until(lambda: not asking.server.server_state.connections)
    assert "nobody foresaw this" in caplog.text


async def test_a_fault_behind_the_answer_cuts_the_connection(
    asking: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "opens", None)
    async with RawPeer(asking.port) as peer:
        assert peer.status == 101
        assert await peer.ends_with() == 1006
    await until(lambda: not asking.server.server_state.connections)


async def test_a_handshake_about_which_others_do_not_answer_is_cut(
    asking: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "ASK_SECONDS", 0.05)
    asking.asked.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", asking.port)
    writer.write(handshake())
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 60)
    writer.close()
    asking.asked.set()
    await until(lambda: not asking.asking)
    assert asking.opened.empty()


async def test_a_socket_outlives_the_deadline_of_its_asking(
    asking: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "ASK_SECONDS", 1.0)
    async with asking.connect() as client:
        await asyncio.sleep(1.1)
        await client.send('{"type":"hello"}')
        assert "welcome" in str(await client.recv())


async def test_who_is_gone_before_it_is_refused_is_told_nothing(
    asking: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.denial = Denial(429, [], b"too often")
    asking.asked.clear()
    told: list[object] = []
    monkeypatch.setattr("channels.handshake.refusal", lambda *words: told.append(words))
    _reader, writer = await asyncio.open_connection("127.0.0.1", asking.port)
    writer.write(handshake())
    await until(lambda: asking.asking)
    writer.transport.abort()
    await until(lambda: not asking.server.server_state.connections)
    asking.asked.set()
    await until(lambda: not asking.asking)
    assert told == []
