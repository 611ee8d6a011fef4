"""I10: old snapshot + deltas = fresh snapshot, always, for every client in every codec and view.

Changes happen and are lost, repeated, delayed and reordered on their way; readers come, go, lag, resume and
change their view; Redis is rebuilt, goes back in time and goes away; ticks, repeats and repairs overlap. A
reader asserts at each frame that it follows from what it has; at the end all must draw what a fresh snapshot
says.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from channels import fanout, upkeep
from channels.codec import Codec
from channels.hub import Hub
from channels.protocol import SectionsView
from channels.protocol import View as ViewRequest
from tests.channels.world import Away, Clock, Reader, Truth, World, expected, sums

if TYPE_CHECKING:
    from collections.abc import Callable

HALL = "availability:hall"
VIEWS: list[ViewRequest] = [
    None,
    SectionsView(("A",)),
    SectionsView(("B", "C")),
    SectionsView(("C",)),
    "totals",
]
FIRST_VIEWS: list[ViewRequest] = [None, "totals", None, SectionsView(("A", "C")), None, VIEWS[2]]
UPDATES = some.dictionaries(
    some.integers(0, 11), some.tuples(some.integers(0, 3), some.integers(0, 3)), min_size=1, max_size=4
)
WAYS = some.sampled_from(["heard", "heard", "heard", "lost", "twice", "late"])
READER = some.integers(0, 5)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("change"), UPDATES, WAYS),
        some.tuples(some.just("tick"), some.booleans()),
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
        some.tuples(some.just("rebuild"), some.booleans()),
        some.tuples(some.just("go_back"), some.integers(1, 4)),
        some.tuples(some.just("away"), some.booleans()),
    ),
    min_size=12,
    max_size=60,
)


@dataclass
class Play:
    """One run of steps."""

    world: World
    clock: Clock = field(default_factory=Clock)
    rooms: tuple[int, ...] = (1_000_000, 1_000_000, 0, 1, 2, 3)

    def __post_init__(self) -> None:
        self.truth = self.world.truths["hall"]
        self.hub = Hub(self.world, self.world, self.world, clock=self.clock)
        codecs = [Codec.JSON, Codec.MSGPACK] * 3
        self.readers = [
            Reader(self.hub, codec, room=room, direct=number > 0, deflates=number % 4 > 1)
            for number, (codec, room) in enumerate(zip(codecs, self.rooms, strict=True))
        ]
        self.views: dict[int, ViewRequest] = {}
        self.late: list[bytes] = []
        self.past: deque[Callable[[], None]] = deque(maxlen=5)
        self.newest = self.truth.version
        self.epochs = 1
        self.ticking: asyncio.Task[Any] | None = None
        self.tasks: list[asyncio.Task[Any]] = []

    async def step(self, name: str, *arguments: Any) -> None:
        await getattr(self, name)(*arguments)

    async def change(self, updates: dict[int, tuple[int, int]], way: str) -> None:
        self._remember()
        change = self.truth.change(updates, step=self.newest + 1 - self.truth.version)
        self.newest = self.truth.version
        payload = self.truth.payload(change)
        if way == "late":
            self.late.append(payload)
        for _ in range({"heard": 1, "twice": 2}.get(way, 0)):
            self.world.publish(payload)

    def _remember(self) -> None:
        truth, version, slots, log = (
            self.truth,
            self.truth.version,
            list(self.truth.slots),
            list(self.truth.log),
        )
        epoch, layout, sections = truth.epoch, truth.layout, truth.sections

        def restore() -> None:
            if truth.epoch == epoch:
                truth.version, truth.slots, truth.log = version, list(slots), deque(log)
                truth.layout, truth.sections = layout, sections

        self.past.append(restore)

    async def tick(self, overlap: bool) -> None:
        if self.ticking is not None:
            await self.ticking
        self.ticking = asyncio.create_task(self.hub.fanout.send_news())
        if not overlap:
            await self.ticking

    async def subscribe(self, number: int, view: ViewRequest, resume: bool) -> None:
        reader = self.readers[number]
        seen = reader.seen.get(HALL)
        knows = seen is not None and seen.view == (view.sections if isinstance(view, SectionsView) else view)
        position = (seen.epoch, seen.version) if resume and knows and seen else None
        try:
            await self.hub.subscribe(reader, HALL, position, view)
        except Away:
            return
        self.views[number] = view

    async def read(self, number: int, frames: int) -> None:
        self.readers[number].reads(frames)

    async def leave(self, number: int) -> None:
        self.hub.unsubscribe(self.readers[number], HALL)

    async def check(self) -> None:
        await self.hub.staleness.check()

    async def deliver_late(self, place: int) -> None:
        if self.late:
            self.world.publish(self.late.pop(place % len(self.late)))

    async def repeat(self) -> None:
        channels = [upkeep.channel for upkeep in self.hub._upkeeps.values() if upkeep.channel.replica]
        self.tasks.append(asyncio.create_task(self.hub.fanout.repeat(channels)))

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    async def turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def rebuild(self, new_layout: bool) -> None:
        self.epochs += 1
        self.past.clear()
        if new_layout:
            self.truth.slots = [*self.truth.slots, (1, 0)]
            self.truth.sections = [*self.truth.sections, "C"]
        layout = self.truth.layout + new_layout
        self.truth.reset(f"e{self.epochs}", layout=layout, step=self.newest + 1 - self.truth.version)
        self.newest = self.truth.version

    async def go_back(self, count: int) -> None:
        for _ in range(min(count, len(self.past))):
            self.past.pop()()

    async def away(self, away: bool) -> None:
        self.world.away = away

    async def settle(self) -> None:
        """Redis is there, everyone reads, checks and ticks go on: what a quiet second or two do."""
        self.world.away = False
        for task in [self.ticking, *self.tasks]:
            if task is not None:
                await task
        for _ in range(3):
            await self.hub.staleness.check()
            for one in list(self.hub._upkeeps.values()):
                if one._task is not None:
                    await asyncio.wait([one._task])
            await self.hub.fanout.send_news()
            for reader in self.readers:
                reader.reads()
        assert not self.hub.stale

    def all_see_the_truth(self) -> None:
        for number, view in self.views.items():
            reader = self.readers[number]
            assert reader.broken == []
            if HALL not in self.hub._followed.get(reader, {}):
                continue
            seen = reader.seen[HALL]
            assert seen.epoch == self.truth.epoch
            if view == "totals":
                assert seen.sums == sums(self.truth)
                continue
            names = None if view is None else view.sections
            assert seen.of(self.truth) == expected(self.truth, names)
            if view is None:
                assert seen.version == self.truth.version


@pytest.fixture(autouse=True)
def everything_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "YIELD_EVERY", 1)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "MAX_BUFFERED", 3)
    monkeypatch.setattr("channels.staleness.CHECK_GRACE", 0)
    monkeypatch.setattr("channels.codec.LEAST_DEFLATED", 0)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, width=some.sampled_from([1, 2, 4]), log_length=some.sampled_from([0, 2, 1000]))
async def test_old_snapshot_and_deltas_are_the_fresh_snapshot(
    steps: list[tuple[Any, ...]], width: int, log_length: int
) -> None:
    play = Play(World(Truth(width=width, log_length=log_length)))
    try:
        for number, view in enumerate(FIRST_VIEWS):
            await play.subscribe(number, view, resume=False)
        for name, *arguments in steps:
            await play.step(name, *arguments)
        await play.settle()
        play.all_see_the_truth()
        for number in play.views:
            await play.subscribe(number, play.views[number], resume=True)
            play.readers[number].reads()
        play.all_see_the_truth()
    finally:
        await play.hub.close()
