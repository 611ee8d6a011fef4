"""Each planted mistake is found within so many seeds: a simulation that finds nothing proves nothing."""

from typing import Final

import pytest

from tests.simulation import story
from tests.simulation.bugs import BUGS, Bug
from tests.simulation.mistakes import found_by
from tests.simulation.story import tell

WITHIN: Final = 100
LATELY: Final = (0, 2, 1, 3, 55)
"""Where they were found when this was written: looked at first, and the odd ones next, which book and pay."""
SETTLES_WITHIN: Final = 1000.0
"""What never settles is waited for to the end, and most stories settle within a minute."""
SEEDS: Final = sorted(range(WITHIN), key=lambda seed: (seed not in LATELY, seed % 2 == 0))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_mistake_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is found at that seed without the mistake, in as long a time."""
    monkeypatch.setattr(story, "SETTLES_WITHIN", SETTLES_WITHIN)
    found = found_by(bug, BUGS[bug], SEEDS)
    assert found is not None
    tell(found)
