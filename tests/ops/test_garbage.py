"""Full garbage collections are rare, and what is left in cycles goes all the same."""

import gc
import weakref

from server.ops.garbage import THRESHOLDS, collected_rarely
from tests.support.waiting import until


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


async def test_cycles_go_within_a_period() -> None:
    async with collected_rarely(period=0.02):
        knot = weakref.ref(Knot())
        await until(lambda: knot() is None)


async def test_nothing_is_collected_in_full_between() -> None:
    async with collected_rarely():
        full = gc.get_stats()[2]["collections"]
        kept: list[list[int]] = [[] for _ in range(300_000)]
        assert len(kept) == 300_000
        assert gc.get_stats()[2]["collections"] == full


async def test_afterwards_all_is_as_before() -> None:
    before = gc.get_threshold()
    async with collected_rarely():
        assert gc.get_threshold() == THRESHOLDS
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
