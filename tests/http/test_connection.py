"""What a peer that nobody knows may cost: deadlines and bounds below the application, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from server.http import connection
from server.http.connection import BoundedHttpProtocol
from server.serve import listen

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

big = PlainTextResponse("x" * 20_000_000)


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


async def much(_request: Request) -> PlainTextResponse:
    return big


APP = Starlette(
    routes=[
        Route("/", length, methods=["GET", "POST"]),
        Route("/much", much),
        WebSocketRoute("/ws", echo),
    ]
)


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    config = uvicorn.Config(APP, http=BoundedHttpProtocol, ws="websockets-sansio", log_config=None)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server._serve([listener]))
        server.config.port = listener.getsockname()[1]
        yield server
        server.should_exit = True
        await task


@pytest.fixture
async def peer(server: uvicorn.Server) -> AsyncIterator[Callable[[], "asyncio.Task[Peer]"]]:
    """Opens connections, and closes them at the end."""
    opened: list[asyncio.StreamWriter] = []

    async def open_one() -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port, limit=2**25)
        opened.append(writer)
        return reader, writer

    yield lambda: asyncio.create_task(open_one())
    for writer in opened:
        writer.transport.abort()


Open = Callable[[], "asyncio.Task[Peer]"]
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: "


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that still comes, within a time that no working deadline takes."""
    async with asyncio.timeout(30):
        return await reader.read()


def shorten(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(connection, name, 0.5)


async def test_a_request_in_one_piece_is_answered(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(POST + b"3\r\nconnection: close\r\n\r\nabc")
    answer = await rest(reader)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n3")


async def test_a_long_body_is_not_taken_for_a_head(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(POST + b"60000\r\nconnection: close\r\n\r\n" + b"x" * 60_000)
    assert (await rest(reader)).endswith(b"\r\n\r\n60000")


async def test_requests_follow_each_other_on_one_connection(peer: Open) -> None:
    reader, writer = await peer()
    for size in (1, 5_000, 2):
        writer.write(POST + str(size).encode() + b"\r\n\r\n" + b"x" * size)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(str(size))) == str(size).encode()


async def test_requests_that_come_at_once_are_answered_in_turn(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(POST + b"1\r\n\r\na" + POST + b"2\r\nconnection: close\r\n\r\nab")
    answers = (await rest(reader)).split(b"HTTP/1.1 200")
    assert [answer[-1:] for answer in answers[1:]] == [b"1", b"2"]


@pytest.mark.parametrize("piece", [b"x: " + b"y" * 100_000, b"x: y\r\n" * 20_000, b"x" * 100_000])
async def test_an_endless_head_is_refused(peer: Open, piece: bytes) -> None:
    reader, writer = await peer()
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n" + piece)
    assert (await rest(reader)).startswith(b"HTTP/1.1 431 ")


async def test_an_endless_address_is_refused(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(b"GET /" + b"a" * 100_000)
    assert (await rest(reader)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: a\r\nx: "])
async def test_a_head_that_does_not_come_ends_the_connection(
    peer: Open, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    shorten(monkeypatch, "HEAD_SECONDS")
    reader, writer = await peer()
    writer.write(begun)
    assert await rest(reader) == b""


async def test_a_body_that_does_not_come_ends_the_connection(
    peer: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "BODY_SECONDS")
    reader, writer = await peer()
    writer.write(POST + b"10\r\n\r\nabc")
    assert b"200" not in await rest(reader)


def test_what_is_not_finished_has_the_time_that_is_documented() -> None:
    assert (connection.HEAD_SECONDS, connection.BODY_SECONDS) == (10.0, 15.0)


async def test_an_answer_that_nobody_reads_is_cut_off(
    server: uvicorn.Server, peer: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "UNREAD_SECONDS")
    lost = asyncio.Event()

    class Watched(BoundedHttpProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    server.config.http_protocol_class = Watched
    reader, writer = await peer()
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # a peer that does not read
    writer.write(b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.wait_for(lost.wait(), 30)
    reader._transport.resume_reading()  # type: ignore[attr-defined]  # to see what came
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(20_000_000)


async def test_an_answer_that_is_read_in_time_comes_whole(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(b"GET /much HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert (await rest(reader)).endswith(b"x" * 1000)


async def test_a_malformed_request_is_answered_with_400(peer: Open) -> None:
    reader, writer = await peer()
    writer.write(b"\x00\x01 nonsense\r\n\r\n" + b"x" * 10_000)
    assert (await rest(reader)).startswith(b"HTTP/1.1 400 ")


async def test_a_websocket_outlives_the_deadline_of_its_head(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "HEAD_SECONDS")
    async with connect(f"ws://127.0.0.1:{server.config.port}/ws") as socket:
        await asyncio.sleep(0.6)  # longer than a head may take here
        await socket.send("hello")
        assert await socket.recv() == "hello"
