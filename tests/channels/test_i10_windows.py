"""I10 where a window is shown unasked and moves on at midnight: old snapshot + deltas = fresh snapshot.

The steps are those of test_i10, and `midnight`: the first day leaves, a new one comes at the end, all in the
same epoch, and everybody is told to read anew; that message too may be lost, late or heard twice.
"""

from collections.abc import Sequence
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from channels import fanout, upkeep
from channels.protocol import SectionsView
from channels.protocol import View as ViewRequest
from channels.replica import State
from channels.source import ChannelError
from tests.channels.test_i10 import HALL, READER, WAYS, Play
from tests.channels.world import Seen, Truth, World

DAY = 4
DAYS = 3
SHOWN = 2
START = 40


class Days(Truth):
    """A truth of three days of four steps each, of which two are shown unasked."""

    def state(self) -> State:
        whole = super().state()
        names = ("epoch", "version", "layout", "width", "first", "count", "available", "held")
        return State(**{name: getattr(whole, name) for name in names}, window=SHOWN * DAY)

    def turn(self, step: int) -> bytes:
        """Midnight; the message that tells of it."""
        before = self.version
        self.version += step
        self.first += DAY
        self.slots = [*self.slots[DAY:], *[(1, 0)] * DAY]
        self.log.clear()
        packed: bytes = msgpack.packb([self.epoch, before, self.version, None])
        return packed

    def day(self, number: int) -> str:
        """The number-th of the days there are now."""
        return f"d{self.first // DAY + number}"


class Calendar(World):
    """A world whose sections follow from the indices."""

    async def sections(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[str]:
        del resource_id, layout
        return [f"d{index // DAY}" for index in range(first, first + count)]

    async def capacities(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[int]:
        del resource_id, layout, first
        return [2] * count


class Night(Play):
    """A play over days; a view is named by which of the days it is of, when it is asked for."""

    async def change(self, updates: dict[int, tuple[int, int]], way: str) -> None:
        await super().change({self.truth.first + place: pair for place, pair in updates.items()}, way)

    async def subscribe(self, number: int, view: Any, resume: bool) -> None:
        wanted = SectionsView(tuple(map(self._days.day, view))) if isinstance(view, tuple) else view
        if view == "again":
            wanted = self.views.get(number)
        try:
            await super().subscribe(number, wanted, resume)
        except ChannelError:  # a day that is over
            assert isinstance(wanted, SectionsView)

    @property
    def _days(self) -> Days:
        assert isinstance(self.truth, Days)
        return self.truth

    async def midnight(self, way: str) -> None:
        payload = self._days.turn(self.newest + 1 - self.truth.version)
        self.newest = self.truth.version
        self.past.clear()
        if way == "late":
            self.late.append(payload)
        for _ in range({"heard": 1, "twice": 2}.get(way, 0)):
            self.world.publish(payload)

    def all_see_the_truth(self) -> None:
        for number, view in self.views.items():
            reader = self.readers[number]
            assert reader.broken == []
            if HALL in self.hub._followed.get(reader, {}):
                self._sees_the_truth(reader.seen[HALL], view)

    def _sees_the_truth(self, seen: Seen, view: ViewRequest) -> None:
        truth = self.truth
        pairs = {truth.first + place: pair for place, pair in enumerate(truth.slots)}
        assert seen.epoch == truth.epoch
        if view == "totals":
            assert seen.sums == {
                self._days.day(day): [
                    sum(pairs[truth.first + day * DAY + place][what] for place in range(DAY))
                    for what in (0, 1)
                ]
                + [2 * DAY]
                for day in range(DAYS)
            }
            return
        names = [self._days.day(day) for day in range(SHOWN)] if view is None else view.sections
        expected = {index: pair for index, pair in pairs.items() if f"d{index // DAY}" in names}
        drawn = dict(zip(expected, seen.flat, strict=True))
        for index, pair in seen.numbers.items():
            assert index in drawn, "a change outside the view"
            drawn[index] = pair
        assert drawn == expected


VIEWS: list[Any] = [None, None, (0,), (1, 2), (0, 2), "totals", "again"]
UPDATES = some.dictionaries(
    some.integers(0, DAY * DAYS - 1),
    some.tuples(some.integers(0, 3), some.integers(0, 3)),
    min_size=1,
    max_size=4,
)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("midnight"), WAYS),
        some.tuples(some.just("tick"), some.booleans()),
        some.tuples(some.just("subscribe"), READER, some.sampled_from(VIEWS), some.booleans()),
        some.tuples(some.just("subscribe"), READER, some.sampled_from(VIEWS), some.booleans()),
        some.tuples(some.just("read"), READER, some.integers(1, 3)),
        some.tuples(some.just("leave"), READER),
        some.tuples(some.just("check")),
        some.tuples(some.just("deliver_late"), some.integers(0, 9)),
        some.tuples(some.just("repeat")),
        some.tuples(some.just("pass_time"), some.sampled_from([0.3, 2.0, 11.0])),
        some.tuples(some.just("turns"), some.integers(1, 8)),
        some.tuples(some.just("rebuild"), some.just(value=False)),
        some.tuples(some.just("away"), some.booleans()),
    ),
    min_size=12,
    max_size=50,
)


@pytest.fixture(autouse=True)
def everything_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "MAX_BUFFERED", 3)
    monkeypatch.setattr("channels.staleness.CHECK_GRACE", 0)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, width=some.sampled_from([1, 2]), log_length=some.sampled_from([0, 2, 1000]))
async def test_windows_move_on_and_every_reader_sees_the_truth(
    steps: list[tuple[Any, ...]], width: int, log_length: int
) -> None:
    days = Days(width=width, log_length=log_length, first=START, slots=[(1, 0)] * (DAY * DAYS))
    play = Night(Calendar(days))
    try:
        for number, view in enumerate([None, "totals", None, (0, 2), None, (1,)]):
            await play.subscribe(number, view, resume=False)
        for name, *arguments in steps:
            await play.step(name, *arguments)
        await play.settle()
        play.all_see_the_truth()
        for number in play.views:
            await play.subscribe(number, "again", resume=True)
            play.readers[number].reads()
        play.all_see_the_truth()
    finally:
        await play.hub.close()
