"""Holds of what the map shows as taken: who is refused without Redis, by which map, and who never is."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from channels.replica import Replica, State
from server.accounts.rules import Caller
from server.errors import Unavailable
from server.holds.rules import HoldRequest
from server.holds.sources import Loaded
from server.inventory.rules import Money, Slot
from server.live.doomed import REACHED_SECONDS, SETTLED_SECONDS, Doomed
from server.live.table import Session, Tab
from server.ops.limits import Rate

SEATS = 4
REQUEST = HoldRequest(resource="hall", items=(("A-1", 1),))


def a_map(
    version: int = 10, epoch: str = "e", layout: int = 1, free: Sequence[int] = (1, 0, 0, 0)
) -> Replica:
    state = State(
        epoch=epoch,
        version=version,
        layout=layout,
        width=1,
        first=0,
        count=SEATS,
        available=bytes(free),
        held=bytes(SEATS),
    )
    return Replica(state, 0.0)


@dataclass
class Hall:
    """A resource, what is shown of it here, and a Redis that says where it stands when it is told to.

    `asked` counts how often it was asked; it answers while `answers` is set.
    """

    shown: Replica | None = field(default_factory=a_map)
    position: tuple[str, int] | Exception | None = ("e", 10)
    layout: int = 1
    is_refused: bool = False
    asked: int = 0
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    now: float = 1_000.0
    slept: Callable[[], None] = lambda: None

    @property
    def resource(self) -> "Hall":
        return self

    id = "hall"
    calendar = None

    @property
    def slots(self) -> Sequence[Slot]:
        return [Slot(index=index, id=f"A-{index}", label="", price=Money(0, "eur")) for index in range(SEATS)]

    @property
    def by_id(self) -> Mapping[str, int]:
        return {slot.id: slot.index for slot in self.slots}

    def at_hand(self, _resource: str) -> "Hall":
        return self

    def nothing_against(self, _caller: Caller, request: HoldRequest, _loaded: Loaded) -> Any:
        if self.is_refused:
            return None
        return [(self.by_id[slot], quantity) for slot, quantity in request.items or ()]

    async def swept(self, _resource: str) -> tuple[str, int] | None:
        self.asked += 1
        await self.answers.wait()
        if isinstance(self.position, Exception):
            raise self.position
        return self.position

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept()
        await asyncio.sleep(0)

    def doomed(self) -> Doomed:
        here: Any = self
        return Doomed(here, here, lambda _resource: self.shown, clock=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.answers.set()
    return hall


def a_tab() -> Tab:
    """Of a session that is new, and alone in it."""
    session = Session("ann", Rate(0, 1))
    tab = Tab(cast("Any", None), session=session)
    session.tabs.append(tab)
    return tab


async def verdict(
    doomed: Doomed, tab: Tab | None = None, request: HoldRequest = REQUEST, op: str | None = "op"
) -> list[str] | None:
    """The slots that are refused, empty if Redis is to decide; None if it is not even looked at."""
    found = doomed.ask(tab or a_tab(), request, op)
    return None if found is None else list(await found)


async def test_what_the_map_shows_as_taken_is_refused_by_its_names(hall: Hall) -> None:
    both = HoldRequest(resource="hall", items=(("A-0", 1), ("A-1", 1), ("A-3", 1)))
    assert await verdict(hall.doomed(), request=both) == ["A-1", "A-3"]


async def test_what_the_map_shows_as_free_is_for_redis_to_decide(hall: Hall) -> None:
    assert await verdict(hall.doomed(), request=HoldRequest(resource="hall", items=(("A-0", 1),))) is None
    assert hall.asked == 0


async def test_all_who_asked_before_a_reading_share_it_and_who_came_later_have_the_next(hall: Hall) -> None:
    doomed = hall.doomed()
    hall.answers.clear()
    first = [doomed.ask(a_tab(), REQUEST, None) for _ in range(50)]
    await asyncio.sleep(0)
    assert hall.asked == 1
    late = [doomed.ask(a_tab(), REQUEST, None) for _ in range(50)]
    await asyncio.sleep(0)
    assert hall.asked == 1
    hall.answers.set()
    for each in (*first, *late):
        assert each is not None
        assert await each == ["A-1"]
    assert hall.asked == 2, "where Redis stood before somebody asked says nothing to them"


async def test_a_seat_that_came_back_meanwhile_is_not_refused(hall: Hall) -> None:
    """Redis is further than the map was when it was asked: only what it says then counts."""
    doomed = hall.doomed()
    hall.position = ("e", 11)

    def comes_back() -> None:
        assert hall.shown is not None
        hall.shown.move(10, 11, [1, 1, 0], 0.0)

    hall.slept = comes_back
    assert await verdict(doomed) == []


async def test_a_map_that_does_not_come_there_refuses_nobody(hall: Hall) -> None:
    hall.position, began = ("e", 11), hall.now
    assert await verdict(hall.doomed()) == []
    assert hall.now - began >= REACHED_SECONDS


@pytest.mark.parametrize("position", [("another", 10), None, Unavailable(), RuntimeError("broken")])
async def test_where_redis_does_not_say_where_it_stands_it_decides(hall: Hall, position: Any) -> None:
    hall.position = position
    assert await verdict(hall.doomed()) == []


async def test_a_map_that_is_not_here_or_old_or_of_another_layout_refuses_nobody(hall: Hall) -> None:
    hall.shown = a_map(layout=2)
    assert await verdict(hall.doomed()) is None
    hall.shown = None
    assert await verdict(hall.doomed()) is None


async def test_what_redis_would_say_something_else_to_is_asked_of_it(hall: Hall) -> None:
    doomed = hall.doomed()
    hall.is_refused = True
    assert await verdict(doomed) is None
    hall.is_refused = False
    for other in (HoldRequest(resource="hall"), HoldRequest(resource="hall", items=(("Z-1", 1),))):
        assert await verdict(doomed, request=other) is None


async def test_who_ever_held_anything_is_never_refused_without_redis(hall: Hall) -> None:
    """It may be theirs already, or be the repeat of what they were given."""
    for name in ("holds", "heard", "ended", "unread"):
        tab = a_tab()
        assert tab.session is not None
        setattr(tab.session, name, {"H1": None})
        assert await verdict(hall.doomed(), tab) is None, name


async def test_who_has_two_tabs_may_just_have_it_by_the_other(hall: Hall) -> None:
    tab = a_tab()
    assert tab.session is not None
    tab.session.tabs.append(a_tab())
    assert await verdict(hall.doomed(), tab) is None


async def test_who_was_given_something_meanwhile_is_not_refused(hall: Hall) -> None:
    """By another tab or process: Redis knows whether it is what they ask for."""
    doomed, tab = hall.doomed(), a_tab()
    hall.answers.clear()
    asked = doomed.ask(tab, REQUEST, "op")
    assert tab.session is not None
    tab.session.tabs.append(a_tab())
    hall.answers.set()
    assert asked is not None
    assert await asked == []


async def test_what_may_be_the_repeat_of_what_was_asked_elsewhere_is_asked_of_redis(hall: Hall) -> None:
    tab = a_tab()
    tab.came_back = hall.now
    assert await verdict(hall.doomed(), tab) is None
    assert await verdict(hall.doomed(), tab, op=None) == ["A-1"], "without a name nothing is a repeat"
    hall.now += SETTLED_SECONDS
    assert await verdict(hall.doomed(), tab) == ["A-1"]


async def test_who_left_while_it_was_looked_at_is_in_nobodys_way(hall: Hall) -> None:
    doomed = hall.doomed()
    hall.answers.clear()
    gone, stays = doomed.ask(a_tab(), REQUEST, None), doomed.ask(a_tab(), REQUEST, None)
    assert gone is not None
    assert stays is not None
    gone.cancel()
    hall.answers.set()
    assert await stays == ["A-1"]
