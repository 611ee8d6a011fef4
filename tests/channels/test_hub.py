"""The hub: who follows gets a snapshot or one delta, then what follows, and never anything wrong."""

import asyncio
from collections.abc import Sequence

import pytest

from channels import fanout
from channels.codec import Codec
from channels.protocol import SectionsView
from channels.replica import Change
from channels.source import ChannelError
from tests.channels.scene import HALL, Scene
from tests.channels.world import expected, sums


async def test_a_joiner_gets_its_answer_then_a_snapshot(scene: Scene) -> None:
    ann = scene.reader()
    order: list[str] = []
    await scene.hub.subscribe(ann, HALL, answer=lambda: order.extend(["ok", *ann.types()]))
    assert order == ["ok"]
    assert ann.types() == ["snapshot"]
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_changes_of_one_tick_come_as_one_delta(scene: Scene) -> None:
    ann = scene.reader(Codec.MSGPACK)
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({3: (0, 1)})
    scene.world.change({1: (0, 1), 3: (1, 0)})
    await scene.tick()
    assert ann.frames[-1] == {
        "type": "delta",
        "channel": HALL,
        "epoch": "e1",
        "from": 100,
        "to": 102,
        "changes": [1, 0, 1, 3, 1, 0],
    }


async def test_ten_joiners_share_one_reading_and_one_encoding(scene: Scene) -> None:
    readers = [scene.reader() for _ in range(10)]
    await asyncio.gather(*(scene.hub.subscribe(reader, HALL) for reader in readers))
    assert scene.world.reads == 1
    assert all(reader.types() == ["snapshot"] for reader in readers)


async def test_a_joiner_within_a_second_gets_the_kept_snapshot_and_one_delta(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.change({2: (0, 0)})
    await scene.tick()
    ben = scene.reader()
    await scene.hub.subscribe(ben, HALL)
    assert ben.types() == ["snapshot", "delta"]
    assert ben.seen[HALL].of(scene.truth) == expected(scene.truth)
    scene.clock.now += 1.5
    cleo = scene.reader()
    await scene.hub.subscribe(cleo, HALL)
    assert cleo.types() == ["snapshot"]


async def test_a_reader_that_lags_gets_one_merged_delta(scene: Scene) -> None:
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL)
    ben.room = 0
    for index in (4, 5, 4):
        scene.world.change({index: (0, index % 2)})
        await scene.tick()
    assert ann.types() == ["snapshot", "delta", "delta", "delta"]
    ben.reads()
    assert ben.types() == ["snapshot", "delta"]
    assert ben.frames[-1]["changes"] == [4, 0, 0, 5, 0, 1]


async def test_a_position_within_the_log_gets_one_delta_even_if_nothing_happened(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL, ("e1", 100))
    assert ann.frames == [
        {"type": "delta", "channel": HALL, "epoch": "e1", "from": 100, "to": 100, "changes": []}
    ]
    scene.world.change({7: (0, 1)})
    await scene.tick()
    await scene.hub.subscribe(ben, HALL, ("e1", 100))
    assert [(frame["from"], frame["to"], frame["changes"]) for frame in ben.frames] == [(100, 101, [7, 0, 1])]


async def test_a_resuming_reader_that_is_not_ready_gets_its_delta_later(scene: Scene) -> None:
    ann = scene.reader(room=0)
    await scene.hub.subscribe(ann, HALL, ("e1", 100))
    assert ann.types() == []
    ann.reads()
    assert ann.types() == ["delta"]


async def test_a_position_from_before_this_process_comes_from_the_log(scene: Scene) -> None:
    scene.world.change({0: (0, 1)})
    scene.world.change({1: (0, 1)})
    scene.world.change({0: (0, 0)})
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL, ("e1", 101))
    assert [(frame["from"], frame["to"], frame["changes"]) for frame in ann.frames] == [
        (101, 103, [0, 0, 0, 1, 0, 1])
    ]
    await scene.hub.subscribe(ben, HALL, ("e1", 102))
    assert ben.frames[0]["changes"] == [0, 0, 0]
    assert scene.world.log_reads == 1


