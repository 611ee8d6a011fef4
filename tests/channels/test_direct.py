"""What only a direct socket does: compression, strict lengths, a place in uvicorn, and leaving nothing."""

import asyncio
import gc
import json
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from channels import control, direct, fit, handshake, protocol, pulse
from channels import socket as sockets
from channels.arrival import Arrival, Arrivals
from channels.codec import Codec, frame
from channels.direct import DirectSocket
from channels.frames import CLOSE, CONTINUATION, PING, TEXT, Reader
from channels.protocol import MAX_FRAME_BYTES
from channels.pulse import Pulse
from channels.reception import Receptions
from channels.socket import Denial
from server.http.connection import BoundedHttpProtocol
from tests.channels.raw_peer import RawPeer, masked
from tests.channels.street import End, House, next_of, serving, until

EXTEND = b'{"type":"extend","ref":"a long one, for it is to be compressed, compressed, compressed"}'
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
RSV1 = 0x40


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with serving() as house:
        yield house


@pytest.fixture
async def deflating(house: House) -> AsyncIterator[RawPeer]:
    async with RawPeer(house.port, OFFER) as peer:
        assert peer.headers["sec-websocket-extensions"] == handshake.AGREED.decode()
        yield peer


def deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def finished(payload: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(payload) + packer.flush(zlib.Z_FINISH)


# -- RFC 6455 beyond what uvicorn's own class checks --------------------------------------------------------


@pytest.mark.parametrize(("size", "form"), [(5, 16), (5, 64), (125, 16), (126, 64), (65_535, 64)])
async def test_5_2_a_length_in_more_bytes_than_it_needs_fails_with_1002(
    house: House, size: int, form: int
) -> None:
    async with RawPeer(house.port) as peer:
        peer.send(masked(TEXT, b" " * size, form=form))
        assert await peer.ends_with() == 1002


async def test_5_2_a_length_of_64_bits_begins_with_a_0(house: House) -> None:
    async with RawPeer(house.port) as peer:
        peer.send(b"\x81\xff" + b"\xff" * 8)
        assert await peer.ends_with() == 1002


async def test_8_1_the_first_bad_fragment_fails_before_the_message_is_whole(house: House) -> None:
    async with RawPeer(house.port) as peer:
        peer.send(masked(TEXT, b"\xce\xba\xe1", final=False), masked(CONTINUATION, b"x", final=False))
        assert await peer.ends_with() == 1007


def test_5_4_each_message_is_bounded_by_itself() -> None:
    parts = [masked(CONTINUATION, b"x" * 200, final=False)] * 200
    reader = Reader()
    reader.feed(b"".join([masked(TEXT, final=False), *parts, masked(CONTINUATION)] * 3))
    assert [reader.next() for _ in range(4)] == [(TEXT, b"x" * 40_000)] * 3 + [None]
    assert reader.idle


async def test_5_5_pings_in_a_flood_fail_with_1008_and_a_budget_comes_back(house: House) -> None:
    async with RawPeer(house.port) as peer:
        opened = await next_of(house.opened)
        peer.send(*[masked(PING)] * control.BURST)
        for _ in range(control.BURST):
            assert (await peer.next()).opcode == 0xA
        opened._control_until -= 1 / control.PER_SECOND
        peer.send(masked(PING))
        assert (await peer.next()).opcode == 0xA
        peer.send(masked(PING), masked(PING))
        assert await peer.ends_with() == 1008


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Upgrade: websocket, h2c"], 101),
        (["Content-Length: 0"], 101),
        (["Content-Length: 5"], 400),
        (["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"], 426),
    ],
)
async def test_4_2_1_what_else_a_handshake_must_be(lines: list[str], status: int) -> None:
    usual = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
    ]
    more = [
        (name.lower().encode(), value.strip().encode())
        for name, _, value in (x.partition(":") for x in lines)
    ]
    named = {name for name, _ in more}
    headers = [*(pair for pair in usual if pair[0] not in named), *more]
    assert status_of(handshake.Request(b"GET", b"/ws", headers)) == status
    assert status_of(handshake.Request(b"POST", b"/ws", headers)) == 405
    for missing in (b"upgrade", b"connection"):
        rest = [pair for pair in headers if pair[0] != missing]
        assert status_of(handshake.Request(b"GET", b"/ws", rest)) in {400, 426}


