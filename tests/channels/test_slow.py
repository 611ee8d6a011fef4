"""Clients that read nothing, or next to nothing: others do not notice, and the slow ones are right soon."""

import pytest

from channels import channel
from channels.codec import Codec
from channels.history import History
from tests.channels.scene import HALL, Scene
from tests.channels.world import Reader, Truth, expected

SEATS = 400


def crowd(scene: Scene, *, room: int, count: int) -> list[Reader]:
    """Readers of both codecs, compressed and not, with room for so many frames."""
    return [
        Reader(scene.hub, list(Codec)[number % 2], room=room, direct=True, deflates=number % 4 > 1)
        for number in range(count)
    ]


def hall() -> Scene:
    return Scene(Truth(slots=[(1, 0)] * SEATS, sections=["A"] * SEATS))


async def test_who_does_not_read_costs_nothing_and_is_right_with_the_first_frame_after_it() -> None:
    scene = hall()
    quick, slow = crowd(scene, room=1_000_000, count=8), crowd(scene, room=1, count=8)
    for reader in quick + slow:
        await scene.hub.subscribe(reader, HALL)
    sent = scene.hub.fanout.frames_sent
    for number in range(300):
        scene.world.change({number: (0, 1)})
        await scene.tick()
    assert scene.hub.fanout.frames_sent == sent + 300 * len(quick)
    (group,) = scene.hub._upkeeps["hall"].channel.groups.values()
    assert len(group._catch_ups) == 0
    for reader in slow:
        reader.reads()
        assert reader.types() == ["snapshot", "delta"]
    assert len(group._catch_ups) == 1
    for reader in quick + slow:
        assert reader.broken == []
        assert reader.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_who_reads_a_frame_now_and_then_is_never_further_behind_than_that() -> None:
    scene = hall()
    readers = crowd(scene, room=1, count=4)
    for reader in readers:
        await scene.hub.subscribe(reader, HALL)
    for number in range(300):
        scene.world.change({number: (0, 1)})
        await scene.tick()
        if number % 50 == 49:
            for reader in readers:
                reader.reads(1)
                assert reader.seen[HALL].of(scene.truth) == expected(scene.truth)
    for reader in readers:
        assert reader.types() == ["snapshot"] + ["delta"] * 6


async def test_who_is_far_behind_gets_a_snapshot_and_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "FAR_SLOTS", 100)
    scene = hall()
    near, far, late = crowd(scene, room=1, count=3)
    for reader in (near, far):
        await scene.hub.subscribe(reader, HALL)
    for number in range(100):
        scene.world.change({number: (0, 1)})
    await scene.tick()
    near.reads()
    assert near.types() == ["snapshot", "delta"]
    scene.world.change({300: (0, 1)})
    await scene.tick()
    scene.clock.now += 2
    far.reads(1)
    assert far.types() == ["snapshot", "snapshot"]
    assert far.seen[HALL].of(scene.truth) == expected(scene.truth)
    for number in range(200):
        scene.world.change({number: (0, 2)})
    await scene.tick()
    far.reads()
    assert far.types() == ["snapshot", "snapshot", "delta"]  # the kept snapshot is no newer than what it has
    await scene.hub.subscribe(late, HALL, ("e1", 100))
    assert late.types() == ["delta"]  # who resumes is promised one
    for reader in (near, far):
        assert reader.seen[HALL].version == scene.truth.version


def test_a_history_knows_whether_more_was_touched() -> None:
    history = History(100, 0.0)
    for version, indices in ((101, [1, 2]), (102, [2, 3]), (103, [1])):
        history.add(version, indices, 0.0)
    assert [history.exceeds(100, most) for most in (2, 3)] == [True, False]
    assert [history.exceeds(101, most) for most in (2, 3)] == [True, False]
    assert [history.exceeds(102, most) for most in (0, 1)] == [True, False]
    assert not history.exceeds(103, 0)
