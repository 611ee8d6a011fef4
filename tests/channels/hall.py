"""A hall whose ticks go to real sockets of a real server, and peers that read when they are told to."""

import asyncio
import socket as sockets
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
import uvloop

from channels import sender as senders
from channels.codec import Codec
from channels.direct import DirectSocket
from channels.ring import Ring
from channels.sender import Sender
from tests.channels.raw_peer import handshake
from tests.channels.scene import HALL, Scene
from tests.channels.street import House, next_of, serving
from tests.channels.world import Seen, Truth, WebSocketReader, expected, read

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
SEATS = 4000


def has_io_uring() -> bool:
    """Whether this machine's kernel lets us."""
    try:
        Ring().close()
    except OSError:
        return False
    return True


@contextmanager
def by_writes() -> Iterator[Sender]:
    """A system call for each frame."""
    yield Sender()


@contextmanager
def by_ring(entries: int = 8) -> Iterator[Sender]:
    """One for all, even if they are few."""
    sender = Sender(Ring(entries))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(senders, "FEW", 1)
        yield sender
        sender.close()


SENDERS = {"writes": by_writes, **({"ring": by_ring} if has_io_uring() else {})}
"""The ways of sending one frame to many that are to be had here."""

WAYS = {"asyncio-writes": ("asyncio", by_writes)} | {
    f"uvloop-{way}": ("uvloop", SENDERS[way]) for way in SENDERS
}


def on_every_way(work: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test of this name, run on each loop that a server may have, and each way of sending."""

    @pytest.mark.parametrize(("loop", "way"), WAYS.values(), ids=WAYS.keys())
    def test(loop: str, way: Any) -> None:
        with way() as sender:
            run_on(LOOPS[loop], work(partial(street, sender)))

    return cast("Callable[..., None]", test)


def run_on(loop: Any, work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end on a loop of its own, in 30 s."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(work, 30))


@dataclass
class Spy:
    """Notes what is sent past transports, of which each takes `most` bytes at most."""

    sender: Any
    most: int | None = None
    written: list[tuple[int, int]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def send(self, descriptors: Sequence[int], frame: bytes) -> list[tuple[int, bytes | memoryview]]:
        offered = frame[: self.most]
        rests = dict(self.sender.send(descriptors, offered))
        for place, descriptor in enumerate(descriptors):
            taken = len(offered) - len(rests.get(place, b""))
            if taken:
                self.written.append((descriptor, taken))
            else:
                self.refused.append(descriptor)
            if taken < len(frame):
                rests[place] = frame[taken:]
        return list(rests.items())


class Street:
    """A hall, a real server, and the sockets that follow the hall."""

    def __init__(self, house: House, sender: Sender) -> None:
        self.scene = Scene(Truth(slots=[(1, 0)] * SEATS, sections=["A"] * SEATS), sender=sender)
        self.house = house
        self.house.ready = self.scene.hub.ready  # type: ignore[method-assign,assignment]
        self.mutes: list[Mute] = []

    def mute(self, *, query: str = "") -> "Mute":
        """One who comes and reads nothing yet; with a query, by way of uvicorn's HTTP."""
        self.mutes.append(Mute(self.house.port, f"/ws{query}"))
        return self.mutes[-1]

    async def follows(self) -> DirectSocket:
        """The socket of who came last, at the door of the hall."""
        socket: DirectSocket = await next_of(self.house.opened)
        await self.scene.hub.subscribe(socket, HALL)
        return socket

    async def changes(self, slots: int = 1) -> None:
        """Some seats change, and a tick tells of it."""
        truth = self.scene.truth
        first = truth.version % (SEATS - slots)
        self.scene.world.change({first + number: (0, truth.version % 100) for number in range(slots)})
        await self.scene.tick()

    @contextmanager
    def spied_on(self, *, most: int | None = None) -> Iterator[Spy]:
        """See what goes past the transports."""
        fanout = self.scene.hub.fanout
        spy = Spy(fanout._sender, most)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(fanout, "_sender", spy)
            yield spy

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
async def street(sender: Sender, **options: Any) -> AsyncIterator[Street]:
    async with serving(**options) as house:
        made = Street(house, sender)
        try:
            yield made
        finally:
            for mute in made.mutes:
                mute.socket.close()


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
