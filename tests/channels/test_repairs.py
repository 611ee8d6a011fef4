"""What is lost, rebuilt or away: repaired once for the process, and told as it is."""

import asyncio
from collections.abc import Sequence

import msgpack
import pytest

from channels import fanout, upkeep
from channels.codec import Codec
from channels.protocol import SectionsView
from channels.replica import State
from tests.channels.scene import HALL, Scene
from tests.channels.world import Away, Truth, expected


async def test_a_lost_message_is_repaired_from_the_log_as_an_ordinary_delta(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)}, lost=True)
    scene.world.change({2: (0, 1)})
    await scene.settle()
    await scene.tick()
    assert ann.types() == ["snapshot", "delta"]
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)
    assert scene.world.reads == 1


async def test_what_is_said_while_the_hub_reads_is_not_lost(scene: Scene) -> None:
    ann = scene.reader()
    joining = asyncio.create_task(scene.hub.subscribe(ann, HALL))
    while not scene.world.reads:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    scene.world.change({1: (0, 1)})
    await joining
    await scene.tick()
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_more_than_can_wait_while_the_hub_reads_is_repaired(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MAX_BUFFERED", 3)
    ann = scene.reader()
    joining = asyncio.create_task(scene.hub.subscribe(ann, HALL))
    while not scene.world.reads:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    for index in range(8):
        scene.world.change({index: (0, 1)})
    await joining
    await scene.tick()
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)
    assert scene.world.log_reads == 1


async def test_changes_faster_than_they_can_be_followed_are_told_and_tried_again(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    channel = scene.hub._upkeeps["hall"].channel
    scene.truth.log_length = 0
    read = scene.world.read

    async def overtaken(resource_id: str) -> State:
        state = await read(resource_id)
        scene.world.change({0: (0, 1)}, lost=True)
        scene.world.change({1: (0, 1)})
        return state

    scene.world.read = overtaken  # type: ignore[method-assign]  # a source that is always overtaken
    scene.world.change({2: (0, 1)}, lost=True)
    await scene.check()
    failed = [channel.failed]
    await scene.check()
    failed.append(scene.hub.stale)
    scene.world.read = read  # type: ignore[method-assign]  # and one that is not
    await scene.check()
    await scene.check()
    assert [*failed, scene.hub.stale] == [True, True, False]
    await scene.tick()
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x93\x01\x02\x03", b"\x94\xa2e1\xa1x\x01\x90", b"\xc1", b"\x94\xa1\xff"]
)
async def test_a_message_that_makes_no_sense_is_answered_by_reading_the_truth(
    scene: Scene, payload: bytes
) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.publish(payload)
    await scene.settle()
    assert scene.world.reads == 2


async def test_a_reset_is_read_and_an_old_one_is_not(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.publish(msgpack.packb(["e1", 90, 100, None]))
    await scene.settle()
    assert scene.world.reads == 1
    scene.truth.reset("e2")
    scene.world.publish(msgpack.packb(["e2", 0, 101, None]))
    await scene.settle()
    assert scene.world.reads == 2


async def test_the_log_is_not_asked_for_ever_whatever_clients_claim(scene: Scene) -> None:
    for _ in range(200):
        scene.world.change({0: (0, 1)})
    for version in range(299, 99, -1):
        await scene.hub.subscribe(scene.reader(), HALL, ("e1", version))
    assert scene.world.log_reads == 20


async def test_a_log_that_cannot_be_read_costs_a_snapshot(scene: Scene) -> None:
    scene.world.change({0: (0, 1)})
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.away = True
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL, ("e1", 100))
    assert ann.types() == ["snapshot"]


async def test_without_the_log_all_is_read_and_compared_which_is_an_ordinary_delta_too(scene: Scene) -> None:
    scene.truth.log_length = 0
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)}, lost=True)
    scene.world.change({2: (0, 1)})
    await scene.settle()
    await scene.tick()
    assert ann.frames[-1]["changes"] == [1, 0, 1, 2, 0, 1]
    assert scene.world.reads == 2


async def test_a_loss_that_nothing_follows_is_found_by_the_check(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)}, lost=True)
    await scene.check()
    await scene.tick()
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_another_epoch_gives_everyone_one_shared_snapshot(scene: Scene) -> None:
    ann, ben = scene.reader(), scene.reader(Codec.MSGPACK)
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL, view=SectionsView(("B",)))
    scene.truth.sections = ["B"] * 12
    scene.truth.reset("e2", layout=2)
    await scene.check()
    await scene.tick()
    assert ann.types() == ben.types() == ["snapshot", "snapshot"]
    assert ann.seen[HALL].epoch == "e2"
    assert ben.seen[HALL].of(scene.truth) == expected(scene.truth)


