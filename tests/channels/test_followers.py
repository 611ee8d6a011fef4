"""Followers come, go, break and are bounded."""

import asyncio
from typing import Any

import pytest

from channels import fanout
from channels import hub as hub_module
from channels.channel import Variant
from channels.codec import Codec, Frame
from channels.hub import Hub
from channels.protocol import SectionsView
from channels.source import ChannelError, Subscriber
from tests.channels.scene import HALL, Scene
from tests.channels.world import Away, Reader, Truth, World


class Breaking(Reader):
    """It takes a snapshot, and nothing else."""

    def push(self, frame: Frame) -> None:
        super().push(frame)
        if self.types()[-1] == "delta":
            raise RuntimeError("broken")


class Club:
    """A hook: only members follow."""

    def __init__(self) -> None:
        self.members: set[Subscriber] = set()

    async def subscribe(self, subscriber: Subscriber, name: str) -> None:
        await asyncio.sleep(0)
        if name != "ann":
            raise PermissionError(name)
        self.members.add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, name: str) -> None:
        assert name == "ann"
        self.members.discard(subscriber)


async def test_a_connection_follows_a_bounded_number_of_channels(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_FOLLOWED", 1)
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ann, HALL)
    with pytest.raises(ChannelError) as refused:
        await scene.hub.subscribe(ann, "availability:other")
    assert refused.value.code == "limit_exceeded"


async def test_a_process_follows_a_bounded_number_of_resources(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_CHANNELS", 1)
    await scene.hub.subscribe(scene.reader(), HALL)
    with pytest.raises(ChannelError) as refused:
        await scene.hub.subscribe(scene.reader(), "availability:other")
    assert (refused.value.code, refused.value.retry) == ("overloaded", "later")


async def test_who_leaves_hears_no_more_and_the_replica_goes_some_seconds_later(scene: Scene) -> None:
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL)
    scene.hub.unsubscribe(ann, HALL)
    scene.hub.unsubscribe(ann, "availability:never")
    scene.hub.drop(ben)
    scene.hub.drop(ben)
    scene.world.change({0: (0, 1)})
    await scene.tick()
    scene.hub.ready(ann)
    scene.hub.ready(ben)
    assert ann.types() == ben.types() == ["snapshot"]
    scene.clock.now += 9
    await scene.hub._forget_idle()
    assert scene.hub.resources == ["hall"]
    scene.clock.now += 2
    await scene.hub._forget_idle()
    assert scene.hub.resources == []
    assert not any(scene.world.handlers.values())


async def test_one_that_goes_while_it_joins_is_not_kept(scene: Scene) -> None:
    ann = scene.reader()
    joining = asyncio.create_task(scene.hub.subscribe(ann, HALL))
    await asyncio.sleep(0)
    scene.hub.drop(ann)
    await joining
    assert ann.types() == []
    assert scene.hub._upkeeps["hall"].channel.groups == {}


async def test_a_subscriber_that_breaks_is_dropped_and_the_others_hear(scene: Scene) -> None:
    ann, ben = Breaking(scene.hub), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL)
    scene.world.change({0: (0, 1)})
    await scene.tick()
    scene.world.change({1: (0, 1)})
    await scene.tick()
    assert ann not in scene.hub._followed
    assert (ann.closed_with, ben.closed_with) == (1011, None)
    assert ben.types() == ["snapshot", "delta", "delta"]


