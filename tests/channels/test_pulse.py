"""Heartbeats in rounds, and the pings that go out with them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from channels import pulse as pulses
from channels.pulse import Pulse
from channels.sender import Sender
from tests.channels.raw_peer import RawPeer, masked
from tests.channels.street import House, next_of, serving, until

TEXT, PING = 0x1, 0x9


class Noting(Sender):
    """Notes what goes out past the transports; each takes `most` bytes at most."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most
        self.sent: list[tuple[list[int], bytes]] = []

    def send(self, descriptors: Sequence[int], frame: bytes) -> list[tuple[int, bytes | memoryview]]:
        self.sent.append(([*descriptors], frame))
        assert super().send(descriptors, frame[: self.most]) == []
        rest = b"" if self.most is None else frame[self.most :]
        return [(place, rest) for place in range(len(descriptors)) if rest]


@asynccontextmanager
async def greeted(pulse: Pulse, number: int) -> AsyncIterator[tuple[House, list[RawPeer]]]:
    """So many peers that have said hello and had their welcome."""
    async with contextlib.AsyncExitStack() as stack:
        house = await stack.enter_async_context(serving(pulse=pulse))
        peers = [await stack.enter_async_context(RawPeer(house.port)) for _ in range(number)]
        for peer in peers:
            peer.send(masked(TEXT, b'{"type":"hello"}'))
            assert b'"welcome"' in await peer.said()
        yield house, peers


async def test_a_ping_that_is_due_with_a_heartbeat_goes_out_with_it() -> None:
    pulse = Pulse(heartbeat_seconds=0.05, liveness_seconds=30)
    async with greeted(pulse, 1) as (house, (peer,)):
        line = await next_of(house.opened)
        number, noting = line.descriptor, Noting()
        pulse._sender = noting
        await pulse.start()
        opcodes = [(await peer.next()).opcode for _ in range(8)]
        await pulse.close()
    assert opcodes == [TEXT, PING] * 4
    assert len(noting.sent) >= 4
    for descriptors, wire in noting.sent:
        assert descriptors == [number]
        assert wire.endswith(b"}\x89\x00")


async def test_who_has_no_room_for_a_heartbeat_gets_the_rest_by_its_transport() -> None:
    pulse = Pulse(heartbeat_seconds=60, liveness_seconds=180)
    async with greeted(pulse, 2) as (_, peers):
        pulse._sender = Noting(most=7)
        for _ in range(3):
            await pulse.beat()
        for peer in peers:
            for _ in range(3):
                assert b'"heartbeat"' in (await peer.next()).payload
                assert (await peer.next()).opcode == PING


async def test_pings_that_are_due_more_often_go_out_by_themselves() -> None:
    pulse = Pulse(heartbeat_seconds=60, liveness_seconds=0.3)
    async with greeted(pulse, 1) as (_, (peer,)):
        await pulse.start()
        assert [(await peer.next()).opcode for _ in range(3)] == [PING] * 3
        await pulse.beat()
        while (received := await peer.next()).opcode == PING:
            pass
        assert b'"heartbeat"' in received.payload
        await pulse.close()


async def test_a_round_takes_its_time_and_news_of_staleness_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "_AT_ONCE", 1)
    stale = False
    pulse = Pulse(heartbeat_seconds=120, liveness_seconds=360, stale=lambda: stale)
    async with greeted(pulse, 3) as (house, peers):
        lines = [await next_of(house.opened) for _ in peers]
        beaten = Noting()
        pulse._sender = beaten
        a_round = asyncio.create_task(pulse._beat_in_a_round())
        await until(lambda: beaten.sent)
        assert len(beaten.sent) == 1
        pulse.beat_soon()
        async with asyncio.timeout(60):
            await a_round
        assert len(beaten.sent) == 1
        stale = True
        await pulse.start()
        await until(lambda: len(beaten.sent) == 1 + len(lines))
        assert all(b"stale" in wire for _, wire in beaten.sent[1:])
        await pulse.close()


class Silent:
    """A socket that has said no hello yet."""

    greeted = False


@pytest.mark.parametrize("number", [1, 2, 3, 4, 7])
async def test_a_round_is_no_longer_for_a_last_part_that_is_not_full(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(pulses, "_AT_ONCE", 2)
    pulse = Pulse(heartbeat_seconds=10, liveness_seconds=30)
    waited: list[float] = []

    async def told_within(seconds: float) -> bool:
        waited.append(seconds)
        return False

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(pulse, "_told_within", told_within)
    silent: set[Any] = {Silent() for _ in range(number)}
    pulse.sockets = silent
    await pulse._beat_in_a_round()
    assert sum(waited) == pytest.approx(5)
    waited.clear()
    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert sum([len(some) async for some in pulse._parts(over_seconds=5)]) == number
    assert sum(waited) == pytest.approx(5)
