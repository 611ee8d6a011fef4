"""Views of a part: each hears of its own sections, whatever their number; totals are moved on, not summed."""

import random
from typing import Any

import pytest

from channels import recent, views
from channels.codec import Codec, numbers
from channels.protocol import SectionsView
from channels.recent import Changed, Recent
from channels.replica import Replica
from channels.views import Sections, SomeSections, SumsBySection
from tests.channels.scene import HALL, Scene
from tests.channels.world import Truth, expected, sums

BLOCKS = 200
SEATS = 5


def stadium() -> Truth:
    """Blocks of some seats, numbered so that those of a block lie here and there."""
    names = [f"Block {number % BLOCKS}" for number in range(BLOCKS * SEATS)]
    return Truth(slots=[(1, 0)] * len(names), sections=names, first=7)


class Counting(dict[str, int]):
    """How often something was done."""

    def count(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        done = getattr(owner, name)

        def counted(*arguments: Any) -> Any:
            self[name] = self.get(name, 0) + 1
            return done(*arguments)

        monkeypatch.setattr(owner, name, counted)


async def test_a_tick_is_merged_and_split_once_however_many_sections_are_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, done = Scene(stadium()), Counting()
    readers = [scene.reader(list(Codec)[number % 2]) for number in range(BLOCKS)]
    for number, reader in enumerate(readers):
        await scene.hub.subscribe(reader, HALL, None, SectionsView((f"Block {number}",)))
    done.count(monkeypatch, Replica, "since")
    done.count(monkeypatch, recent.Changed, "_divide")
    for place in range(0, BLOCKS * SEATS, 2):
        scene.world.change({7 + place: (0, 1)})
    await scene.tick()
    assert done == {"since": 1, "_divide": 1}
    for number, reader in enumerate(readers):
        assert reader.types() == (["snapshot"] if number % 2 else ["snapshot", "delta"])
        assert reader.seen[HALL].of(scene.truth) == expected(scene.truth, [f"Block {number}"])


async def test_a_reader_of_one_section_hears_of_that_section_alone() -> None:
    scene = Scene(stadium())
    ann, ben = scene.reader(), scene.reader()
    await scene.hub.subscribe(ann, HALL, None, SectionsView(("Block 3",)))
    await scene.hub.subscribe(ben, HALL, None, SectionsView(("Block 4", "Block 3")))
    scene.world.change({7 + 3: (0, 1), 7 + 4: (0, 1), 7 + 5: (0, 1), 7 + 203: (0, 1)})
    await scene.tick()
    assert ann.frames[-1]["changes"] == [10, 0, 1, 210, 0, 1]
    assert ben.frames[-1]["changes"] == [10, 0, 1, 11, 0, 1, 210, 0, 1]


async def test_totals_are_summed_once_and_then_moved_on(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, done, chance = Scene(stadium()), Counting(), random.Random(6)
    done.count(monkeypatch, views._Counted, "__init__")
    ann, ben, late = scene.reader(), scene.reader(Codec.MSGPACK), scene.reader()
    await scene.hub.subscribe(ann, HALL, None, "totals")
    await scene.hub.subscribe(ben, HALL, None, "totals")
    for _ in range(20):
        for _ in range(10):
            scene.world.change(
                {7 + chance.randrange(BLOCKS * SEATS): (chance.randrange(3), chance.randrange(3))}
            )
        await scene.tick()
        assert ann.seen[HALL].sums == ben.seen[HALL].sums == sums(scene.truth)
    await scene.hub.subscribe(late, HALL, None, "totals")
    assert late.seen[HALL].sums == sums(scene.truth)
    assert done == {"__init__": 1}


async def test_totals_are_summed_anew_on_another_epoch() -> None:
    scene = Scene(stadium())
    ann = scene.reader()
    await scene.hub.subscribe(ann, HALL, None, "totals")
    scene.truth.slots = [(0, 1)] * len(scene.truth.slots)
    scene.truth.reset("e2")
    await scene.check()
    await scene.tick()
    assert ann.seen[HALL].sums == sums(scene.truth)


def test_totals_follow_a_replica_wherever_they_are_asked() -> None:
    truth = Truth(width=2)
    replica = Replica(truth.state(), 0.0)
    view = SumsBySection(Sections(truth.sections, [2] * 12))
    chance = random.Random(7)
    for _ in range(200):
        change = truth.change({chance.randrange(12): (chance.randrange(300), chance.randrange(300))})
        replica.apply(change, 0.0)
        if chance.random() < 0.3:
            told = view.snapshot("c", replica).sections
            assert {name: list(row) for name, row in told.items()} == sums(truth)
    other = Truth(slots=[(3, 3)] * 12, version=truth.version)
    told = view.snapshot("c", Replica(other.state(), 0.0)).sections
    assert {name: list(row) for name, row in told.items()} == sums(other)


def test_what_changed_is_merged_again_once_the_replica_has_moved() -> None:
    truth = Truth()
    replica = Replica(truth.state(), 0.0)
    lately = Recent(replica)
    before = lately.since(100)
    assert lately.since(100) is before
    replica.apply(truth.change({2: (0, 1)}), 0.0)
    assert lately.since(100).flat == [2, 0, 1]


def test_changes_are_split_by_the_sections_that_are_asked_for() -> None:
    changed = Changed([10, 0, 1, 11, 1, 0, 12, 2, 0], 10)
    one, other = Sections(["A", "B", "A"], [1, 1, 1]), Sections(["A", "A", "B"], [1, 1, 1])
    assert changed.by_section(one) == {0: [10, 0, 1, 12, 2, 0], 1: [11, 1, 0]}
    assert changed.by_section(other) == {0: [10, 0, 1, 11, 1, 0], 1: [12, 2, 0]}
    assert changed.by_section(other) is changed.by_section(other)


def test_a_snapshot_of_sections_is_as_long_as_they_are() -> None:
    truth = stadium()
    view = SomeSections(("Block 3", "Block 9"), Sections(truth.sections, [1] * len(truth.sections)))
    snapshot = view.snapshot("c", Replica(truth.state(), 0.0))
    assert numbers(snapshot.available, 1).tolist() == [1] * (2 * SEATS)


async def test_joiners_between_two_ticks_share_one_catching_up(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, done = Scene(stadium()), Counting()
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.change({7: (0, 1)})
    await scene.tick()
    done.count(monkeypatch, views.AllSlots, "delta")
    joiners = [scene.reader() for _ in range(20)]
    for number, joiner in enumerate(joiners):
        await scene.hub.subscribe(joiner, HALL)
        scene.world.change({8 + number: (0, 1)})
    assert done == {"delta": 1}
    await scene.tick()
    for joiner in joiners:
        assert joiner.types() == ["snapshot", "delta", "delta"]
        assert joiner.seen[HALL].of(scene.truth) == expected(scene.truth)