def status_of(request: handshake.Request) -> int:
    try:
        handshake.accept(request)
    except handshake.BadHandshake as error:
        return error.status
    return HTTPStatus.SWITCHING_PROTOCOLS


# -- RFC 7692: permessage-deflate ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits", True),
        ("permessage-deflate; client_max_window_bits=10", True),
        ('permessage-deflate; client_max_window_bits="15"', True),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", True),
        ("permessage-deflate; server_max_window_bits=10", False),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", True),
        ("foo, permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits=7", False),
        ("permessage-deflate; client_max_window_bits=16", False),
        ("permessage-deflate; server_no_context_takeover=1", False),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", False),
        ("permessage-deflate; unknown", False),
        ("permessage-bzip2", False),
        ("", False),
    ],
)
def test_7692_7_1_what_is_agreed_on(offers: str, agreed: bool) -> None:
    headers = [(b"sec-websocket-extensions", offers.encode())]
    assert handshake.Request(b"GET", b"/ws", headers).deflates is agreed


async def test_7692_7_2_2_a_compressed_message_is_read_in_one_piece_or_in_fragments(
    deflating: RawPeer,
) -> None:
    packed = deflated(EXTEND)
    for _ in range(2):
        deflating.send(masked(TEXT, packed, reserved=RSV1))
        assert json.loads(await deflating.said())["ref"].startswith("a long one")
        deflating.send(masked(TEXT, packed[:9], reserved=RSV1, final=False), masked(CONTINUATION, packed[9:]))
        assert json.loads(await deflating.said())["ref"].startswith("a long one")
        deflating.send(masked(TEXT, EXTEND))
        assert json.loads(await deflating.said())["ref"].startswith("a long one")


@pytest.mark.parametrize("behind", [b"", b"\x00"])
async def test_7692_7_2_3_4_a_last_block_may_say_that_it_is(deflating: RawPeer, behind: bytes) -> None:
    for _ in range(2):
        deflating.send(masked(TEXT, finished(EXTEND) + behind, reserved=RSV1))
        assert json.loads(await deflating.said())["ref"].startswith("a long one")


async def test_7692_7_2_3_6_an_empty_message_is_an_empty_block(deflating: RawPeer) -> None:
    deflating.send(masked(TEXT, b"\x00", reserved=RSV1))
    assert json.loads(await deflating.said())["code"] == "bad_request"


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        (1002, [masked(TEXT, b"{", final=False), masked(CONTINUATION, b"}", reserved=RSV1)]),
        (1002, [masked(PING, b"x", reserved=RSV1)]),
        (1007, [masked(TEXT, b"\xff\xff\xff", reserved=RSV1)]),
        (1007, [masked(TEXT, deflated(b'{"\xff'), reserved=RSV1)]),
        (1007, [masked(TEXT, deflated(EXTEND)[:-6], reserved=RSV1)]),
        (1007, [masked(TEXT, finished(EXTEND) + b"more", reserved=RSV1)]),
        (1009, [masked(TEXT, deflated(b" " * (MAX_FRAME_BYTES + 1)), reserved=RSV1)]),
        (1009, [masked(TEXT, deflated(b" " * 50_000_000), reserved=RSV1)]),
    ],
)
async def test_7692_6_what_is_compressed_wrongly_fails(
    deflating: RawPeer, code: int, frames: list[bytes]
) -> None:
    deflating.send(*frames)
    assert await deflating.ends_with() == code


async def test_7692_7_2_1_a_broadcast_goes_out_compressed_to_whom_that_was_agreed_with(
    house: House, deflating: RawPeer
) -> None:
    opened = await next_of(house.opened)
    shared = frame(protocol.Totals(channel="c" * 1000, epoch="e", version=1, sections={}), Codec.JSON)
    for _ in range(2):
        opened.push(shared)
        received = await deflating.next()
        assert received.first == 0xC1
        unpacked = zlib.decompressobj(wbits=-15).decompress(received.payload + b"\x00\x00\xff\xff")
        assert unpacked == shared.data
        opened.answer(protocol.Ok(ref=1))
        assert (await deflating.next()).first == 0x81
    async with house.connect(compression=None) as client:
        opened = await next_of(house.opened)
        assert not opened.deflates
        opened.push(shared)
        assert (await client.recv()) == shared.data.decode()


