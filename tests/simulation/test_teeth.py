"""Each planted mistake is found within so many seeds: a simulation that finds nothing proves nothing."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.story import Failed, tell

WITHIN = 60


def first_found(name: str) -> int | None:
    """The first seed that finds it."""
    with BUGS[name]():
        for seed in range(WITHIN):
            try:
                tell(seed)
            except Failed:
                return seed
    return None


@pytest.mark.parametrize("name", BUGS)
def test_a_mistake_is_found(name: str) -> None:
    assert first_found(name) is not None
