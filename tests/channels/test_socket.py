"""Sockets over a real uvicorn and a real client, the direct ones and the plain ones."""

import asyncio
import contextlib
import json
import socket as sockets
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from channels import control, protocol
from channels import socket as socket_module
from channels.codec import Codec, Frame, frame
from channels.direct import DirectSocket
from channels.pulse import Pulse
from channels.socket import Socket
from tests.channels.street import End, House, next_of, serving, until

JSON = Codec.JSON.value
Muting = Callable[..., "Mute"]
MSGPACK = Codec.MSGPACK.value


@pytest.fixture(params=[False, True], ids=["direct", "plain"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with serving(plain=request.param) as house:
        yield house


@pytest.fixture
def mute() -> Iterator[Muting]:
    with contextlib.ExitStack() as stack:

        def make(port: int, codec: str = JSON) -> Mute:
            made = Mute(port, codec)
            stack.callback(made.socket.close)
            return made

        yield make


@pytest.fixture
async def direct() -> AsyncIterator[House]:
    async with serving() as house:
        yield house


async def said(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        data = await client.recv()
    message: dict[str, Any] = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
    return message


async def closed(client: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


def delta(size: int = 0) -> protocol.Delta:
    return protocol.Delta(channel="c" * size, epoch="e", from_=1, to=2, changes=[1, 2, 3])


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_a_message_is_answered_in_its_codec(house: House, codec: str) -> None:
    async with house.connect(codec) as client:
        hello = {"type": "hello", "ref": 4}
        await client.send(json.dumps(hello) if codec == JSON else msgpack.packb(hello))
        assert (await said(client))["type"] == "welcome"
        ask = {"type": "extend", "ref": 5}
        await client.send(json.dumps(ask) if codec == JSON else msgpack.packb(ask))
        assert await said(client) == {"type": "ok", "ref": 5}


@pytest.mark.parametrize("size", [1, 200, 70_000])
async def test_broadcasts_of_any_length_arrive_whole_between_answers(house: House, size: int) -> None:
    async with house.connect(max_queue=None) as client:
        opened = await next_of(house.opened)
        shared = frame(delta(size), Codec.JSON)
        for turn in range(20):
            await until(lambda: opened.ready)
            opened.push(shared)
            opened.answer(protocol.Ok(ref=turn))
        told = [await said(client) for _ in range(40)]
        assert [message["ref"] for message in told if message["type"] == "ok"] == list(range(20))
        assert [message for message in told if message["type"] == "delta"] == [json.loads(shared.data)] * 20


async def test_several_answers_come_in_their_order(house: House, mute: Muting) -> None:
    several = [protocol.Ok(ref=number) for number in range(5)]
    async with house.connect() as client:
        (await next_of(house.opened)).answer_all(several)
        assert [(await said(client))["ref"] for _ in several] == [0, 1, 2, 3, 4]
    peer = mute(house.port)
    opened = await next_of(house.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    opened.answer_all([protocol.Ok(ref="first"), protocol.Ok(ref="second")])
    found = await peer.reads(b'"second"')
    assert found.index(b'"first"') < found.index(b'"second"')


async def test_the_third_malformed_frame_closes(house: House) -> None:
    async with house.connect() as client:
        for turn in range(3):
            await client.send(json.dumps({"type": "dance", "ref": turn}))
        for turn in range(3):
            answer = await said(client)
            assert (answer["type"], answer["code"], answer["ref"]) == ("error", "bad_request", turn)
        assert await closed(client) == (4500, "three malformed frames")
    assert await next_of(house.ended) == End(4500, clean=False)


async def test_the_wrong_kind_of_frame_closes_with_1003(house: House) -> None:
    async with house.connect(JSON) as client:
        await client.send(b"{}")
        assert (await closed(client))[0] == 1003
    async with house.connect(MSGPACK) as client:
        await client.send("{}")
        assert (await closed(client))[0] == 1003


async def test_a_client_that_says_goodbye_left_cleanly(house: House) -> None:
    async with house.connect() as client:
        await client.close(1001)
    assert await next_of(house.ended) == End(1001, clean=True)


async def test_a_client_that_just_goes_did_not(house: House) -> None:
    async with house.connect() as client:
        await next_of(house.opened)
        client.transport.abort()
    end = await next_of(house.ended)
    assert not end.clean


async def test_a_conversation_that_breaks_closes_with_1011(house: House) -> None:
    async with house.connect() as client:
        await client.send('{"type":"leave"}')
        assert (await closed(client))[0] == 1011
    assert await next_of(house.ended) == End(1011, clean=False)


async def test_a_server_that_closes_is_heard(house: House) -> None:
    async with house.connect() as client:
        opened = await next_of(house.opened)
        opened.close(protocol.CloseCode.OVERLOADED, "busy", 5)
        opened.close(protocol.CloseCode.DRAIN)
        assert await closed(client) == (4200, "busy; retry_after=5")
    assert await next_of(house.ended) == End(4200, clean=False)


class Mute:
    """A client that shakes hands and then reads nothing, with a small receive buffer."""

    def __init__(self, port: int, codec: str = JSON) -> None:
        self.socket = sockets.socket(sockets.AF_INET)
        self.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(10)
        head = (
            f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {codec}\r\n\r\n"
        )
        self.socket.sendall(head.encode())

    def send(self, opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
        return bytes(((0x80 if final else 0) | opcode, 0x80 | len(data))) + bytes(4) + data

    async def reads(self, until: bytes = b"") -> bytes:
        """All there is to read before the end, or before some bytes."""
        self.socket.settimeout(0)
        loop = asyncio.get_running_loop()
        found = b""
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                while part := await loop.sock_recv(self.socket, 65536):
                    found += part
                    if until and until in found:
                        break
        return found


async def flood(opened: Socket, shared: Frame) -> int:
    """Push until the peer's buffers are full; how many it took."""
    pushed = 0
    async with asyncio.timeout(60):
        while pushed < 100_000:
            if opened.ready:
                opened.push(shared)
                pushed += 1
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(0.05)
                if not opened.ready:
                    return pushed
    raise AssertionError("it never filled")


async def test_a_reader_that_lags_is_not_ready_and_costs_little(house: House, mute: Muting) -> None:
    peer = mute(house.port)
    opened = await next_of(house.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    assert not opened._answers
    house.readied.clear()
    opened.answer(protocol.Ok(ref="mine"))
    assert b'"mine"' in await peer.reads(b'"mine"')
    await until(lambda: opened.ready)
    assert house.readied


async def test_answers_go_before_a_waiting_broadcast(house: House, mute: Muting) -> None:
    peer = mute(house.port)
    opened = await next_of(house.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    opened.push(frame(protocol.Totals(channel="last", epoch="e", version=1, sections={}), Codec.JSON))
    opened.answer(protocol.Ok(ref="first"))
    assert b'"first"' in await peer.reads(b'"last"')


async def test_who_leaves_a_megabyte_of_its_own_answers_unread_is_closed_as_slow(
    house: House, mute: Muting
) -> None:
    peer = mute(house.port)
    opened = await next_of(house.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    answer = protocol.Error(code="internal", message="x" * 10_000, retry="later")
    for _ in range(110):
        opened.answer(answer)
    assert opened.closed_with == 4201
    assert not opened._answers
    peer.socket.close()
    assert await next_of(house.ended) == End(4201, clean=False)


async def test_who_reads_nothing_for_a_minute_is_closed_as_slow_and_cut(
    direct: House, mute: Muting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "CLOSE_SECONDS", 0.2)
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    now = asyncio.get_running_loop().time()
    direct.pulse.met(opened)
    direct.pulse.sweep(now)
    direct.pulse.sweep(now + 59)
    before = opened.closed_with
    direct.pulse.sweep(now + 61)
    assert before is None
    assert opened.closed_with in {4101, 4201}
    await peer.reads()
    assert (await next_of(direct.ended)).code == opened.closed_with


async def test_who_pings_and_reads_nothing_is_answered_when_it_reads(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    now = asyncio.get_running_loop().time()
    opened.close_if_stuck(now)
    before = opened.waiting_bytes()
    for number in range(10):
        received = opened.last_received
        peer.socket.sendall(peer.send(0x9, b"ping %d" % number))
        await until(lambda: opened.last_received != received)  # noqa: B023  # it is asked at once
    assert opened.waiting_bytes() == before
    pongs = await peer.reads(b"\x8a\x06ping 9")
    assert pongs.count(b"ping ") == 1
    opened.close_if_stuck(now + 61)
    assert opened.closed_with is None


async def test_who_lags_at_every_beat_is_pinged_once_it_reads(direct: House, mute: Muting) -> None:
    """A slow line that is always behind would never be asked for a sign of life, and count as silent."""
    pulse = Pulse(heartbeat_seconds=10, liveness_seconds=30)
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    opened.greeted = True
    pulse.add(opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    before = opened.waiting_bytes()
    for _ in range(3):
        await pulse.beat()
    assert opened.waiting_bytes() == before
    ping = b"\x89\x00"
    assert (await peer.reads(ping)).count(ping) == 1
    opened.answer(protocol.Ok(ref="later"))
    assert ping not in await peer.reads(b'"later"')


async def test_who_pings_and_reads_nothing_for_a_minute_is_closed(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    now = asyncio.get_running_loop().time()
    opened.close_if_stuck(now)
    received = opened.last_received
    peer.socket.sendall(peer.send(0x9, b"x" * 125))
    await until(lambda: opened.last_received != received)
    opened.close_if_stuck(now + 61)
    assert opened.closed_with == 4201


async def test_who_reads_a_little_is_not_stuck(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    now = asyncio.get_running_loop().time()
    opened.close_if_stuck(now)
    before = opened.waiting_bytes()
    async with asyncio.timeout(60):
        while opened.waiting_bytes() == before:
            peer.socket.recv(1000)
            await asyncio.sleep(0)
    opened.close_if_stuck(now + 61)
    assert opened.closed_with is None
    peer.socket.close()


async def test_by_plain_asgi_a_blocked_send_closes_as_slow(
    monkeypatch: pytest.MonkeyPatch, mute: Muting
) -> None:
    monkeypatch.setattr(socket_module, "BLOCKED_SECONDS", 0.2)
    async with serving(plain=True) as house:
        peer = mute(house.port)
        opened = await next_of(house.opened)
        await flood(opened, frame(delta(20_000), Codec.JSON))
        await until(lambda: opened.closed_with is not None)
        assert opened.closed_with == 4201
        peer.socket.close()
        assert (await next_of(house.ended)).code == 4201


@pytest.fixture
async def plain(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """By plain ASGI, and with little patience for the last bytes."""
    monkeypatch.setattr(socket_module, "CLOSE_SECONDS", 0.2)
    async with serving(plain=True) as house:
        yield house
        await until(lambda: not house.server.server_state.connections)


async def test_by_plain_asgi_who_is_closed_and_reads_nothing_is_cut(plain: House, mute: Muting) -> None:
    mute(plain.port)
    opened = await next_of(plain.opened)
    await flood(opened, frame(delta(20_000), Codec.JSON))
    opened.close(protocol.CloseCode.OVERLOADED)
    assert (await next_of(plain.ended)).code == 4200
    await until(lambda: not plain.server.server_state.connections)


async def test_by_plain_asgi_who_leaves_unread_what_nothing_comes_behind_is_cut(
    plain: House, mute: Muting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "BLOCKED_SECONDS", 0.2)
    mute(plain.port)
    opened = await next_of(plain.opened)
    opened.push(frame(delta(5_000_000), Codec.JSON))
    assert not (await next_of(plain.ended)).clean
    await until(lambda: not plain.server.server_state.connections)


async def test_by_plain_asgi_who_reads_again_in_time_is_not_cut(
    plain: House, mute: Muting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "BLOCKED_SECONDS", 4.0)  # much, for a machine that is busy
    peer, loop = mute(plain.port), asyncio.get_running_loop()
    opened = await next_of(plain.opened)
    opened.push(frame(delta(5_000_000), Codec.JSON))
    await until(lambda: opened.ready)
    opened.answer(protocol.Ok(ref="last"))
    began, end = loop.time(), b""
    peer.socket.settimeout(0)
    async with asyncio.timeout(60):
        while b'"last"' not in end:
            came = await loop.sock_recv(peer.socket, 1 << 20)
            assert came, "it was cut"
            end = end[-20:] + came
    await asyncio.sleep(began + 4.3 - loop.time())
    assert opened.closed_with is None
    peer.socket.close()


async def test_a_ping_flood_is_cut(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    await next_of(direct.opened)
    with contextlib.suppress(ConnectionError):
        for _ in range(50):
            peer.socket.sendall(peer.send(0x9, b"x" * 100) * 100)
            await asyncio.sleep(0)
    told = await peer.reads()
    assert told.count(b"\x8a\x64") <= control.BURST + 50
    assert (await next_of(direct.ended)).code == 1008


async def test_a_pong_flood_is_cut_and_some_pongs_are_welcome(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    opened = await next_of(direct.opened)
    peer.socket.sendall(peer.send(0xA) * 5)
    before = opened.last_received
    await until(lambda: opened.last_received != before)
    assert opened.closed_with is None
    peer.socket.sendall(peer.send(0xA) * 100)
    await peer.reads()
    assert (await next_of(direct.ended)).code == 1008


async def test_a_flood_of_fragments_is_cut(direct: House, mute: Muting) -> None:
    peer = mute(direct.port)
    await next_of(direct.opened)
    flood = peer.send(0x1, b"{", final=False) + peer.send(0x0, final=False) * 1000
    with contextlib.suppress(ConnectionError):
        peer.socket.sendall(flood)
    assert struct.pack("!H", 1008) in await peer.reads()


async def test_a_message_in_some_parts_is_whole_again(direct: House, mute: Muting) -> None:
    peer = mute(direct.port, MSGPACK)
    await next_of(direct.opened)
    data = msgpack.packb({"type": "extend", "ref": 3})
    peer.socket.sendall(peer.send(0x2, data[:5], final=False) + peer.send(0x0, data[5:]))
    await until(lambda: direct.received)
    assert direct.received == [protocol.Extend(ref=3)]


async def test_a_frame_of_64_kilobytes_is_read_and_a_longer_one_closes_with_1009(house: House) -> None:
    room = protocol.MAX_FRAME_BYTES - len('{"type":"extend","ref":""}')
    async with house.connect() as client:
        await client.send(json.dumps({"type": "extend", "ref": "x" * room}, separators=(",", ":")))
        assert (await said(client))["code"] == "bad_request"  # the ref is too long, the frame is not
        if house.opened.qsize() and isinstance(await next_of(house.opened), DirectSocket):
            await client.send("x" * (protocol.MAX_FRAME_BYTES + 1))
            assert (await closed(client))[0] == 1009


async def test_a_silent_socket_is_told_of_once_and_closed_after_a_minute() -> None:
    silent: list[Socket] = []
    heard: list[Socket] = []
    pulse = Pulse(heartbeat_seconds=10, liveness_seconds=30, on_silent=silent.append, on_heard=heard.append)
    async with serving(pulse=pulse) as house, house.connect() as client:
        opened = await next_of(house.opened)
        await client.send('{"type":"hello"}')
        await said(client)
        now = asyncio.get_running_loop().time()
        pulse.sweep(now + 29)
        assert silent == []
        pulse.sweep(now + 31)
        pulse.sweep(now + 32)
        assert (silent, heard) == ([opened], [])
        await client.send('{"type":"extend"}')
        await said(client)
        pulse.sweep(asyncio.get_running_loop().time())
        assert heard == [opened]
        now = asyncio.get_running_loop().time()
        pulse.sweep(now + 31)
        pulse.sweep(now + 61)
        assert (await closed(client))[0] == 4101
        assert silent == [opened] * 2
    await until(lambda: not pulse.sockets)
    assert not pulse._silent


async def test_a_silent_socket_that_closes_while_others_are_looked_at_is_forgotten() -> None:
    silent: list[Socket] = []
    pulse = Pulse(heartbeat_seconds=10, liveness_seconds=30, on_silent=silent.append)
    async with serving(pulse=pulse) as house, house.connect() as client:
        opened = await next_of(house.opened)
        listed = list(pulse.sockets)
        await client.close()
        await until(lambda: not pulse.sockets)
        pulse._look_at(listed, asyncio.get_running_loop().time() + 31)
    assert (listed, silent) == ([opened], [])
    assert not pulse._silent


async def test_a_pong_is_a_sign_of_life(direct: House) -> None:
    async with direct.connect():
        opened = await next_of(direct.opened)
        before = opened.last_received
        opened.ping()
        await until(lambda: opened.last_received != before)


async def test_heartbeats_are_for_who_has_been_greeted_and_say_when_maps_are_stale() -> None:
    stale = False
    pulse = Pulse(heartbeat_seconds=60, liveness_seconds=30, stale=lambda: stale)
    await pulse.start()
    async with serving(pulse=pulse) as house, house.connect() as client:
        await next_of(house.opened)
        await pulse.beat()
        await client.send('{"type":"hello"}')
        assert (await said(client))["type"] == "welcome"
        await pulse.beat()
        assert (await said(client)).keys() == {"type", "server_time"}
        stale = True
        pulse.beat_soon()
        assert (await said(client))["stale"] is True
    await pulse.close()


async def test_pings_and_sweeps_run_by_themselves() -> None:
    pulse = Pulse(heartbeat_seconds=0.05, liveness_seconds=0.15)
    await pulse.start()
    async with serving(pulse=pulse) as house, house.connect() as client:
        await client.send('{"type":"hello"}')
        assert [(await said(client))["type"] for _ in range(3)] == ["welcome", "heartbeat", "heartbeat"]
        opened = await next_of(house.opened)
        assert opened.closed_with is None
    await pulse.close()


async def test_a_drain_says_goodbye_to_all_then_closes_them_one_by_one(house: House) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(house.connect()) for _ in range(5)]
        for _ in clients:
            await next_of(house.opened)
        await house.pulse.drain(after_ms=20, spread_ms=100, reason="restart")
        for client in clients:
            assert await said(client) == {
                "type": "goodbye",
                "reason": "restart",
                "after_ms": 20,
                "spread_ms": 100,
            }
            assert (await closed(client))[0] == 4100
        async with house.connect() as late:
            assert (await closed(late))[0] == 4100
