"""The rule of layouts: indices never move, whatever happens to the slots."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Conflict
from server.inventory.rules import Money, Slot, block, changed_slots, lay_out, put_in, refuse_below_taken
from tests.inventory.examples import EUR, seat_draft


def laid_out(*ids: str, old: tuple[Slot, ...] = ()) -> tuple[Slot, ...]:
    return lay_out(old, [seat_draft(each) for each in ids], currency=EUR)


def test_slots_get_their_indices_in_the_order_given() -> None:
    assert [(slot.index, slot.id) for slot in laid_out("a", "b", "c")] == [(0, "a"), (1, "b"), (2, "c")]


def test_a_slot_that_is_gone_stays_blocked_and_a_new_one_is_appended() -> None:
    after = laid_out("c", "d", "a", old=laid_out("a", "b", "c"))
    assert [(slot.id, slot.blocked) for slot in after] == [
        ("a", False),
        ("b", True),
        ("c", False),
        ("d", False),
    ]


def test_a_slot_that_comes_back_takes_its_old_place() -> None:
    old = laid_out("a", "b")
    assert laid_out("a", "b", old=laid_out("a", old=old)) == old


def test_putting_in_leaves_the_others_alone() -> None:
    old = laid_out("a", "b")
    after = put_in(old, [seat_draft("b", price=900), seat_draft("c")], currency=EUR)
    assert after[0] == old[0]
    assert after[1].price == Money(900, EUR)
    assert [slot.index for slot in after] == [0, 1, 2]


def test_only_what_differs_counts_as_changed() -> None:
    old = laid_out("a", "b")
    assert changed_slots(old, old) == []
    after = block(put_in(old, [seat_draft("c")], currency=EUR), ["a"])
    assert [slot.id for slot in changed_slots(old, after)] == ["a", "c"]


def test_capacity_below_what_is_booked_is_refused_by_name() -> None:
    slots = put_in((), [seat_draft("tour", capacity=3), seat_draft("talk", capacity=9)], currency=EUR)
    refuse_below_taken(slots, {0: 3, 1: 4})
    with pytest.raises(Conflict, match=r"tour \(4 of 3\)$"):
        refuse_below_taken(slots, {0: 4})


def test_of_many_slots_too_small_ten_are_named() -> None:
    slots = put_in((), [seat_draft(f"s{each}") for each in range(12)], currency=EUR)
    with pytest.raises(Conflict, match="and 2 more"):
        refuse_below_taken(slots, dict.fromkeys(range(12), 2))


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=12))
def test_through_any_changes_an_id_keeps_its_index(rounds: list[list[str]]) -> None:
    slots: tuple[Slot, ...] = ()
    index_of: dict[str, int] = {}
    for ids in rounds:
        slots = laid_out(*ids, old=slots)
        index_of |= {slot.id: slot.index for slot in slots if slot.id not in index_of}
        assert {slot.id: slot.index for slot in slots} == index_of
        assert [slot.index for slot in slots] == list(range(len(slots)))
        assert {slot.id for slot in slots if not slot.blocked} == set(ids)


def test_slots_are_values() -> None:
    with pytest.raises(AttributeError):
        laid_out("a")[0].index = 3  # type: ignore[misc]  # that it fails is the point
    assert msgspec.json.decode(msgspec.json.encode(laid_out("a")[0]), type=Slot) == laid_out("a")[0]
