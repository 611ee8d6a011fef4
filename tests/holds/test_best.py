"""The best places: chosen and taken in one step, never leaving a single seat where that can be avoided."""

import random
from collections.abc import Iterator, Sequence
from itertools import product

import msgspec
import pytest

from server.errors import InvalidFields, SlotTaken
from server.holds.packing import best_lists
from server.holds.scripts import FOLDER
from server.inventory.blocks import Block, blocks_of
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places, rows, slot, slots_of

# Runs lib/best.lua alone on many occupancies at once: the real choice, without a hold for each.
CHOOSER = """
local input = cmsgpack.unpack(ARGV[1])
local meta, now = {width = 1}, 0
local FORMATS = {[1] = '<BBBB'}
local function key() return KEYS[1] end
local function record(index) return {available = 0} end
%s
local list, chosen = input.list, {}
for _, free in ipairs(input.patterns) do
  local bytes = {}
  for place = 1, #free do bytes[place] = struct.pack('<BBBB', string.byte(free, place) - 48, 0, 0, 1) end
  redis.call('SET', KEYS[1], table.concat(bytes))
  local answers = {}
  for quantity = 1, input.most do
    local items = choose_together(list, quantity, {})
    answers[quantity] = items and items[1][1] or -1
  end
  chosen[#chosen + 1] = answers
end
return chosen
"""


async def test_the_middle_of_the_best_row_goes_first(world: World) -> None:
    ann = world.buyer("ann")
    assert slots_of(await ann.takes_best(2), world.hall) == ["A-3", "A-4"]
    assert slots_of(await ann.takes_best(2), world.hall) == ["A-1", "A-2"]
    assert slots_of(await ann.takes_best(4), world.hall) == ["B-1", "B-2", "B-3", "B-4"]


async def test_no_single_seat_is_left_where_another_row_avoids_it(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    await ann.holds("A-1", "A-2", "A-3")
    assert slots_of(await ben.takes_best(2), world.hall) == ["B-1", "B-2"]
    assert slots_of(await ben.takes_best(2), world.hall) == ["B-3", "B-4"]
    assert slots_of(await ben.takes_best(2), world.hall) == ["A-4", "A-5"]
    assert slots_of(await ben.takes_best(1), world.hall) == ["A-6"]


async def test_together_or_not_at_all(world: World) -> None:
    ann = world.buyer("ann")
    await world.buyer("ben").holds("A-3", "B-2")
    with pytest.raises(SlotTaken) as refused:
        await ann.takes_best(4)
    assert refused.value.slots == []
    held = await ann.takes_best(4, adjacent=False)
    assert len(held.hold.items) == 4
    with pytest.raises(SlotTaken):
        await ann.takes_best(5, adjacent=False)


async def test_a_category_is_kept_to(make_world: MakeWorld) -> None:
    slots = (
        *rows(A=2),
        slot(2, "A-3", row="A", category="box", price=9000),
        slot(3, "A-4", row="A", category="box"),
    )
    world = make_world(hall("hall", slots))
    ann = world.buyer("ann")
    held = await ann.takes_best(1, category="box")
    assert slots_of(held, world.hall)[0] in {"A-3", "A-4"}
    with pytest.raises(SlotTaken):
        await ann.takes_best(2, category="box")
    with pytest.raises(InvalidFields):
        await ann.takes_best(1, category="balcony")
    with pytest.raises(InvalidFields):
        await ann.takes_best(0)


async def test_a_group_is_of_one_category(make_world: MakeWorld) -> None:
    slots = (slot(0, "A-1", row="A", category="box"), *(slot(n, f"A-{n + 1}", row="A") for n in (1, 2, 3)))
    world = make_world(hall("hall", slots))
    assert slots_of(await world.buyer("ann").takes_best(3), world.hall) == ["A-2", "A-3", "A-4"]


async def test_the_price_is_the_slots_own(make_world: MakeWorld) -> None:
    world = make_world(
        hall("hall", (slot(0, "A-1", row="A", price=99_999_999), slot(1, "A-2", row="A", price=0)))
    )
    assert (await world.buyer("ann").takes_best(2)).hold.total == 99_999_999


async def test_one_slot_with_enough_left_is_taken_for_a_group(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(morning=3, noon=300, night=5), kind="sessions"))
    ann, ben = world.buyer("ann"), world.buyer("ben")
    held = await ann.takes_best(4)
    assert [(item.index, item.quantity) for item in held.hold.items] == [(1, 4)]
    held = await ann.takes_best(2)
    assert slots_of(held, world.hall) == ["morning"]
    assert slots_of(await ann.takes_best(1), world.hall) == ["night"]
    with pytest.raises(SlotTaken):
        await ann.takes_best(1)  # it has some of each by now
    held = await ben.takes_best(30, adjacent=False)
    assert [(item.index, item.quantity) for item in held.hold.items] == [(1, 30)]


