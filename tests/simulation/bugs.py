"""Mistakes that somebody could make, each as one function; test_teeth.py proves that seeds find them.

`with BUGS[name](): tell(seed)` runs a seed on a product that has the mistake.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from server.holds.sweeper import Sweeper
from server.holds.trust import LivenessTrust
from tests.simulation import scripts
from tests.simulation.live import Hold, Turn

Bug = Callable[[], AbstractContextManager[None]]


@contextmanager
def expiry_without_compare() -> Iterator[None]:
    """A hold's deadline moves, and its place in the queue of deadlines does not."""
    keep = Turn.keep

    def forgetful(turn: Turn, hold: Hold) -> None:
        before = turn.live.deadlines.get(hold["id"])
        keep(turn, hold)
        if before is not None and hold["id"] in turn.live.deadlines:
            turn.live.deadlines[hold["id"]] = before

    with patch.object(Turn, "keep", forgetful):
        yield


@contextmanager
def capacity_unchecked() -> Iterator[None]:
    """What is asked for is taken, if nobody has all of it."""

    def careless(turn: Turn, cart: list[Hold]) -> list[int]:
        own = {item[0] for hold in cart for item in hold["items"]}
        wanted = turn.given["items"]
        return [i for i, _ in wanted if i in own or turn.live.slots[i].available < 1]

    with patch.object(scripts, "_missing", careless):
        yield


@contextmanager
def liveness_trusted_at_once() -> Iterator[None]:
    """After an outage nobody is given the time to say that they live."""
    with patch.object(LivenessTrust, "__bool__", lambda _: True):
        yield


@contextmanager
def sweep_of_the_followed_alone() -> Iterator[None]:
    """A process ends only what it heard of; what pub/sub lost is nobody's."""

    async def nothing(_: Any) -> None:
        pass

    with patch.object(Sweeper, "sweep", nothing):
        yield


@contextmanager
def release_untold() -> Iterator[None]:
    """A hold that is given back in part is written, and not published."""
    give = scripts._give_part

    def quiet(turn: Turn, hold: Hold, left: list[list[int]]) -> None:
        give(turn, hold, left)
        turn.touched.clear()

    with patch.object(scripts, "_give_part", quiet):
        yield


BUGS: Final[dict[str, Bug]] = {
    bug.__name__: bug
    for bug in (
        expiry_without_compare,
        capacity_unchecked,
        liveness_trusted_at_once,
        sweep_of_the_followed_alone,
        release_untold,
    )
}
