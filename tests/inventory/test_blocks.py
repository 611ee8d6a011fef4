"""Blocks: seats side by side in one row, as far as the next aisle."""

from hypothesis import given
from hypothesis import strategies as st

from server.inventory.blocks import Block, blocks_of
from server.inventory.rules import Slot
from tests.inventory.examples import row_of


def test_a_row_without_an_aisle_is_one_block() -> None:
    assert blocks_of(row_of(0, 25, 50, 75)) == (Block(0, 4),)


def test_an_aisle_cuts_a_row_and_the_middle_block_is_best() -> None:
    assert blocks_of(row_of(0, 25, 85, 110, 135, 195, 220)) == (Block(2, 3), Block(0, 2), Block(5, 2))


def test_a_little_unevenness_is_no_aisle() -> None:
    assert blocks_of(row_of(0, 24, 50, 77, 100)) == (Block(0, 5),)


def test_front_rows_come_first() -> None:
    slots = row_of(0, 25, 50) + row_of(0, 25, 50, row="B", first=3, y=30)
    assert blocks_of(slots) == (Block(0, 3), Block(3, 3))


def test_two_rows_of_one_name_are_cut_by_the_distance_between_them() -> None:
    slots = row_of(0, 25, 50) + row_of(400, 425, 450, first=3)
    assert blocks_of(slots) == (Block(0, 3), Block(3, 3))


def test_in_a_row_of_two_the_section_tells_what_is_far() -> None:
    slots = row_of(0, 25, 50, 75) + row_of(0, 300, row="B", first=4)
    assert blocks_of(slots) == (Block(0, 4), Block(4, 1), Block(5, 1))


def test_a_section_of_pairs_keeps_them_together() -> None:
    assert blocks_of(row_of(0, 40)) == (Block(0, 2),)


def test_blocked_seats_part_the_others() -> None:
    slots = row_of(0, 25) + row_of(50, first=2, blocked=True) + row_of(75, 100, first=3)
    assert sorted(blocks_of(slots), key=lambda block: block.start) == [Block(0, 2), Block(3, 2)]


def test_slots_without_a_row_or_with_many_places_stand_alone() -> None:
    standing = row_of(0, 25, row="")
    crowd = row_of(0, 25, row="A", first=2, capacity=40)
    assert blocks_of(standing + crowd) == tuple(Block(each, 1) for each in range(4))


def test_without_positions_a_row_is_a_block() -> None:
    slots = [Slot(index=each, id=str(each), label="", price=row_of(0)[0].price, row="A") for each in range(3)]
    assert blocks_of(slots) == (Block(0, 3),)


def test_nothing_has_no_blocks() -> None:
    assert blocks_of(()) == ()


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.booleans(), st.floats(0, 1000)), max_size=30))
def test_every_seat_on_sale_is_in_exactly_one_block(seats: list[tuple[str, bool, float]]) -> None:
    slots = [
        row_of(x, row=row, first=index, blocked=blocked)[0] for index, (row, blocked, x) in enumerate(seats)
    ]
    found = [each for block in blocks_of(slots) for each in range(block.start, block.start + block.length)]
    assert sorted(found) == [slot.index for slot in slots if not slot.blocked]
    for block in blocks_of(slots):
        assert len({slots[each].row for each in range(block.start, block.start + block.length)}) == 1
