"""Strangers do their worst to one server while people buy there."""

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgpack

from tests.torture.matrix import Size, Torture, cell, percentile
from tests.torture.people.line import PING, frame
from tests.torture.probe import cpu, memory, within
from tests.torture.stage import Stage, open_stage

MEGABYTE: Final = 1024 * 1024
PATIENCE_SECONDS: Final = 40.0
UPGRADE: Final = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: holdfast.v1.msgpack\r\n"
)
SLOW: Final[dict[str, bytes]] = {
    "silent": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: 127",
    "half an upgrade": UPGRADE.encode(),
    "slow body": b"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
}
CONTINUED, BINARY, TEXT = 0, 2, 1
HEAD_GOAL, BODY_GOAL = 12.0, 17.0
"""The server's ten and fifteen seconds (server/http/connection.py), and two for a busy machine."""


@dataclass
class Toll:
    """What an attack cost the server."""

    memory: int = 0
    cpu: float = 0.0


@asynccontextmanager
async def attacked(stage: Stage) -> AsyncIterator[Toll]:
    """People buy meanwhile; what the first server needs beyond what it had."""
    pid, toll = stage.street.servers[0].pid, Toll()
    had, used = memory(pid), cpu(pid)
    most = [had]

    async def watch() -> None:
        while True:
            most.append(memory(pid))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield toll
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        toll.memory, toll.cpu = max(most) - had, cpu(pid) - used


def costs(torture: Torture, name: str, toll: Toll, megabytes: int) -> None:
    """A figure of memory."""
    grown = toll.memory / MEGABYTE
    goal = f"≤ +{megabytes} MB"
    torture.figure(f"memory: {name}", f"{grown:+.1f} MB", goal, reached=grown <= megabytes)