async def test_nobody_at_a_known_position_waits_for_another_that_asks_the_log(scene: Scene) -> None:
    scene.world.change({3: (0, 1)})
    asked, answers = scene.world.changes_since, asyncio.Event()

    async def slow(resource_id: str, epoch: str, version: int) -> Sequence[Change] | None:
        await answers.wait()
        return await asked(resource_id, epoch, version)

    scene.world.changes_since = slow  # type: ignore[method-assign]  # a log that takes its time
    await scene.hub.subscribe(scene.reader(), HALL)
    ann, ben = scene.reader(), scene.reader()
    asking = asyncio.create_task(scene.hub.subscribe(ann, HALL, ("e1", 100)))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await scene.hub.subscribe(ben, HALL, ("e1", 101))
    assert ben.types() == ["delta"]
    answers.set()
    await asking
    assert [(frame["from"], frame["to"]) for frame in ann.frames] == [(100, 101)]


async def test_a_version_that_never_was_gets_a_snapshot(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    change = scene.truth.change({1: (0, 1)}, step=10)
    scene.world.publish(scene.truth.payload(change))
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL, ("e1", 105))
    assert ann.types()[0] == "snapshot"


@pytest.mark.parametrize("position", [("e0", 100), ("e1", 99), ("e1", 1000), ("", 0)])
async def test_an_unknown_position_gets_a_snapshot(scene: Scene, position: tuple[str, int]) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL, position)
    assert ann.types() == ["snapshot"]


async def test_a_view_of_sections_has_only_their_slots_in_index_order(scene: Scene) -> None:
    ann = scene.reader(Codec.MSGPACK)
    await scene.hub.subscribe(ann, HALL, view=SectionsView(("C", "A")))
    snapshot = ann.frames[0]
    assert (snapshot["sections"], snapshot["count"]) == (["A", "C"], 8)
    scene.world.change({5: (0, 1)})
    await scene.tick()
    assert ann.types() == ["snapshot"]
    scene.world.change({9: (0, 1), 6: (0, 1)})
    await scene.tick()
    assert (ann.frames[1]["from"], ann.frames[1]["changes"]) == (100, [9, 0, 1])
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth, ("A", "C"))


async def test_totals_are_sums_by_section(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL, view="totals")
    scene.world.change({5: (0, 1)})
    await scene.tick()
    assert ann.types() == ["totals", "totals"]
    assert ann.seen[HALL].sums == sums(scene.truth) == {"A": [6, 0, 12], "B": [3, 1, 8], "C": [2, 0, 4]}


async def test_another_view_gets_a_snapshot_whatever_the_position(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ann, HALL, ("e1", 100), SectionsView(("B",)))
    assert ann.types() == ["snapshot", "snapshot"]
    scene.world.change({0: (0, 1)})
    await scene.tick()
    assert ann.types() == ["snapshot", "snapshot"]
    await scene.hub.subscribe(ann, HALL, ("e1", 100), SectionsView(("B",)))
    assert ann.types() == ["snapshot", "snapshot", "delta"]


async def test_a_section_that_is_not_there_is_refused(scene: Scene) -> None:
    with pytest.raises(ChannelError, match="no section 'Z'") as refused:
        await scene.hub.subscribe(scene.reader(), HALL, view=SectionsView(("A", "Z")))
    assert (refused.value.code, refused.value.retry) == ("not_found", "never")


async def test_a_resource_that_is_not_there_is_what_the_source_says_and_leaves_nothing(scene: Scene) -> None:
    with pytest.raises(LookupError):
        await scene.hub.subscribe(scene.reader(), "availability:nowhere")
    assert scene.hub.resources == []


@pytest.mark.parametrize("channel", ["availability:", "hall", "", "weather:hall"])
async def test_a_channel_of_no_kind_is_not_found(scene: Scene, channel: str) -> None:
    with pytest.raises(ChannelError, match="no such channel"):
        await scene.hub.subscribe(scene.reader(), channel)


async def test_a_quiet_channel_repeats_its_position(scene: Scene) -> None:
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL)
    await scene.hub.subscribe(ben, HALL, view=SectionsView(("B",)))
    scene.world.change({0: (0, 1)})
    await scene.tick()
    scene.clock.now += fanout.REPEAT_SECONDS
    channels = [upkeep.channel for upkeep in scene.hub._upkeeps.values()]
    await scene.hub.fanout.repeat(channels)
    assert [(frame["from"], frame["to"], frame["changes"]) for frame in ann.frames[-1:]] == [(101, 101, [])]
    assert [(frame["from"], frame["to"], frame["changes"]) for frame in ben.frames[-1:]] == [(100, 101, [])]
