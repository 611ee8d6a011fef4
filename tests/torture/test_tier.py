"""The tier of `make torture`: each of its cells, in seconds, with every promise kept.

What is measured on the way (how fast, how soon) is reported and not asserted: machines differ, and others
work on this one. What is asserted is what was promised, and that something was there to be checked.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.torture.matrix import TIER, Cell, matrix
from tests.torture.run import play
from tests.torture.street import Ground, open_ground

SEED = 1
CELLS = [cell for cell in matrix() if "tier" in cell.sizes]


@pytest.fixture(scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path_factory.mktemp("ground")) as ground:
        yield ground


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
async def test_a_cell_of_the_matrix(cell: Cell, ground: Ground, tmp_path: Path) -> None:
    outcome = await play(cell, TIER, seed=SEED, ground=ground, folder=tmp_path)
    assert not outcome.not_here, "the tier asks nothing special of a machine"
    broken = [f"{each.promise} {each.text}" for each in outcome.violations]
    assert not broken, "\n".join([outcome.command, *broken])
    assert not outcome.error, outcome.error
    assert any(outcome.claims.values())
