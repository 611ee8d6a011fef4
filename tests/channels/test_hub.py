"""The hub: who follows gets a snapshot or one delta, then what follows, and never anything wrong."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from channels import fanout
from channels.codec import Codec
from channels.hub import Hub
from channels.protocol import SectionsView
from channels.source import ChannelError
from tests.channels.world import Away, Clock, Reader, Truth, World, expected, sums

HALL = "availability:hall"


class Scene:
    """A hub over a world, moved on by hand: no background tasks, no waiting."""

    def __init__(self, *truths: Truth) -> None:
        self.world = World(*truths)
        self.clock = Clock()
        self.hub = Hub(self.world, self.world, self.world, clock=self.clock)
        self.truth = next(iter(self.world.truths.values()))

    def reader(self, codec: Codec = Codec.JSON, *, room: int = 1_000_000) -> Reader:
        return Reader(self.hub, codec, room=room)

    async def tick(self) -> None:
        await self.hub.fanout.send_news()

    async def check(self) -> None:
        """One position check, and what it repairs."""
        await self.hub.watch.check()
        await self.settle()

    async def settle(self) -> None:
        for upkeep in list(self.hub._upkeeps.values()):
            if upkeep._task is not None:
                await asyncio.wait([upkeep._task])


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.hub.close()


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


async def test_a_redis_that_went_back_in_time_gives_everyone_a_snapshot(scene: Scene) -> None:
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL)
    scene.world.change({1: (0, 1)})
    await scene.tick()
    scene.truth.version, scene.truth.slots[1] = 100, (1, 0)
    scene.truth.log.clear()
    await scene.check()
    await scene.tick()
    assert ann.types() == ["snapshot", "delta", "snapshot"]
    assert ann.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_while_redis_is_away_maps_stay_up_and_are_stale(scene: Scene) -> None:
    told: list[bool] = []
    scene.hub.watch.on_stale(told.append)
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
