"""The steps of what is booked, made run by run."""

from types import SimpleNamespace
from typing import Any

import pytest

from server.bookings.places import Places
from server.bookings.rules import Line
from server.inventory.grid.calendar import Calendar
from server.inventory.rules import Slot
from tests.inventory.grids import calendar_of


def line(resource: str, index: int) -> Line:
    return Line(
        position=0, resource=resource, index=index, slot="", label="", quantity=1, price=0, hold=f"{index}"
    )


def test_steps_are_made_run_by_run_each_once_and_in_the_order_of_locks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    made = Calendar.slots

    def slots(calendar: Calendar, first: int, count: int) -> list[Slot]:
        asked.append((first, count))
        return made(calendar, first, count)

    monkeypatch.setattr(Calendar, "slots", slots)
    grid: Any = SimpleNamespace(calendar=calendar_of())
    hall: Any = SimpleNamespace(calendar=None)
    places = Places({"drive": grid, "alley": grid, "hall": hall})
    lines = [line("drive", index) for index in (7, 5, 6, 20, 6)]
    steps = places.steps([line("hall", 8), *lines, line("alley", 8)])
    assert asked == [(8, 1), (5, 3), (20, 1)]
    assert steps == [
        ("alley", grid.calendar.slot(8)),
        *(("drive", grid.calendar.slot(index)) for index in (5, 6, 7, 20)),
    ]
    assert places.steps([line("hall", 1)]) == []
