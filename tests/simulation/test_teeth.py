"""Each planted mistake is found within so many seeds: a simulation that finds nothing proves nothing."""

from typing import Final

import pytest

from tests.simulation.bugs import BUGS, Bug
from tests.simulation.story import Failed, tell

WITHIN: Final = 100


def first_found(bug: Bug) -> int | None:
    """The first seed that finds it."""
    with bug():
        for seed in range(WITHIN):
            try:
                tell(seed)
            except Failed:
                return seed
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BUGS)
def test_a_mistake_is_found(name: str) -> None:
    """And nothing is found at that seed without the mistake."""
    found = first_found(BUGS[name])
    assert found is not None
    tell(found)