async def test_a_client_library_understands_what_was_agreed(house: House) -> None:
    async with house.connect(extensions=[ClientPerMessageDeflateFactory()], compression=None) as client:
        assert client.protocol.extensions
        await client.send(EXTEND.decode())
        assert json.loads(await client.recv())["type"] == "ok"
        opened = await next_of(house.opened)
        for size in (10, 1000, 70_000):
            shared = frame(protocol.Totals(channel="c" * size, epoch="e", version=1, sections={}), Codec.JSON)
            opened.push(shared)
            assert await client.recv() == shared.data.decode()


# -- its place in uvicorn -----------------------------------------------------------------------------------


async def test_every_other_path_goes_the_usual_way(house: House) -> None:
    async with connect(house.url.replace("/ws", "/echo")) as client:
        await client.send("to uvicorn's own class")
        assert await client.recv() == "to uvicorn's own class"
    async with RawPeer(house.port, head=b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n") as peer:
        assert peer.status == 200
    await until(lambda: not house.server.server_state.connections)


async def test_the_server_knows_its_connections_and_forgets_them(house: House) -> None:
    connections = house.server.server_state.connections
    async with house.connect() as client:
        await client.send('{"type":"hello"}')
        await client.recv()
        assert [type(each) for each in connections] == [DirectSocket]
        assert not house.server.server_state.tasks
    await until(lambda: not connections)
    async with RawPeer(house.port, "Sec-WebSocket-Protocol: chat") as peer:
        assert peer.status == 400
    await until(lambda: not connections)


async def test_a_server_that_ends_closes_who_is_still_there_and_does_not_wait_long(house: House) -> None:
    async with house.connect() as client, RawPeer(house.port) as mute:
        house.server.should_exit = True
        await client.wait_closed()
        assert client.close_code == 4100
        assert await mute.ends_with() == 4100
    assert {await next_of(house.ended) for _ in range(2)} == {End(4100, clean=False)}


async def test_what_must_be_asked_of_others_is_asked_before_the_answer(house: House) -> None:
    house.has_rate_limit = True
    async with house.connect() as client:
        await client.send('{"type":"hello"}')
        assert json.loads(await client.recv())["type"] == "welcome"
    house.denial = Denial(429, [(b"retry-after", b"7")], b"too often")
    async with RawPeer(house.port) as peer:
        assert (peer.status, peer.headers["retry-after"]) == (429, "7")
        assert await peer.reader.read() == b"too often"
    await until(lambda: not house.asking)


@pytest.mark.parametrize("query", ["", "?view=a%20b"])
async def test_a_door_is_told_what_it_looks_at(house: House, query: str) -> None:
    async with connect(f"{house.url}{query}", subprotocols=["chat", Codec.JSON.value]) as client:  # type: ignore[list-item]  # a NewType of str
        (knock,) = house.knocks
        request = knock.request
        assert (knock.host, knock.below_asgi) == (client.local_address[0], True)
        assert (request.path, request.query) == ("/ws", query[1:].encode())
        assert request.tokens(b"sec-websocket-protocol") == [b"chat", Codec.JSON.value.encode()]
        assert request.values(b"host") == [f"127.0.0.1:{house.port}".encode()]


async def test_nothing_waits_for_the_collector(house: House) -> None:
    gc.collect()
    before = left_behind()
    gc.disable()
    try:
        for _ in range(20):
            async with house.connect() as client:
                await client.send('{"type":"hello"}')
                await client.recv()
            await next_of(house.opened)
            await next_of(house.ended)
        house.received.clear()
        await until(lambda: not house.server.server_state.connections)
        await until(lambda: left_behind() <= before)
    finally:
        gc.enable()


def left_behind() -> set[int]:
    return {
        id(each) for each in gc.get_objects() if type(each) in {DirectSocket, Arrival, BoundedHttpProtocol}
    }


# -- the end ------------------------------------------------------------------------------------------------


async def test_a_peer_that_does_not_take_in_its_close_is_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.05)
    async with RawPeer(house.port) as peer:
        (await next_of(house.opened)).close(4200, "busy")
        assert (await peer.next()).opcode == CLOSE
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await peer.next()
    await until(lambda: not house.server.server_state.connections)


