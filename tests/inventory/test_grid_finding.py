"""Who is free: what live state is asked, and how pages are filled."""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from server.database.pool import Database
from server.inventory import listing
from server.inventory.edits import new_draft
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.finding import Wish, places_free, read_range
from server.inventory.grid.ranges import wanted_range
from server.inventory.importer import import_file
from server.inventory.listing import Wanted
from server.inventory.reports import ImportOptions
from server.inventory.service import Inventory
from server.inventory.views import position_of
from tests.inventory.grids import ALWAYS, calendar_of, moment

NOW = moment("2026-11-21T08:10:00Z")


class Live:
    """What is taken: pairs of a resource's id and an index, of which none is free."""

    def __init__(self, *taken: tuple[str, int]) -> None:
        self.taken = set(taken)
        self.asked: list[Mapping[str, tuple[Calendar, int, int]]] = []

    async def free(self, wanted: Mapping[str, tuple[Calendar, int, int]]) -> dict[str, int]:
        self.asked.append(wanted)
        return {name: self._free(name, *wish) for name, wish in wanted.items()}

    def _free(self, name: str, calendar: Calendar, first: int, stop: int) -> int:
        is_taken = any((name, index) in self.taken for index in range(first, stop))
        return 0 if is_taken else min(calendar.capacities(first, stop - first))


async def test_all_are_asked_at_once_and_a_buffer_with_a_pause_once_more() -> None:
    plain = calendar_of(capacity=3)
    paused = calendar_of(buffer_minutes=180, opening_hours={"sat": [["07:00", "11:00"], ["12:00", "14:00"]]})
    wanted = {
        name: (calendar, wanted_range(calendar, "2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z", NOW))
        for name, calendar in (("plain", plain), ("paused", paused))
    }
    live = Live()
    assert await places_free(live, wanted) == {"plain": 3, "paused": 1}
    assert [set(asked) for asked in live.asked] == [{"plain", "paused"}, {"paused"}]
    after_the_pause = plain.index_at(moment("2026-11-21T13:30:00Z"))
    assert await places_free(Live(("paused", after_the_pause)), wanted) == {"plain": 3, "paused": 0}
    assert await places_free(Live(("paused", after_the_pause - 4)), wanted) == {"plain": 3, "paused": 1}
    assert await places_free(Live(), {}) == {}


def test_a_wish_fits_or_does_not() -> None:
    range_ = read_range("2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z")
    assert Wish(range_).steps(calendar_of(), NOW) is not None
    assert Wish(range_).steps(calendar_of(max_minutes=60), NOW) is None
    assert Wish().steps(calendar_of(), NOW) is None
    assert read_range(None, "") is None


@pytest.fixture
async def inventory(database: Database) -> AsyncIterator[Inventory]:
    opened = Inventory(database, wall=lambda: NOW / 1000)
    yield opened
    await opened.close()


async def opened(inventory: Inventory, name: str, **rules: Any) -> None:
    grid: dict[str, Any] = {"step_minutes": 30, "opening_hours": ALWAYS, "price_per_hour": 300, **rules}
    said = {"id": name, "kind": "grid", "title": name, "time_zone": "UTC", "currency": "gbp", "grid": grid}
    await inventory.create(new_draft(said, owner="olivia", new_id=lambda: name))


async def test_pages_are_filled_with_those_that_are_free(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    for number in range(9):
        await opened(inventory, f"d{number}")
    nine = calendar_of("UTC").index_at(moment("2026-11-21T09:00:00Z"))
    live = Live(*((f"d{number}", nine) for number in (0, 1, 2, 3, 5, 7)))
    wanted = Wanted(range=read_range("2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z"))
    first = await inventory.page(wanted, 2, live)
    assert [item["id"] for item in first.items] == ["d4", "d6"]
    assert first.next is not None
    second = await inventory.page(Wanted(range=wanted.range, after=position_of(first.next)), 2, live)
    assert ([item["id"] for item in second.items], second.next) == (["d8"], None)
    whole = await inventory.page(wanted, 3, live)
    assert ([item["id"] for item in whole.items], whole.next) == (["d4", "d6", "d8"], None)


async def test_a_search_looks_at_so_many_and_leaves_the_rest_to_the_next(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    monkeypatch.setattr(listing, "_ROUNDS", 2)
    for number in range(6):
        await opened(inventory, f"d{number}", exceptions={"2026-11-21": []} if number < 5 else {})
    wanted = Wanted(range=read_range("2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z"))
    first = await inventory.page(wanted, 5, Live())
    assert first.items == []
    assert first.next is not None
    second = await inventory.page(Wanted(range=wanted.range, after=position_of(first.next)), 5, Live())
    assert ([item["id"] for item in second.items], second.next) == (["d5"], None)


async def test_a_day_has_the_grids_that_are_open_on_it(inventory: Inventory) -> None:
    await opened(inventory, "sundays", opening_hours={"sun": [["09:00", "10:00"]]})
    await opened(inventory, "mornings", opening_hours={"sat": [["07:00", "08:30"]]})

    async def on(day: str) -> list[str]:
        wanted = Wanted(day=date.fromisoformat(day))
        return [item["id"] for item in (await inventory.page(wanted, 10)).items]

    assert await on("2026-11-22") == ["sundays"]
    assert await on("2026-11-28") == ["mornings"]
    assert await on("2026-11-21") == []  # at ten past eight, the last step of the morning has begun


async def test_slots_in_a_file_are_not_for_a_grid(
    database: Database, inventory: Inventory, tmp_path: Path
) -> None:
    await opened(inventory, "drive")
    path = tmp_path / "drive.csv"
    path.write_text("id,price\nA,1\n", encoding="utf-8")
    report = await import_file(database, inventory, path, ImportOptions())
    assert "kind: is grid, which has no slots; a catalogue is the file for it" in report.text()
    assert (await inventory.get("drive")).slots == ()
