"""Everybody wants one seat at one moment, round after round."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from tests.torture.people.line import Unanswered
from tests.torture.people.person import Person, insists, new_op
from tests.torture.people.presence import Json, Refused

SEAT: Final = ("A-0", 1)


async def duel(people: Sequence[Person], rounds: int, until: float) -> Json:
    """How many had the seat in each round. Whoever has it gives it back when all have their answer.

    A round has no winner while the seat is still a former one's: of somebody whose server does not answer.
    """
    won: list[int] = []
    while len(won) < rounds and time.monotonic() < until:
        found = await asyncio.gather(*(_reaches_out(person, until) for person in people))
        winners = [(person, hold) for person, hold in zip(people, found, strict=True) if hold]
        won.append(len(winners))
        for person, hold in winners:
            await _gives_back(person, hold, until)
    return {"won": won}


async def _reaches_out(person: Person, until: float) -> str:
    """The hold, or nothing; whom nobody answers asks again by the same name."""
    try:
        held = await insists(partial(person.holds, SEAT, op=new_op()), until, person.chance)
    except (Refused, Unanswered):
        return ""
    return str(held["id"])


async def _gives_back(person: Person, hold: str, until: float) -> None:
    with suppress(Refused, Unanswered):
        await insists(partial(person.releases, hold), until, person.chance)
