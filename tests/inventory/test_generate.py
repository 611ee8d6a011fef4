"""A stadium for load: as many seats as were asked for, none on top of another."""

import pytest

from server.inventory.blocks import blocks_of
from server.inventory.generate import stadium
from server.inventory.rules import lay_out


@pytest.mark.parametrize("seats", [100, 1_000, 5_000])
def test_a_stadium_has_exactly_so_many_seats(seats: int) -> None:
    draft = stadium(seats)
    assert len({slot.id for slot in draft.slots}) == len(draft.slots) == seats
    assert len({(slot.x, slot.y) for slot in draft.slots}) == seats


def test_it_has_sections_rows_categories_and_places_for_wheelchairs() -> None:
    draft = stadium(5_000)
    assert len(draft.categories) == 6
    assert {slot.category for slot in draft.slots} == {category.name for category in draft.categories}
    assert len({slot.section for slot in draft.slots}) > 20
    assert any(slot.accessible for slot in draft.slots)
    assert draft.plan["areas"]


def test_each_row_of_a_section_is_one_block() -> None:
    draft = stadium(1_000)
    rows = {(slot.section, slot.row) for slot in draft.slots}
    assert len(blocks_of(lay_out((), draft.slots, currency="eur"))) == len(rows)


@pytest.mark.parametrize("seats", [0, 99, 200_001])
def test_other_sizes_are_refused(seats: int) -> None:
    with pytest.raises(ValueError, match="a stadium has 100 to 200000 seats"):
        stadium(seats)
