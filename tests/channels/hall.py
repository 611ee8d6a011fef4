"""A hall whose ticks go to real lines of a real server, and peers that read when they are told to."""

import asyncio
import os
import socket as sockets
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest
import uvloop

from channels.codec import Codec
from channels.line import Line
from tests.channels.raw_peer import handshake
from tests.channels.scene import HALL, Scene
from tests.channels.street import House, next_of, serving
from tests.channels.world import Seen, Truth, WebSocketReader, expected, read

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
SEATS = 4000
Write = Callable[[int, Any], int]


def on_both_loops(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    """The test of this name, run once on each loop that a server may have."""

    @pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
    def test(loop: Any) -> None:
        run_on(loop, work())

    return cast("Callable[[Any], None]", test)


def run_on(loop: Any, work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end on a loop of its own, in 30 s."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(work, 30))


class Street:
    """A hall, a real server, and the lines that follow the hall."""

    def __init__(self, house: House) -> None:
        self.scene = Scene(Truth(slots=[(1, 0)] * SEATS, sections=["A"] * SEATS))
        self.house = house
        self.house.ready = self.scene.hub.ready  # type: ignore[method-assign,assignment]
        self.mutes: list[Mute] = []

    def mute(self, *, query: str = "") -> "Mute":
        """One who comes and reads nothing yet; with a query, by way of uvicorn's HTTP."""
        self.mutes.append(Mute(self.house.port, f"/ws{query}"))
        return self.mutes[-1]

    async def follows(self) -> Line:
        """The line of who came last, at the door of the hall."""
        line: Line = await next_of(self.house.opened)
        await self.scene.hub.subscribe(line, HALL)
        return line

    async def changes(self, slots: int = 1) -> None:
        """Some seats change, and a tick tells of it."""
        truth = self.scene.truth
        first = truth.version % (SEATS - slots)
        self.scene.world.change({first + number: (0, truth.version % 100) for number in range(slots)})
        await self.scene.tick()

    def is_shown_by(self, story: bytes) -> bool:
        """Whether the bytes are whole frames that end with the hall as it is."""
        seen, reader = Seen(), WebSocketReader(Codec.JSON, deflates=False)
        for frame in frames_of(story):
            message = read(reader.read(frame), Codec.JSON)
            if message["type"] in {"snapshot", "delta"}:
                seen.take(message)
        truth = self.scene.truth
        return seen.version == truth.version and seen.of(truth) == expected(truth)


@asynccontextmanager
async def street(**options: Any) -> AsyncIterator[Street]:
    async with serving(**options) as house:
        made = Street(house)
        try:
            yield made
        finally:
            for mute in made.mutes:
                mute.socket.close()


@contextmanager
def writing(write: Write | None = None) -> Iterator[list[tuple[int, int]]]:
    """What was written past transports: (descriptor, bytes). `write` stands in for the kernel."""
    written: list[tuple[int, int]] = []

    def noted(descriptor: int, data: Any) -> int:
        sent = (write or kernel)(descriptor, data)
        written.append((descriptor, sent))
        return sent

    kernel = os.write
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", noted)
        yield written


class Mute:
    """A client that shakes hands and reads nothing until it is told to, with a small receive buffer."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = sockets.socket()
        self.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.socket.send(handshake(path=path))
        self.story = b""

    async def reads(self, enough: Callable[[], bool]) -> None:
        """All that comes, until that is enough; `story` is what came behind the handshake's answer."""
        loop = asyncio.get_running_loop()
        while not (self.story and enough()):
            came = await loop.sock_recv(self.socket, 65536)
            assert came, "it was cut"
            self.story += came
            if self.story.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in self.story:
                self.story = self.story.partition(b"\r\n\r\n")[2]

    def resets(self) -> None:
        """It goes without a word, and without waiting for one."""
        self.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def frames_of(story: bytes) -> Iterator[bytes]:
    """One frame after the other; the last must be whole."""
    while story:
        size, begin = story[1], 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(story[2:begin], "big")
        assert len(story) >= begin + size, "cut short"
        yield story[: begin + size]
        story = story[begin + size :]
