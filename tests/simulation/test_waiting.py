"""A booking at the last moment whose process dies: its seat is nobody else's, by any seed."""

from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

import pytest

from tests.simulation import scripts
from tests.simulation.live import Turn
from tests.simulation.story import Failed, tell
from tests.simulation.waiting import books_as_its_process_dies

SEEDS: Final = range(1, 41, 2)
MOST: Final = len(SEEDS) * 9 // 10
"""Of them: by the others the hold ends a moment before the booking, as any change of the code may have it."""
FORGOTTEN: Final[dict[str, Callable[[], Any]]] = {
    "the deadline": lambda: patch.object(scripts, "ends_too_soon", lambda *_: False),
    "what waits for a rebuild": lambda: patch.object(Turn, "waits_for_word", lambda *_: False),
    "who has left": lambda: patch.object(Turn, "stays_alive_until", lambda *_: None),
}


def test_no_seat_is_given_away_whose_booking_stands() -> None:
    sold = [text for text in _tell_all() if "is pending" in text and "dies" in text]
    assert len(sold) >= MOST


@pytest.mark.parametrize("what", FORGOTTEN)
def test_a_wait_that_is_forgotten_is_found(what: str) -> None:
    with FORGOTTEN[what](), pytest.raises(Failed, match=r"I2: .* is booked, and was"):
        _tell_all()


def _tell_all() -> list[str]:
    return [tell(seed, books_as_its_process_dies).text() for seed in SEEDS]
