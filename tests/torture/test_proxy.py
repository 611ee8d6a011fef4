"""Each mode of the proxy does what it says, both ways, and holds no more than it may."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from tests.support.waiting import until
from tests.torture.proxy import (
    HELD_BYTES,
    CutAfter,
    Delay,
    Drip,
    HalfClose,
    Healthy,
    Proxy,
    Refuse,
    Reset,
    Silence,
)

SOON = 60


@dataclass
class Upstream:
    """Answers each line with `did LINE`, once it has done it; `big` is answered with megabytes."""

    port: int = 0
    done: list[bytes] = field(default_factory=list)
    ends: int = 0
    resets: int = 0
    big: int = 0
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.reads.wait()
        try:
            while line := await reader.readline():
                self.done.append(line.strip())
                if line == b"big\n":
                    await self.floods(writer)
                writer.write(b"did " + line)
            self.ends += 1
        except ConnectionResetError:
            self.resets += 1
        finally:
            writer.close()

    async def floods(self, writer: asyncio.StreamWriter) -> None:
        for _ in range(1024):
            writer.write(bytes(16 * 1024))
            self.big += 16 * 1024
            await writer.drain()


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def says(self, line: str) -> None:
        self.writer.write(line.encode() + b"\n")

    async def hears(self) -> str:
        async with asyncio.timeout(SOON):
            return (await self.reader.readline()).decode().strip()

    async def asks(self, line: str) -> str:
        self.says(line)
        return await self.hears()

    async def hears_nothing_while(self, event: "asyncio.Future[object]") -> None:
        hearing = asyncio.ensure_future(self.reader.read(1))
        await event
        assert not hearing.done()
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    made.reads.set()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", upstream.port) as made:
        yield made


@contextlib.asynccontextmanager
async def client_of(proxy: Proxy) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    try:
        yield client
    finally:
        client.writer.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()


async def test_healthy_it_carries_both_ways_and_ends_when_both_have_ended(
    proxy: Proxy, upstream: Upstream
) -> None:
    async with client_of(proxy) as client:
        assert await client.asks("a") == "did a"
        assert proxy.connections == 1
        client.says("b")
        client.writer.write_eof()
        assert await client.hears() == "did b"  # the other way was still open
        assert await client.hears() == ""
    await until(lambda: proxy.connections == 0)
    assert (upstream.ends, upstream.resets) == (1, 0)


async def test_megabytes_pass_whole(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        client.says("big")
        async with asyncio.timeout(SOON):
            assert await client.reader.readexactly(16 * 1024 * 1024) == bytes(16 * 1024 * 1024)
        assert await client.hears() == "did big"


async def test_a_delay_keeps_what_came_and_the_order_of_it(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        await client.asks("warm")
        proxy.mode = Delay(0.1, "answers")
        began = time.monotonic()
        for number in range(5):
            client.says(str(number))
            await asyncio.sleep(0.02)
        assert [await client.hears() for _ in range(5)] == [f"did {number}" for number in range(5)]
        assert time.monotonic() - began >= 0.18  # the last was sent after 0.08; had they queued up, 0.5


async def test_a_delay_both_ways_counts_twice(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        proxy.mode = Delay(0.05)
        began = time.monotonic()
        assert await client.asks("a") == "did a"
        assert time.monotonic() - began >= 0.1


async def test_what_is_cut_has_taken_effect_and_is_not_answered(proxy: Proxy, upstream: Upstream) -> None:
    async with client_of(proxy) as client:
        await client.asks("before")
        proxy.mode = CutAfter()
        with pytest.raises(ConnectionResetError):
            await client.asks("paid")
    assert upstream.done == [b"before", b"paid"]
    assert proxy.cut == 1


async def test_the_first_bytes_of_an_answer_may_pass_before_the_cut(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        proxy.mode = CutAfter(answered=3)
        client.says("paid")
        assert await client.reader.read(100) == b"did"
        with pytest.raises(ConnectionResetError):
            await client.reader.read(100)


async def test_nothing_passes_after_what_was_cut(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        await client.asks("before")
        proxy.mode = Silence("answers")
        (connection,) = proxy._open
        answers = next(way for way in connection.ways if way.way == "answers")
        for line in ("first", "second"):  # two pieces, held back one by one
            held = answers.held_bytes
            client.says(line)
            await until(lambda held=held: answers.held_bytes > held)  # type: ignore[misc]
        proxy.mode = CutAfter(when=lambda _asked: proxy.cut == 0)
        with pytest.raises(ConnectionResetError):
            await client.hears()


async def test_only_what_is_meant_is_cut(proxy: Proxy, upstream: Upstream) -> None:
    proxy.mode = CutAfter(when=lambda asked: b"COMMIT" in asked)
    async with client_of(proxy) as client:
        assert await client.asks("SELECT") == "did SELECT"
        with pytest.raises(ConnectionResetError):
            await client.asks("COMMIT")
    assert upstream.done[-1] == b"COMMIT"


async def test_a_share_is_cut_and_the_seed_says_which(upstream: Upstream) -> None:
    async def cut(seed: int) -> list[int]:
        async with Proxy("127.0.0.1", upstream.port, seed=seed) as proxy:
            proxy.mode = CutAfter(share=0.3)
            found = []
            for number in range(40):
                async with client_of(proxy) as client:
                    with contextlib.suppress(ConnectionResetError):
                        await client.asks("a")
                        continue
                    found.append(number)
            return found

    first = await cut(1)
    assert 4 <= len(first) <= 20
    assert await cut(1) == first != await cut(2)


async def test_half_closed_the_client_reads_an_end_and_is_still_heard(
    proxy: Proxy, upstream: Upstream
) -> None:
    async with client_of(proxy) as client:
        await client.asks("a")
        proxy.mode = HalfClose()
        assert await client.hears() == ""
        client.says("b")
        await until(lambda: b"b" in upstream.done)


async def test_a_drip_lets_so_many_bytes_pass_in_a_second(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        proxy.mode = Drip(2_000, "answers")
        began = time.monotonic()
        client.says("x" * 500)
        assert await client.hears() == "did " + "x" * 500
        assert time.monotonic() - began >= 0.2
        proxy.mode = Healthy()
        assert await client.asks("a") == "did a"


@pytest.mark.parametrize("way", ["requests", "answers", "both"])
async def test_in_silence_nothing_passes_one_way_and_all_arrives_after_it(
    proxy: Proxy, upstream: Upstream, way: str
) -> None:
    async with client_of(proxy) as client:
        await client.asks("before")
        proxy.mode = Silence(way)  # type: ignore[arg-type]  # from the list above
        client.says("during")
        (connection,) = proxy._open
        stuck = next(each for each in connection.ways if way in {"both", each.way})
        await until(lambda: stuck.held_bytes)
        assert (b"during" in upstream.done) == (way == "answers")
        proxy.mode = Healthy()
        assert await client.hears() == "did during"
        assert stuck.held_bytes == 0


async def test_refusing_the_port_stays_its_own_and_open_connections_go_on(proxy: Proxy) -> None:
    async with client_of(proxy) as client:
        await client.asks("a")
        proxy.mode = Refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await client.asks("b") == "did b"
        proxy.mode = Healthy()
    async with client_of(proxy) as client:
        assert await client.asks("c") == "did c"


async def test_resetting_it_resets_whoever_connects_or_sends(proxy: Proxy, upstream: Upstream) -> None:
    async with client_of(proxy) as old:
        await old.asks("a")
        proxy.mode = Reset()
        with pytest.raises(ConnectionResetError):
            await old.asks("b")
        async with client_of(proxy) as new:
            with pytest.raises(ConnectionResetError):
                await new.asks("c")
    assert upstream.done == [b"a"]


async def test_all_are_cut_at_once_on_both_sides(proxy: Proxy, upstream: Upstream) -> None:
    async with client_of(proxy) as ann, client_of(proxy) as ben:
        for client in (ann, ben):
            await client.asks("a")
        proxy.cut_all()
        for client in (ann, ben):
            with pytest.raises(ConnectionResetError):
                await client.reader.readline()
    await until(lambda: upstream.resets == 2)
    await until(lambda: proxy.connections == 0)


async def test_a_reset_of_either_side_is_told_to_the_other(proxy: Proxy, upstream: Upstream) -> None:
    async with client_of(proxy) as client:
        await client.asks("a")
        client.writer.transport.abort()
        await until(lambda: proxy.connections == 0)
    await until(lambda: upstream.ends + upstream.resets == 1)


async def test_without_an_upstream_its_clients_are_reset(proxy: Proxy) -> None:
    proxy.upstream = ("127.0.0.1", 1)
    async with client_of(proxy) as client:
        with pytest.raises(ConnectionResetError):
            await client.hears()


async def test_what_a_client_does_not_read_stays_with_the_upstream(proxy: Proxy, upstream: Upstream) -> None:
    async with client_of(proxy) as client:
        await client.asks("a")
        proxy.mode = Silence("answers")
        client.says("big")
        seen = [-1]

        def stands_still() -> bool:
            seen.append(upstream.big)
            return seen[-1] > 0 and seen[-30:].count(seen[-1]) == 30

        await until(stands_still)
        (connection,) = proxy._open
        held = sum(way.held_bytes for way in connection.ways)
        assert 0 < held <= HELD_BYTES
        assert upstream.big < 16 * 1024 * 1024  # the sender waits


async def test_leaving_the_context_closes_the_port_and_every_connection(upstream: Upstream) -> None:
    async with Proxy("127.0.0.1", upstream.port) as proxy:
        client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
        await client.asks("a")
    assert await client.hears() == ""
    client.writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
