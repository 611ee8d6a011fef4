"""Which seats stand side by side: a seating plan's rows cut at its aisles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import hypot
from statistics import median

from server.inventory.rules import Slot

# Wider than this many typical seat spacings of its row, a gap is an aisle.
AISLE = 1.6


@dataclass(frozen=True, slots=True)
class Block:
    """`length` seats side by side in one row, with consecutive indices from `start`."""

    start: int
    length: int


def blocks_of(slots: Sequence[Slot]) -> tuple[Block, ...]:
    """All blocks, best first: rows as the plan lists them, in each row the middle block first.

    A slot without a row, or with more than one place, is a block of its own; a blocked one is in none.
    """
    ordered: list[Block] = []
    spacing = _section_spacings(slots)
    for row in _rows(slots):
        blocks = list(_cut(row, _typical(row, spacing.get(row[0].section))))
        middle = row[0].index + len(row) / 2
        ordered += sorted(blocks, key=lambda each: abs(each.start + each.length / 2 - middle))
    return tuple(ordered)


def _rows(slots: Sequence[Slot]) -> Iterator[list[Slot]]:
    """Runs of consecutive indices with the same section and row."""
    for _, run in groupby(slots, key=_row_key):
        yield from _unblocked_runs(list(run))


def _row_key(slot: Slot) -> tuple[str, str, int]:
    alone = not slot.row or slot.capacity > 1
    return (slot.section, slot.row, slot.index if alone else -1)


def _unblocked_runs(run: list[Slot]) -> Iterator[list[Slot]]:
    for blocked, part in groupby(run, key=lambda slot: slot.blocked):
        if not blocked:
            yield list(part)


def _cut(row: list[Slot], typical: float | None) -> Iterator[Block]:
    start = row[0].index
    for left, right in pairwise(row):
        gap = _distance(left, right)
        if typical is not None and gap is not None and gap > AISLE * typical:
            yield Block(start, right.index - start)
            start = right.index
    yield Block(start, row[-1].index + 1 - start)


def _distance(left: Slot, right: Slot) -> float | None:
    if left.x is None or left.y is None or right.x is None or right.y is None:
        return None
    return hypot(right.x - left.x, right.y - left.y)


def _distances(row: Sequence[Slot]) -> list[float]:
    return [gap for left, right in pairwise(row) if (gap := _distance(left, right)) is not None]


def _typical(row: Sequence[Slot], section: float | None) -> float | None:
    """A row's usual spacing; one gap alone says nothing, so there the section's counts."""
    gaps = _distances(row)
    if len(gaps) > 1 or section is None:
        return median(gaps) if gaps else None
    return section


def _section_spacings(slots: Sequence[Slot]) -> dict[str, float]:
    gaps: dict[str, list[float]] = {}
    for row in _rows(slots):
        if len(row) > 2:
            gaps.setdefault(row[0].section, []).extend(_distances(row))
    return {section: median(found) for section, found in gaps.items() if found}