@pytest.mark.parametrize("fails", ["delta", "frame", "repeat"])
async def test_a_fault_in_one_group_costs_the_others_nothing_and_is_made_good(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    monkeypatch.setattr(fanout, "RETRY_SECONDS", 0.0)
    ann, ben = Reader(scene.hub, Codec.MSGPACK), scene.reader()
    await scene.hub.subscribe(ann, HALL, None, SectionsView(("A",)))
    await scene.hub.subscribe(ben, HALL)
    channel = scene.hub._upkeeps["hall"].channel
    group = next(iter(channel.groups.values()))

    def broken(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    whole, faults = Variant.parcel, iter([broken])

    def breaks_once(*given: Any) -> Any:
        return next(faults, whole)(*given)

    with monkeypatch.context() as fault:
        if fails == "frame":
            fault.setattr(Variant, "parcel", breaks_once)
        else:
            fault.setattr(group.view, fails, broken)
        if fails == "repeat":
            scene.clock.now += fanout.REPEAT_SECONDS
            await scene.hub.fanout.repeat([channel])
        else:
            scene.world.change({0: (0, 1)})
            await scene.tick()
    assert "nobody foresaw this" in caplog.text
    assert len(ben.frames) == 2
    assert ann.types() == ["snapshot"]
    await asyncio.sleep(0.01)
    assert channel in scene.hub.fanout._dirty
    await scene.tick()
    if fails != "repeat":
        assert ann.types() == ["snapshot", "delta"]
    assert len(ben.frames) == 2


async def test_one_that_lags_on_two_channels_is_caught_up_on_both_in_turn() -> None:
    scene = Scene(Truth(), Truth("other"))
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ann, "availability:other")
    ann.room = 0
    for _ in range(3):
        scene.world.change({0: (0, 1)})
        scene.world.change({0: (0, 1)}, "other")
        await scene.tick()
        ann.reads(1)
    assert [frame["channel"] for frame in ann.frames[2:]] == [HALL, "availability:other", HALL]
    await scene.hub.close()


async def test_other_kinds_of_channels_are_asked_of_their_keeper() -> None:
    world, club = World(), Club()
    hub = Hub(world, world, world, hooks={"notifications": club})
    ann, ben = Reader(hub), Reader(hub)
    answers: list[str] = []
    await hub.subscribe(ann, "notifications:ann", answer=lambda: answers.append("ok"))
    with pytest.raises(PermissionError):
        await hub.subscribe(ann, "notifications:ben")
    assert (answers, club.members) == (["ok"], {ann})
    hub.ready(ann)
    hub.unsubscribe(ann, "notifications:ann")
    assert club.members == set()
    joining = asyncio.create_task(hub.subscribe(ben, "notifications:ann"))
    await asyncio.sleep(0)
    hub.drop(ben)
    await joining
    assert club.members == set()
    await hub.close()


async def test_a_failed_load_is_tried_again_by_the_next_and_listens_once(scene: Scene) -> None:
    scene.world.away = True
    joining = [asyncio.create_task(scene.hub.subscribe(scene.reader(), HALL)) for _ in range(3)]
    await asyncio.wait(joining)
    assert all(isinstance(join.exception(), Away) for join in joining)
    assert scene.hub.resources == []
    upkeep = scene.hub._upkeep("hall")
    upkeep.channel.awaited += 1
    for _ in range(2):
        with pytest.raises(Away):
            await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.away = False
    await scene.hub.subscribe(scene.reader(), HALL)
    assert scene.world.handlers["holdfast:{hall}:changes"] == [upkeep.heard]


async def test_a_change_whose_tick_was_missed_is_sent_with_the_next(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({0: (0, 1)})
    scene.hub.fanout._dirty.clear()
    await scene.hub.fanout.repeat([upkeep.channel for upkeep in scene.hub._upkeeps.values()])
    await scene.tick()
    assert ann.types() == ["snapshot", "delta"]


async def test_a_resource_that_fails_to_load_before_anything_listened_is_forgotten(scene: Scene) -> None:
    upkeep = scene.hub._upkeep("hall")
    await upkeep.close()
    assert scene.world.handlers == {}


async def test_one_that_leaves_during_a_tick_is_sent_nothing_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    for view, update in ((None, 0), (SectionsView(("A",)), 0), (SectionsView(("B",)), 0)):
        ann, ben = Reader(scene.hub, direct=True), Reader(scene.hub, direct=True)
        for reader in (ann, ben):
            await scene.hub.subscribe(reader, HALL, None, view)
        scene.world.change({update: (0, scene.truth.version % 3)})
        ticking = asyncio.create_task(scene.tick())
        await asyncio.sleep(0)
        scene.hub.drop(ann)
        scene.hub.drop(ben)
        frames = len(ann.frames), len(ben.frames)
        await ticking
        assert (len(ann.frames), len(ben.frames)) == frames
    assert "broke" not in caplog.text


async def test_one_that_leaves_before_its_first_frame_is_sent_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    ann, ben = Reader(scene.hub, direct=True), Reader(scene.hub, room=0, direct=True)
    for reader in (ann, ben):
        await scene.hub.subscribe(reader, HALL)
    scene.world.change({0: (0, 1)})
    ticking = asyncio.create_task(scene.tick())
    await asyncio.sleep(0)
    scene.hub.unsubscribe(ben, HALL)
    ben.room = 1000
    await ticking
    assert ann.types() == ["snapshot", "delta"]
    assert ben.types() == []


@pytest.mark.parametrize(("long", "at_once"), [(0.0, 1), (3600.0, 3)])
async def test_others_get_their_turn_in_a_tick_only_when_it_has_gone_on_for_long(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, long: float, at_once: int
) -> None:
    """Each turn makes the last of its followers wait for all that others have to do."""
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", long)
    readers = [Reader(scene.hub, direct=True) for _ in range(3)]
    for reader in readers:
        await scene.hub.subscribe(reader, HALL)
    scene.world.change({0: (0, 1)})
    ticking = asyncio.create_task(scene.tick())
    await asyncio.sleep(0)
    assert sum("delta" in reader.types() for reader in readers) == at_once
    await ticking
    assert all("delta" in reader.types() for reader in readers)
