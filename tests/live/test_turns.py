"""Whose command comes next, by a clock and a loop of the test's own."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from server.live.turns import PATIENCE_SECONDS, TURN_SECONDS, Turns

COST = TURN_SECONDS / 4
"""What a command takes here: a turn has time for four."""


@dataclass
class Loop:
    """Turns of an event loop, and the only clock there is."""

    now: float = 100.0
    soon: deque[Callable[[], None]] = field(default_factory=deque)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    has_room: bool = True

    def turns(self) -> Turns:
        return Turns(
            has_room=lambda: self.has_room,
            clock=lambda: self.now,
            soon=self.soon.append,
            later=lambda wait, work: self.later.append((self.now + wait, work)),
        )

    def turn(self) -> None:
        """Do what was to be done soon, and what is due."""
        due = [work for when, work in self.later if when <= self.now]
        self.later = [(when, work) for when, work in self.later if when > self.now]
        for work in [*(self.soon.popleft() for _ in range(len(self.soon))), *due]:
            work()


@dataclass
class Scene:
    """Commands by name; `done` are those that had their turn, `refused` those for which it came too late."""

    loop: Loop
    turns: Turns
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def comes(self, name: str, *, takes: bool = True) -> None:
        """As a conversation does it: at once where there is time."""
        if self.turns.has_time():
            self.does(name)
        else:
            self.turns.wait(Command(self, name), takes=takes)

    def does(self, name: str) -> None:
        self.done.append(name)
        self.loop.now += COST


@dataclass
class Command:
    scene: Scene
    name: str

    def take_turn(self, *, is_late: bool) -> None:
        if is_late:
            self.scene.refused.append(self.name)
        else:
            self.scene.does(self.name)


@pytest.fixture
def scene() -> Scene:
    loop = Loop()
    return Scene(loop, loop.turns())


def come(scene: Scene, count: int, since: int = 0) -> list[str]:
    names = [f"c{number}" for number in range(since, since + count)]
    for name in names:
        scene.comes(name)
    return names


def test_who_comes_when_nobody_else_does_is_served_at_once(scene: Scene) -> None:
    for number in range(20):
        scene.comes(f"c{number}")
        assert len(scene.done) == number + 1
        scene.loop.now += TURN_SECONDS
        scene.loop.turn()
    assert not scene.loop.soon, "a process with nothing to do does nothing"


def test_a_turn_has_time_for_so_many_and_the_next_for_as_many_more(scene: Scene) -> None:
    names = come(scene, 10)
    assert scene.done == names[:4]
    scene.loop.turn()
    assert scene.done == names[:8]
    scene.loop.turn()
    assert scene.done == names
    scene.loop.turn()
    assert not scene.loop.soon


def test_nobody_overtakes_who_waits(scene: Scene) -> None:
    first = come(scene, 6)
    scene.loop.now += 10 * TURN_SECONDS
    second = come(scene, 2, since=6)
    scene.loop.turn()
    assert scene.done == [*first, *second]


def test_what_gives_back_comes_before_what_takes(scene: Scene) -> None:
    come(scene, 8)
    scene.comes("release", takes=False)
    scene.loop.turn()
    assert scene.done[4:] == ["release", "c4", "c5", "c6"]


def test_who_has_waited_too_long_is_refused_and_who_comes_then_at_once(scene: Scene) -> None:
    names = come(scene, 6)
    assert not scene.turns.is_too_long()
    scene.loop.now += PATIENCE_SECONDS + COST
    assert scene.turns.is_too_long()
    scene.loop.turn()
    assert scene.refused == names[4:]
    assert scene.done == names[:4]
    assert not scene.turns.is_too_long()


def test_what_gives_back_is_never_too_late(scene: Scene) -> None:
    come(scene, 4)
    scene.comes("release", takes=False)
    scene.loop.now += 10 * PATIENCE_SECONDS
    assert not scene.turns.is_too_long()
    scene.loop.turn()
    assert scene.done[4:] == ["release"]


def test_nothing_is_taken_while_redis_has_too_much_to_do_already(scene: Scene) -> None:
    scene.loop.has_room = False
    scene.comes("hold")
    scene.comes("release", takes=False)
    scene.loop.turn()
    assert scene.done == ["release"]
    assert not scene.loop.soon, "it is looked again in a moment, and not in every turn"
    scene.loop.now += TURN_SECONDS
    scene.loop.turn()
    assert scene.done == ["release"]
    scene.loop.has_room = True
    scene.loop.now += TURN_SECONDS
    scene.loop.turn()
    assert scene.done == ["release", "hold"]


def test_who_waits_for_room_in_vain_is_refused(scene: Scene) -> None:
    scene.loop.has_room = False
    scene.comes("hold")
    scene.loop.turn()
    scene.loop.now += PATIENCE_SECONDS + TURN_SECONDS
    scene.loop.turn()
    assert (scene.done, scene.refused) == ([], ["hold"])


def test_who_comes_when_there_is_room_again_does_not_overtake_who_waited_for_it(scene: Scene) -> None:
    scene.loop.has_room = False
    scene.comes("first")
    scene.loop.turn()
    scene.loop.has_room = True
    scene.comes("second")
    assert scene.done == []
    scene.loop.now += TURN_SECONDS
    scene.loop.turn()
    assert scene.done == ["first", "second"]