async def test_a_flood_behind_a_broken_rule_is_cut(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "LAST_WORDS", 10_000)
    async with RawPeer(house.port) as peer:
        peer.send(masked(0x3), b"x" * 20_000)
        await peer.ends_with()
    await until(lambda: not house.server.server_state.connections)


async def test_a_flood_of_messages_behind_a_close_is_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is whole and right, and costs to be read: what is dropped has its bound here, too."""
    monkeypatch.setattr(direct, "LAST_WORDS", 10_000)
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 1_000)
    async with RawPeer(house.port) as peer:
        opened = await next_of(house.opened)
        opened.close(4200, "busy")
        peer.send(masked(0x1, b"x") * 100)
        await asyncio.sleep(0.05)
        assert opened in house.server.server_state.connections
        peer.send(masked(0x1, b"x") * 1_000)
        await until(lambda: opened not in house.server.server_state.connections)


async def test_a_broken_rule_is_told_to_one_that_had_left_answers_unread(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "LAST_WORDS", 10_000)
    async with RawPeer(house.port) as peer:
        opened = await next_of(house.opened)
        opened.pause_writing()
        opened.answer(protocol.Error(code="internal", message="x" * 9_000, retry="later"))
        peer.send(masked(0x3), b"x" * 5_000)
        await until(lambda: opened.closed_with is not None)
        await asyncio.sleep(0.05)
        assert opened in house.server.server_state.connections
        assert await peer.ends_with() == 1002


async def test_what_comes_behind_a_broken_rule_does_not_take_the_close_frame_back(house: House) -> None:
    async with RawPeer(house.port) as peer:
        opened = await next_of(house.opened)
        peer.send(masked(0x3))
        await until(lambda: opened.closed_with is not None)
        peer.send(b"x" * 50_000)
        await asyncio.sleep(0.05)
        assert opened in house.server.server_state.connections
        assert await peer.ends_with() == 1002


async def test_who_says_no_hello_is_closed_by_a_timer_that_all_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "HELLO_SECONDS", 2.0)
    shared = Pulse(heartbeat_seconds=10, liveness_seconds=0.3)
    await shared.start()
    async with serving(pulse=shared) as house, RawPeer(house.port) as polite:
        polite.send(masked(TEXT, b'{"type":"hello"}'))
        async with RawPeer(house.port) as mute:
            assert await mute.ends_with() == 4102  # the other's time is over by then, too
        assert await next_of(house.ended) == End(4102, clean=False)
        assert len(shared.sockets) == 1
        assert not shared._strangers
    await shared.close()


async def test_a_long_reason_is_cut_between_characters(house: House) -> None:
    async with RawPeer(house.port) as peer:
        (await next_of(house.opened)).close(4200, "ü" * 100)
        received = await peer.next()
        assert received.payload[2:].decode() == "ü" * 61


# -- whether uvicorn is the one that this is made for ------------------------------------------------------


def test_the_installed_uvicorn_fits(house_door: House) -> None:
    assert fit.problems() == []
    http, ws = fit.protocols(house_door, BoundedHttpProtocol)
    assert isinstance(http, Receptions)
    assert isinstance(ws, Arrivals)
    plain = (BoundedHttpProtocol, fit.PLAIN)
    assert fit.protocols(house_door, BoundedHttpProtocol, plain=True) == plain
    assert fit.protocols(None, BoundedHttpProtocol) == plain


@pytest.fixture
def house_door() -> House:
    return House(Pulse(heartbeat_seconds=10, liveness_seconds=30))


def test_another_uvicorn_is_told_of_and_plain_asgi_serves(
    house_door: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def connection_made(self: Any, transport: Any, more: Any) -> None: ...

    monkeypatch.setattr(WebSocketsSansIOProtocol, "connection_made", connection_made)
    monkeypatch.setitem(fit._VERSIONS, "uvicorn", "0.53.")
    monkeypatch.setattr(fit, "_UPGRADES", ("another_way(",))
    assert fit.protocols(house_door, BoundedHttpProtocol) == (BoundedHttpProtocol, fit.PLAIN)
    assert "WebSocketsSansIOProtocol.connection_made(transport) is not what it was" in caplog.text
    assert "direct sockets are made for 0.53.*" in caplog.text
    assert "uvicorn upgrades in another way" in caplog.text
