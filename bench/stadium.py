"""A stadium of blocks in two rings around a pitch, as a table for `holdfast import`."""

import csv
import math
from pathlib import Path

BLOCKS_IN_RING = 25
ROWS = 25
SEATS_IN_ROW = 40
INNER_RADIUS = 160.0
RING_STEP = 36.0
ROW_STEP = 1.25
AISLE = 0.06
"""Share of a block's angle that is left free beside it."""


def write(path: Path, seats: int) -> None:
    """So many seats, named `s0`, `s1`, … in the order of their indices; distances in widths of a seat."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", "section", "row", "x", "y", "category", "price"])
        rows.writerows(_row(number) for number in range(seats))


def _row(number: int) -> list[object]:
    block, within = divmod(number, ROWS * SEATS_IN_ROW)
    row, seat = divmod(within, SEATS_IN_ROW)
    ring, turn = divmod(block, BLOCKS_IN_RING)
    each = math.tau / BLOCKS_IN_RING
    angle = each * (turn + AISLE / 2 + (1 - AISLE) * (seat + 0.5) / SEATS_IN_ROW)
    radius = INNER_RADIUS + ring * RING_STEP + row * ROW_STEP
    x, y = radius * math.cos(angle), radius * math.sin(angle)
    category = "Lower ring" if ring == 0 else "Upper ring"
    label = f"{row + 1}-{seat + 1}"
    return [f"s{number}", label, f"Block {block + 1}", str(row + 1), f"{x:.3f}", f"{y:.3f}", category, 1500]
