"""What one turn says goes out in one write, in its order, and nothing stays behind."""

from collections.abc import AsyncIterator

import pytest

from channels import corking, protocol
from channels.codec import Codec, frame
from channels.corking import Cork
from channels.direct import DirectSocket
from channels.frames import CLOSE, PING, TEXT
from channels.protocol import Heartbeat
from tests.channels.raw_peer import RawPeer, masked
from tests.channels.street import House, next_of, serving

HELLO, EXTEND = masked(TEXT, b'{"type":"hello"}'), masked(TEXT, b'{"type":"extend","ref":7}')


class Transport:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes | memoryview) -> None:
        self.written.append(bytes(data))


def turn(of: Cork, transport: Transport) -> None:
    of.begin(transport)  # type: ignore[arg-type]  # as far as it is used


def say(of: Cork, transport: Transport, data: bytes | memoryview) -> None:
    of.write(transport, data)  # type: ignore[arg-type]  # see above


def test_what_is_said_in_a_turn_is_written_at_its_end() -> None:
    of, ann, ben = Cork(), Transport(), Transport()
    turn(of, ann)
    say(of, ann, b"a")
    say(of, ben, b"to another")
    say(of, ann, memoryview(b"b"))
    assert (ann.written, ben.written) == ([], [b"to another"])
    of.end()
    assert ann.written == [b"ab"]
    say(of, ann, b"later")
    assert ann.written == [b"ab", b"later"]


def test_what_is_long_is_not_copied_and_keeps_its_place() -> None:
    of, ann, long = Cork(), Transport(), b"x" * corking.MOST
    turn(of, ann)
    for data in (b"a", long, b"b", b"c"):
        say(of, ann, data)
    of.end()
    assert ann.written == [b"a", long, b"bc"]
    turn(of, ann)
    say(of, ann, long)
    of.end()
    assert ann.written[3:] == [long]


def test_a_turn_that_says_nothing_writes_nothing() -> None:
    of, ann = Cork(), Transport()
    turn(of, ann)
    of.end()
    assert ann.written == []


def test_a_turn_within_a_turn_gets_nothing_of_the_other() -> None:
    of, ann, ben = Cork(), Transport(), Transport()
    turn(of, ann)
    say(of, ann, b"a")
    turn(of, ben)
    say(of, ben, b"b")
    of.end()
    say(of, ann, b"c")
    of.end()
    assert (ann.written, ben.written) == ([b"a", b"c"], [b"b"])


# -- on a socket -------------------------------------------------------------------------------------------


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with serving() as house:
        yield house


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames each write of a turn had."""
    found: list[int] = []
    real = Cork.flush

    def flush(self: Cork) -> None:
        if self._unwritten:
            found.append(len(self._unwritten))
        real(self)

    monkeypatch.setattr(Cork, "flush", flush)
    return found


async def test_answers_to_what_came_together_are_one_write(house: House, writes: list[int]) -> None:
    async with RawPeer(house.port) as peer:
        peer.writer.write(HELLO + EXTEND + masked(PING, b"?"))
        kinds = [(await peer.next()).payload for _ in range(3)]
    assert b"welcome" in kinds[0]
    assert b'"ok"' in kinds[1]
    assert kinds[2] == b"?"
    assert writes[0] == 3


async def test_answers_come_before_the_close_behind_them(house: House) -> None:
    async with RawPeer(house.port) as peer:
        peer.writer.write(HELLO + EXTEND + masked(CLOSE, (1000).to_bytes(2, "big")))
        assert [(await peer.next()).opcode for _ in range(3)] == [TEXT, TEXT, CLOSE]
    async with RawPeer(house.port) as peer:
        peer.writer.write(HELLO + EXTEND + masked(3))
        assert [(await peer.next()).opcode for _ in range(3)] == [TEXT, TEXT, CLOSE]


async def test_what_is_pushed_in_a_turn_follows_its_answers(
    house: House, monkeypatch: pytest.MonkeyPatch, writes: list[int]
) -> None:
    shared = frame(Heartbeat(server_time=1), Codec.JSON)
    real = DirectSocket.answer

    def answer(self: DirectSocket, message: protocol.ServerMessage) -> None:
        real(self, message)
        if isinstance(message, protocol.Ok):
            assert self.write is not None
            self.write(shared.wire)
            self.push(shared)

    monkeypatch.setattr(DirectSocket, "answer", answer)
    async with RawPeer(house.port) as peer:
        peer.writer.write(HELLO)
        assert b"welcome" in (await peer.next()).payload
        peer.writer.write(EXTEND)
        assert b'"ok"' in (await peer.next()).payload
        assert [(await peer.next()).payload for _ in range(2)] == [shared.data] * 2
    assert writes[:2] == [1, 3]


async def test_a_socket_without_a_turn_writes_at_once(house: House) -> None:
    async with RawPeer(house.port) as peer:
        socket = await next_of(house.opened)
        socket.answer(protocol.Ok(ref=1))
        assert b'"ok"' in (await peer.next()).payload