@cell(33, fault="sockets that say nothing, or half of something", workload="W10", sizes=("full", "long"))
async def slow_loris(torture: Torture, size: Size) -> None:
    """They are closed in time, and those who buy do not feel them."""
    many = {"tier": 200, "full": 800, "long": 2_000}[size.name]
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        port = stage.street.ports[0]
        async with attacked(stage) as toll:
            kinds = [*SLOW.items()] * (many // len(SLOW))
            took = await asyncio.gather(*(_until_closed(port, said) for _, said in kinds))
        await selling
    for kind in SLOW:
        times = [each for (name, _), each in zip(kinds, took, strict=True) if name == kind]
        goal = BODY_GOAL if kind == "slow body" else HEAD_GOAL
        within(torture, f"closed: {kind}", max(times), goal, len(times))
    costs(torture, f"{many} slow sockets", toll, 64)
    number = len(stage.marks.get("hold", ()))
    within(torture, "holds of others, p99", percentile(stage.marks.get("hold", ()), 0.99), 5.0, number)


async def _until_closed(port: int, said: bytes) -> float:
    """Seconds from its last word until the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    began = time.monotonic()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await reader.read(4096):
                pass
    writer.transport.abort()
    return time.monotonic() - began


@cell(
    34,
    fault="floods of pings, empty fragments and one-byte frames",
    workload="W10",
    sizes=("full", "long"),
)
async def flooded(torture: Torture, size: Size) -> None:
    """Who floods is cut, or costs no more than its share; nobody else waits for it."""
    floods = {
        "pings, and reads nothing": frame(b"x" * 100, PING),
        "empty fragments": bytes((CONTINUED, 0x80)) + bytes(4),
        "frames of one byte": bytes((0x80 | TEXT, 0x81)) + bytes(4) + b"x",
    }
    async with open_stage(torture, size, RATE_COMMANDS="50") as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        for name, piece in floods.items():
            async with attacked(stage) as toll:
                took, sent = await _floods(stage.street.ports[0], piece, seconds=4.0)
            within(torture, f"cut: {name}", took, 2.0, sent // len(piece))
            costs(torture, name, toll, 16)
        await selling
    number = len(stage.marks.get("hold", ()))
    within(torture, "holds of others, p99", percentile(stage.marks.get("hold", ()), 0.99), 5.0, number)


async def _floods(port: int, piece: bytes, seconds: float) -> tuple[float, int]:
    """Send it as fast as it is taken; seconds until one was cut, and how many bytes were sent."""
    reader, writer = await _upgraded(port)
    writer.transport.set_write_buffer_limits(high=MEGABYTE)
    if piece[0] == CONTINUED:
        writer.write(bytes((BINARY, 0x80)) + bytes(4))  # what they are fragments of
    began, sent, block = time.monotonic(), 0, piece * (32 * 1024 // len(piece))
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds):
            while not reader.at_eof():
                writer.write(block)
                sent += len(block)
                await writer.drain()
                await asyncio.sleep(0)
    writer.transport.abort()
    return time.monotonic() - began, sent


async def _upgraded(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE.encode() + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@cell(
    35, fault="a bomb of 60 MB in 61 kB, and 400 MB in 14 fragments", workload="W10", sizes=("full", "long")
)
async def bombed(torture: Torture, size: Size) -> None:
    """What is too big is refused before it is had."""
    packed = zlib.compress(bytes(60 * MEGABYTE), 9)[2:-4]
    compressed = bytes((0x80 | 0x40 | BINARY, 0xFF)) + len(packed).to_bytes(8, "big") + bytes(4) + packed
    part = 400 * MEGABYTE // 14
    fragment = bytes((BINARY, 0xFF)) + part.to_bytes(8, "big") + bytes(4)
    bombs = {"compressed": compressed, "a fragment of 28 MB": fragment + bytes(MEGABYTE)}
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale(seconds=size.seconds / 3))
        for name, bomb in bombs.items():
            async with attacked(stage) as toll:
                within(torture, f"refused: {name}", await _until_cut(stage.street.ports[0], bomb), 2.0)
            costs(torture, name, toll, 5)
        await selling


@cell(36, fault="messages that are deep, wide or made to collide", workload="W10", sizes=("full", "long"))
async def contorted(torture: Torture, size: Size) -> None:
    """Each is refused at a cost that its size explains."""
    wide = msgpack.packb({f"k{number}": 0 for number in range(4_000)})
    contortions = {
        "40,000 arrays in one another": b"\x91" * 40_000 + b"\x90",
        "a map of 4,000 names": wide,
        "a map that says it has a million": b"\xdf" + (1_000_000).to_bytes(4, "big"),
        "names whose hashes collide": msgpack.packb({number * (2**61 - 1): 0 for number in range(8)}) * 500,
        "text that says it has 4 GB": b"\xdb\xff\xff\xff\xff",
    }
    rounds = 20
    async with open_stage(torture, size, processes=1) as stage:
        for name, message in contortions.items():
            spent = await _spent(stage, message, rounds)
            goal, reached = "≤ 5 ms", spent <= 0.005
            torture.figure(f"processor for {name}", f"{spent * 1e3:.2f} ms", goal, reached=reached, n=rounds)
        await stage.arrive()
        await stage.sale(seconds=size.seconds / 3)


async def _spent(stage: Stage, message: bytes, rounds: int) -> float:
    """Seconds of processor for one such message, beyond those for a connection that says nothing."""
    port, pid = stage.street.ports[0], stage.street.servers[0].pid

    async def costs_of(send: Callable[[int], Awaitable[float]]) -> float:
        before = cpu(pid)
        for _ in range(rounds):
            await send(port)
        return (cpu(pid) - before) / rounds

    plain = await costs_of(lambda at: _until_cut(at, frame(b"", 8)))
    return max(0.0, await costs_of(lambda at: _until_cut(at, _framed(message))) - plain)


def _framed(message: bytes) -> bytes:
    size = len(message)
    if size < 65_536:
        return frame(message)
    return bytes((0x80 | BINARY, 0xFF)) + size.to_bytes(8, "big") + bytes(4) + message


async def _until_cut(port: int, sent: bytes) -> float:
    """Seconds until the server answers with an error or a close, or ends it."""
    reader, writer = await _upgraded(port)
    began = time.monotonic()
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write(sent)
            await reader.readexactly(2)
    writer.transport.abort()
    return time.monotonic() - began
