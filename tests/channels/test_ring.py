"""What may go wrong between us and the kernel when it sends one frame to many; where it has io_uring."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from channels import io_uring, ring
from channels.ring import Ring
from channels.sender import Sender
from tests.channels.test_sender import Crowd

ENTRIES = 8


@pytest.fixture
def here() -> Iterator[Crowd]:
    here = Crowd(6)
    yield here
    here.close()


@pytest.fixture
def made() -> Iterator[Ring]:
    made = Ring(ENTRIES)
    yield made
    made.close()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_entries_that_the_kernel_leaves_in_the_queue_are_withdrawn(
    taken: int, here: Crowd, made: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory for requests it takes fewer than were asked for."""
    enter = io_uring.enter
    for turn in range(2 * ENTRIES):
        monkeypatch.setattr(ring, "enter", lambda descriptor, _count: enter(descriptor, taken))
        assert made.send(here.descriptors, b"one") == [(place, -errno.EAGAIN) for place in range(taken, 6)]
        monkeypatch.setattr(ring, "enter", enter)
        assert made.send(here.descriptors, b"two") == [], turn
        for place in range(6):
            assert here.had(place) == (b"onetwo" if place < taken else b"two")
    assert made.usable


@pytest.mark.parametrize(
    ("code", "passes"), [(errno.EINTR, True), (errno.EAGAIN, True), (errno.EBUSY, True), (errno.EPERM, False)]
)
def test_a_call_that_is_refused_has_sent_nothing(
    code: int, passes: bool, here: Crowd, made: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> int:
        raise OSError(code, "no")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ring, "enter", refused)
        assert [place for place, sent in made.send([*here.descriptors] * 2, b"one") if sent < 0] == [
            *range(12)
        ]
    assert made.usable is passes
    assert [record.levelname for record in caplog.records] == ([] if passes else ["ERROR"])
    assert Sender(made).send(here.descriptors * 8, b"two") == []
    assert {here.had(place) for place in range(6)} == {b"two" * 8}


def test_sends_that_are_still_pending_end_it(
    here: Crowd, made: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kernel does that: nothing that is sent so may wait."""
    with monkeypatch.context() as patched:
        patched.setattr(ring, "enter", lambda _descriptor, count: count)
        with pytest.raises(RuntimeError, match="0 of 6 sends were done"):
            made.send(here.descriptors, b"one")
    assert not made.usable
    assert Sender(made).send(here.descriptors, b"two") == []
    assert here.had(0) == b"two"


def descriptors() -> dict[int, bool]:
    """All that are open in this process, and whether a program that it starts has them too."""
    found = {}
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own
            found[int(each.name)] = os.get_inheritable(int(each.name))
    return found


def test_it_leaves_nothing_open_and_nobody_inherits_it() -> None:
    before = descriptors()
    made = Ring(ENTRIES)
    own = descriptors().keys() - before.keys()
    assert own
    assert not any(descriptors()[each] for each in own)
    made.close()
    made.close()
    assert descriptors() == before
    with pytest.raises(OSError, match="Invalid argument"):
        Ring(1 << 30)
    assert descriptors() == before


def test_a_process_that_is_forked_off_leaves_it_alone(here: Crowd, made: Ring) -> None:
    it = Sender(made)
    child = os.fork()
    if not child:
        os._exit(7 if it.by_ring else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert it.by_ring
    assert made.send(here.descriptors, b"one") == []
    assert here.had(5) == b"one"


def test_a_frame_is_kept_while_the_entries_point_at_it(here: Crowd, made: Ring) -> None:
    frame = b"%d" % os.getpid() * 100
    known = sys.getrefcount(frame)
    made.send(here.descriptors, frame)
    assert sys.getrefcount(frame) == known + 1
    made.send(here.descriptors, b"another")
    assert sys.getrefcount(frame) == known


def test_the_kernel_is_told_to_go_on_behind_an_entry_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer ones go on of themselves behind all that can fail here."""
    asked: list[int] = []

    def setup(_entries: int, parameters: io_uring.Parameters) -> int:
        asked.append(parameters.flags)
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(ring, "setup", setup)
    with pytest.raises(OSError, match="no"):
        Ring(ENTRIES)
    assert asked == [1 << 7]
