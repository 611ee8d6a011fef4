"""One frame to many sockets: by either way the same, and by writes where the kernel has no ring for us."""

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from channels import io_uring, ring, sender
from channels.sender import Sender, open_sender
from tests.channels.hall import SENDERS, by_writes, has_io_uring


class Crowd:
    """Sockets that are written to, and what their readers have had."""

    def __init__(self, number: int) -> None:
        self.pairs = [socket.socketpair() for _ in range(number)]
        for each in (each for pair in self.pairs for each in pair):
            each.setblocking(False)

    @property
    def descriptors(self) -> list[int]:
        return [near.fileno() for near, _ in self.pairs]

    def had(self, place: int) -> bytes:
        """All that came to this one since it was last asked."""
        story = b""
        with suppress(BlockingIOError):
            while came := self.pairs[place][1].recv(1 << 20):
                story += came
        return story

    def fills(self, place: int) -> int:
        """Nobody reads there; how many bytes that were."""
        filled = 0
        with suppress(BlockingIOError):
            while True:
                filled += self.pairs[place][0].send(bytes(1 << 16))
        return filled

    def close(self) -> None:
        for near, far in self.pairs:
            near.close()
            far.close()


@pytest.fixture
def crowd() -> Iterator[Callable[[int], Crowd]]:
    made: list[Crowd] = []

    def crowd(number: int) -> Crowd:
        made.append(Crowd(number))
        return made[-1]

    yield crowd
    for each in made:
        each.close()


every_way = pytest.mark.parametrize("way", SENDERS.values(), ids=SENDERS.keys())


@every_way
def test_all_get_all_frames_in_their_order_however_many_they_are(way: Any, crowd: Any) -> None:
    with way() as it:
        for number in (1, 3, 7, 8, 9, 16, 21):
            here = crowd(number)
            frames = [b"%d:%d" % (number, turn) * (1 + turn % 3) for turn in range(20)]
            for frame in frames:
                assert it.send(here.descriptors, frame) == []
            assert {here.had(place) for place in range(number)} == {b"".join(frames)}


@every_way
def test_who_takes_nothing_or_a_part_is_named_with_the_rest_and_disturbs_nobody(way: Any, crowd: Any) -> None:
    here = crowd(20)
    descriptors = here.descriptors
    frame = bytes(range(250)) * 4000
    here.fills(2)
    descriptors[5] = -1
    here.pairs[11][1].close()
    for near, _ in here.pairs:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 3_000_000)
    here.pairs[17][0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 40_000)
    here.fills(2)
    with way() as it:
        rests = dict(it.send(descriptors, frame))
        assert rests.keys() == {2, 5, 11, 17}
        assert [rests[place] for place in (2, 5, 11)] == [frame] * 3
        for place in set(range(20)) - {2, 5, 11}:
            assert here.had(place) + rests.get(place, b"") == frame
        assert 0 < len(rests[17]) < len(frame)
        assert it.send(descriptors[12:], b"the next") == []
        assert {here.had(place) for place in range(12, 20)} == {b"the next"}


@every_way
def test_frames_of_one_length_are_not_taken_for_one_another(way: Any, crowd: Any) -> None:
    here = crowd(2)
    with way() as it:
        for number in range(200):
            it.send(here.descriptors, b"%04d" % number)
    assert here.had(1) == b"".join(b"%04d" % number for number in range(200))


def test_a_few_are_written_to_one_by_one(crowd: Any) -> None:
    class Untouched:
        usable = True

    it, here = Sender(Untouched()), crowd(sender.FEW - 1)  # type: ignore[arg-type]  # nothing of it is used
    assert it.send(here.descriptors, b"frame") == []
    assert here.had(0) == b"frame"


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.ENOMEM])
def test_a_kernel_that_has_no_ring_for_us_has_writes(
    code: int, crowd: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def setup(*_: object) -> int:
        raise OSError(code, "no")

    monkeypatch.setattr(ring, "setup", setup)
    caplog.set_level(logging.INFO)
    it, here = open_sender(by_ring=True), crowd(40)
    assert not it.by_ring
    assert it.send(here.descriptors, b"frame") == []
    assert here.had(39) == b"frame"
    assert [(record.levelname, "not to be had" in record.message) for record in caplog.records] == [
        ("INFO", True)
    ]


def test_other_systems_and_machines_are_not_even_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise AssertionError("a number that means something else there")

    monkeypatch.setattr(io_uring, "_syscall", refuse)
    monkeypatch.setattr("platform.machine", lambda: "mips64")
    assert not open_sender(by_ring=True).by_ring
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "darwin")
    assert not open_sender(by_ring=True).by_ring


def test_where_the_kernel_has_a_ring_it_is_used(crowd: Any) -> None:
    it, here = open_sender(by_ring=True), crowd(40)
    assert it.by_ring is has_io_uring()
    assert it.send(here.descriptors, b"frame") == []
    it.close()
    assert not it.by_ring
    assert it.send(here.descriptors, b"frame") == []
    assert here.had(39) == b"frameframe"


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sender, "Ring")
    assert not open_sender(by_ring=False).by_ring


class Deceiver:
    """A ring that sends as it likes."""

    def __init__(self, sends: Callable[[Any, bytes], list[tuple[int, int]]]) -> None:
        self.send = sends
        self.closed = False

    def close(self) -> None:
        self.closed = True


def never_done(_descriptors: object, _frame: object) -> list[tuple[int, int]]:
    raise RuntimeError("0 of 4 sends were done")


@pytest.mark.parametrize(
    "sends",
    [
        never_done,
        lambda _descriptors, _frame: [],
        lambda _descriptors, _frame: [(1, -errno.EBADF), (2, -errno.EAGAIN)],
        lambda descriptors, frame: sender.write_to_each(descriptors[:3], frame),
        lambda descriptors, frame: sender.write_to_each(descriptors, frame.swapcase()),
    ],
)
def test_one_that_does_not_do_what_it_is_for_is_not_used(
    sends: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Deceiver] = []

    def deceiver() -> Deceiver:
        made.append(Deceiver(sends))
        return made[-1]

    monkeypatch.setattr(sender, "Ring", deceiver)
    assert not open_sender(by_ring=True).by_ring
    assert made[0].closed
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_writes_stand_for_themselves() -> None:
    with by_writes() as it:
        assert not it.by_ring
        it.close()
        assert it.send([], b"frame") == []
