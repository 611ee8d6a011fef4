"""Plays cells one after the other and keeps what came of each."""

import asyncio
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.matrix import Cell, Outcome, Size, Torture
from tests.torture.nemesis.machine import NotHere
from tests.torture.street import Ground

Say = Callable[[str], None]


def command(cell: Cell, size: Size, seed: int) -> str:
    """How to play this cell again."""
    flag = "" if size.name == "tier" else f" --{size.name}"
    return f"make torture ARGS='--only {cell.name} --seed {seed}{flag}'"


async def play(
    cell: Cell, size: Size, *, seed: int, ground: Ground, folder: Path, say: Say = lambda _text: None
) -> Outcome:
    """One cell, to its end; what it raised is in its outcome."""
    outcome = Outcome(
        number=cell.number,
        name=cell.name,
        about=cell.about,
        fault=cell.fault,
        workload=cell.workload,
        size=size.name,
        seed=seed,
        command=command(cell, size, seed),
    )
    scene = folder / f"{cell.number:02}-{cell.name}"
    shutil.rmtree(scene, ignore_errors=True)
    scene.mkdir(parents=True)
    began = time.monotonic()
    try:
        async with asyncio.timeout(cell.bound(size)):
            await cell.body(Torture(ground, scene, seed, outcome, say), size)
    except NotHere as reason:
        outcome.not_here = str(reason)
    except Exception:  # noqa: BLE001  # the other cells are played all the same
        outcome.error = traceback.format_exc()
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


async def play_all(
    cells: Sequence[Cell],
    size: Size,
    *,
    seed: int,
    ground: Ground,
    folder: Path,
    say: Say,
    done: Callable[[Outcome], None],
) -> list[Outcome]:
    """All of them; `done` hears of each when it has ended."""
    outcomes = []
    for place, cell in enumerate(cells, 1):
        say(f"[{place}/{len(cells)}] cell {cell.number} {cell.name}: {cell.workload}, {cell.fault}")
        outcome = await play(cell, size, seed=seed, ground=ground, folder=folder, say=say)
        outcomes.append(outcome)
        done(outcome)
    return outcomes