async def test_places_in_several_slots_make_up_a_group_that_need_not_be_together(
    make_world: MakeWorld,
) -> None:
    world = make_world(hall("hall", places(morning=3, noon=4), kind="sessions"))
    held = await world.buyer("ann").takes_best(6, adjacent=False)
    assert [(item.index, item.quantity) for item in held.hold.items] == [(0, 3), (1, 3)]


async def test_places_for_wheelchairs_are_not_given_out_by_chance(make_world: MakeWorld) -> None:
    slots = (
        *rows(A=1),
        slot(1, "A-2", row="A", accessible=True),
        slot(2, "W-1", category="wheel", accessible=True),
    )
    world = make_world(hall("hall", slots))
    ann = world.buyer("ann")
    with pytest.raises(SlotTaken):
        await ann.takes_best(2)
    assert slots_of(await ann.takes_best(1, category="stalls"), world.hall) == ["A-1"]
    assert slots_of(await ann.takes_best(1, category="wheel"), world.hall) == ["W-1"]


async def test_what_is_due_is_given_back_for_it(world: World) -> None:
    await world.buyer("ann").takes_best(6)
    world.time_passes(901)
    assert len((await world.buyer("ben").takes_best(6)).hold.items) == 6


def orphans(free: Sequence[bool]) -> set[int]:
    """Free seats without a free neighbour."""
    padded = [False, *free, False]
    return {
        place for place, is_free in enumerate(free) if is_free and not padded[place] and not padded[place + 2]
    }


def placements(free: Sequence[bool], blocks: Sequence[Block], quantity: int) -> Iterator[tuple[int, int]]:
    """(first, how many single seats it makes) of every way to seat a group, by brute force."""
    for block in blocks:
        row = free[block.start : block.start + block.length]
        for first in range(block.length - quantity + 1):
            if all(row[first : first + quantity]):
                after = [
                    is_free and not first <= place < first + quantity for place, is_free in enumerate(row)
                ]
                yield block.start + first, len(orphans(after) - orphans(row))


def patterns(length: int) -> list[tuple[bool, ...]]:
    """All occupancies of short rows, many of long ones."""
    if length <= 9:
        return list(product((False, True), repeat=length))
    chance = random.Random(length)  # the same each time
    return [
        tuple(chance.random() < likely for _ in range(length))
        for likely in (0.5, 0.7, 0.85, 0.95)
        for _ in range(60)
    ] + [(True,) * length]


async def check(
    world: World, blocks: Sequence[Block], length: int, occupancies: list[tuple[bool, ...]]
) -> int:
    slots = [slot(index, f"s{index}", row="A") for index in range(length)]
    most = max(block.length for block in blocks)
    content = {
        "list": dict(best_lists(slots, blocks))[""],
        "most": most,
        "patterns": ["".join("01"[is_free] for is_free in free) for free in occupancies],
    }
    text = CHOOSER % (FOLDER / "lib" / "best.lua").read_text()
    chosen = await world.redis.eval(text, 1, "rows", msgspec.msgpack.encode(content))
    for free, answers in zip(occupancies, chosen, strict=True):
        for quantity, first in enumerate(answers, start=1):
            possible = dict(placements(free, blocks, quantity))
            if not possible:
                assert first == -1
            else:
                assert possible[first] == min(possible.values()), (free, quantity)
    return len(occupancies) * most


@pytest.mark.parametrize("length", range(1, 21))
async def test_one_row_by_brute_force(world: World, length: int) -> None:
    assert await check(world, [Block(0, length)], length, patterns(length))


@pytest.mark.parametrize("lengths", [(1, 4), (3, 3), (5, 2), (2, 2, 3), (6, 5, 9)])
async def test_several_rows_by_brute_force(world: World, lengths: tuple[int, ...]) -> None:
    blocks = [Block(sum(lengths[:place]), length) for place, length in enumerate(lengths)]
    assert await check(world, blocks, sum(lengths), patterns(sum(lengths)))


def test_the_middle_block_of_a_row_with_aisles_goes_first() -> None:
    slots = [
        slot(index, f"s{index}", row="A", x=x, y=0.0)
        for index, x in enumerate((0.0, 1, 2, 5, 6, 7, 10, 11, 12))
    ]
    assert blocks_of(slots)[0] == Block(3, 3)
    assert best_lists(slots, blocks_of(slots))[0][1][0][:4] == (3, 3, 3, 5)
