"""What a whole crowd does together: leave with a hold, pay at the deadline, let all holds end at once."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from tests.torture.people.line import Unanswered
from tests.torture.people.person import Person, insists, new_op
from tests.torture.people.presence import Json, Refused, of_booking

LOOK_SECONDS: Final = 0.01
SEEN_SECONDS: Final = 10.0


async def leave(people: Sequence[Person], ways: Sequence[str], seconds: float, *, asks: bool) -> Json:
    """Each holds a seat of its own and goes in its way; how long until an onlooker sees the seat free again.

    Ways: `leave` (a word, then the socket's end), `cut` (a crash), `silent` (a network that is gone),
    `return` (cut, and back at once), `stay`. The first of the people is the onlooker. If somebody `asks`,
    those who stay ask for more time all the while.
    """
    onlooker, *others = people
    seats = {person.name: index for index, person in enumerate(others)}
    await asyncio.gather(*(person.holds((f"A-{seats[person.name]}", 1)) for person in others))
    await _sees_taken(onlooker, seats.values(), time.monotonic() + SEEN_SECONDS)
    goes = {person.name: ways[place % len(ways)] for place, person in enumerate(others)}
    left: dict[str, float] = {}
    for person in others:
        left[person.name] = time.monotonic()
        await _goes(person, goes[person.name])
    until = time.monotonic() + seconds
    stays = [person for person in others if asks and goes[person.name] == "stay"]
    asking = [asyncio.create_task(_asks_for_more(person, until)) for person in stays]
    free = await _sees_free(onlooker, seats, until)
    await asyncio.gather(*asking)
    took: defaultdict[str, list[float]] = defaultdict(list)
    kept: defaultdict[str, int] = defaultdict(int)
    for name, way in goes.items():
        if name in free:
            took[way].append(free[name] - left[name])
        else:
            kept[way] += 1
    return {"took": took, "kept": kept}


async def _asks_for_more(person: Person, until: float) -> None:
    while time.monotonic() < until:
        with suppress(Refused, Unanswered):
            await person.extends()
        await asyncio.sleep(person.chance.uniform(0, 1))


async def _sees_taken(onlooker: Person, seats: Collection[int], until: float) -> None:
    """Return when the onlooker has heard of all holds: what it never saw taken is not free again."""
    while onlooker.picture is None or set(onlooker.picture.free) & set(seats):
        assert time.monotonic() < until, "the onlooker was not told of all holds"
        await onlooker.waits(LOOK_SECONDS)


async def _goes(person: Person, way: str) -> None:
    if way == "silent":
        person.falls_silent()
    elif way == "return":
        person.drops()
    elif way != "stay":
        await person.goes(politely=way == "leave")


async def _sees_free(onlooker: Person, seats: dict[str, int], until: float) -> dict[str, float]:
    """When the onlooker saw each seat free; those that stayed taken until then are not in it."""
    waits, free = dict(seats), {}
    while waits and time.monotonic() < until:
        seen = set(onlooker.picture.free) if onlooker.picture is not None else set[int]()
        for name in [name for name, seat in waits.items() if seat in seen]:
            free[name] = time.monotonic()
            del waits[name]
        await onlooker.waits(min(0.5, max(LOOK_SECONDS, until - time.monotonic())))
    return free


async def race(people: Sequence[Person], spread: float) -> Json:
    """Each books a seat of its own and pays it just before, at or just after the deadline; how each ended."""
    last = max(1, len(people) - 1)
    offsets = [spread * (2 * place / last - 1) for place in range(len(people))]
    ends = await asyncio.gather(
        *(
            _races(person, place, offset)
            for place, (person, offset) in enumerate(zip(people, offsets, strict=True))
        )
    )
    found: defaultdict[str, int] = defaultdict(int)
    for end in ends:
        found[end] += 1
    return {"ends": found}


async def _races(person: Person, seat: int, offset: float) -> str:
    await person.holds((f"A-{seat}", 1))
    booked = await insists(partial(person.books, new_op()), time.monotonic() + 20, person.chance)
    booking = booked["booking"]["id"]
    deadline = of_booking(booked["booking"])["expires_at"] / 1000
    await asyncio.sleep(max(0.0, deadline + offset - time.time()))
    with suppress(Refused, Unanswered):
        await person.pays(booked)
    return await _ends(person, booking, time.monotonic() + 30)


async def _ends(person: Person, booking: str, until: float) -> str:
    while time.monotonic() < until:
        status = str(person.bookings[booking]["status"])
        if status != "pending":
            return status
        await person.waits(1.0)
        with suppress(Refused, Unanswered):
            await person.reads(booking)
    return "pending"


async def expire(people: Sequence[Person], each: int) -> Json:
    """Each fills a cart, all carts end in one second; how late (s) each hold was told to have ended."""
    for number in range(each):
        await asyncio.gather(
            *(person.holds((f"A-{place * each + number}", 1)) for place, person in enumerate(people))
        )
    await asyncio.gather(*(person.extends() for person in people))
    until = time.monotonic() + 30
    for person in people:
        while person.holds_known and time.monotonic() < until:
            await person.waits(0.5)
    late = [(told - due) / 1000 for person in people for told, due in person.ends.values()]
    again = sum(person.ended_again for person in people)
    return {"late": late, "left": sum(len(person.holds_known) for person in people), "again": again}


async def hoard(bots: Sequence[Person], seats: int, until: float) -> Json:
    """They take what they may and let it go, again and again; the most that one had at once."""
    most = 0

    async def one(person: Person) -> None:
        nonlocal most
        while time.monotonic() < until:
            free = person.picture.free[:] if person.picture is not None else []
            person.chance.shuffle(free)
            for index in free[:seats]:
                with suppress(Refused, Unanswered):
                    await person.holds((f"A-{index}", 1))
            most = max(most, len(person.holds_known))
            for hold in list(person.holds_known):
                with suppress(Refused, Unanswered):
                    await person.releases(hold)
            await asyncio.sleep(0.05)

    await asyncio.gather(*map(one, bots))
    return {"most": most}