def _goes_back(scene: Scene) -> None:
    """To how it was before slot 1 was taken."""
    scene.truth.version, scene.truth.slots[1] = 100, (1, 0)
    scene.truth.log.clear()


async def test_a_redis_that_went_back_in_time_is_built_anew_before_anyone_is_shown_it(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)})
    await scene.tick()
    _goes_back(scene)
    await scene.check()
    await scene.tick()
    assert ann.types() == ["snapshot", "delta", "snapshot"]
    assert scene.world.went_back_from == [("e1", 101)]
    assert ann.frames[-1]["epoch"] == "e1, anew"
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_until_it_is_built_anew_everybody_keeps_the_map_that_they_saw(scene: Scene) -> None:
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)})
    await scene.tick()
    _goes_back(scene)
    scene.world.rebuilds = False
    await scene.check()
    await scene.check()
    stale = [scene.hub.stale]
    await scene.hub.subscribe(ben, HALL)
    await scene.tick()
    assert ann.types() == ["snapshot", "delta"]
    assert ben.seen[HALL].version == 101
    scene.world.rebuilds = True
    await scene.check()
    await scene.check()
    assert [*stale, scene.hub.stale] == [True, False]
    await scene.tick()
    for reader in (ann, ben):
        assert reader.seen[HALL].epoch == "e1, anew"
        assert reader.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_while_redis_is_away_maps_stay_up_and_are_stale(scene: Scene) -> None:
    told: list[bool] = []
    scene.hub.staleness.on_stale(told.append)
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.away = True
    await scene.check()
    assert scene.hub.stale
    ben = scene.reader()
    await scene.hub.subscribe(ben, HALL)
    assert ben.types() == ["snapshot"]
    with pytest.raises(Away):
        await scene.hub.subscribe(ben, "availability:other")
    scene.world.away = False
    scene.world.healthy = False
    await scene.check()
    assert scene.hub.stale
    scene.world.healthy = True
    await scene.check()
    assert told == [True, False]


async def test_a_change_of_another_epoch_is_not_applied_even_if_its_versions_fit(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.truth.reset("e2")
    scene.world.publish(msgpack.packb(["e2", 100, 101, [3, 0, 0]]))
    await scene.settle()
    await scene.tick()
    assert ann.types() == ["snapshot", "snapshot"]
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_a_broadcast_ends_where_a_new_replica_begins(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL)
    state = scene.truth.state()
    scene.world.change({1: (0, 1)})
    ben.room = 0
    sending = asyncio.create_task(scene.hub.fanout.send_news())
    await asyncio.sleep(0)
    scene.hub._upkeeps["hall"].channel.replace(state, None, scene.clock.now)
    ben.reads()
    await sending
    assert ann.types() == ["snapshot", "delta"]
    assert ben.types() == ["snapshot", "snapshot"]


async def test_what_stands_elsewhere_is_repaired_while_another_server_says_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cluster; all maps are told to be stale, for nobody knows which ones are."""
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.truths["far"] = Truth("far")
    await scene.hub.subscribe(ann, "availability:far")
    positions = scene.world.positions

    async def of_one_server(names: Sequence[str]) -> dict[str, tuple[str, int] | None]:
        found = await positions(names)
        return {name: found[name] for name in names if name != "far"}

    monkeypatch.setattr(scene.world, "positions", of_one_server)
    scene.world.change({1: (0, 1)}, lost=True)
    await scene.check()
    await scene.tick()
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)
    assert (scene.hub.stale, scene.world.reads, scene.world.log_reads) == (True, 2, 1)
    monkeypatch.undo()
    await scene.check()
    assert not scene.hub.stale


async def test_why_nothing_could_be_checked_stands_in_the_log(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A time that ran out has no words of its own."""
    await scene.hub.subscribe(scene.reader(), HALL)

    async def silence(_names: Sequence[str]) -> dict[str, tuple[str, int] | None]:
        raise TimeoutError

    monkeypatch.setattr(scene.world, "positions", silence)
    await scene.check()
    assert "positions cannot be checked: TimeoutError" in caplog.text
