"""What people do: buy until they have a seat or none is left, change their mind, walk away, or only look."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from tests.torture.people import afterwards
from tests.torture.people.line import Unanswered
from tests.torture.people.person import Person, insists, new_op
from tests.torture.people.presence import Json, Refused

LAST_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a buyer goes about it: ranges of seconds to choose from, shares of the moments they come at."""

    until: float
    """When to give up, on the machine's monotonic clock."""

    seats: tuple[int, int] = (1, 1)
    quantity: tuple[int, int] = (1, 1)
    hot: int = 0
    """Choose among the first so many free seats; 0: among all."""

    thinks: tuple[float, float] = (0.0, 1.0)
    pays_after: tuple[float, float] = (0.1, 3.0)
    extends: float = 0.1
    releases: float = 0.05
    walks_away: float = 0.03
    vanishes: float = 0.03
    falls_silent: float = 0.0
    dawdles: float = 0.0
    """Lets the hold expire, and looks on."""

    declined: float = 0.05
    cancels: float = 0.03
    buys: int = 1
    """Bookings until one is content."""

    rests: tuple[float, float] = (0.0, 0.0)
    """Between one attempt and the next."""

    gives_back: float = 0.0
    """Cancels what is confirmed, after some thought, and has its money back."""

    changes: float = 0.0
    """Has other seats instead, more of them or fewer, once a booking is confirmed."""

    hands_on: float = 0.0
    """Leaves a link to what is confirmed lying about, and takes up others' links."""

    grid: tuple[int, int] = (0, 0)
    """What is on sale is time: when index 0 begins, and how long a step is, in seconds."""

    opens: float = 0.0
    """When the sale begins, on the machine's monotonic clock."""

    def __post_init__(self) -> None:
        for name in ("seats", "quantity", "thinks", "pays_after", "rests", "grid"):  # JSON has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass
class Story:
    """What became of a buyer."""

    end: str = "gave up"
    confirmed: list[str] = field(default_factory=list)
    tickets: int = 0


class Gone(Exception):
    """This buyer has left for good."""


async def buy(person: Person, plan: Plan) -> Story:
    """Until content, gone, sold out or out of time."""
    story = Story()
    await asyncio.sleep(max(0.0, plan.opens - time.monotonic()))
    try:
        while len(story.confirmed) < plan.buys and time.monotonic() < plan.until:
            if person.picture is not None and person.picture.is_over:
                story.end = "sold out"
                break
            await _rests(person, plan)
            if plan.hands_on:
                await afterwards.takes_one_up(person, plan.until)
            await _tries(person, plan, story)
        else:
            story.end = "content" if len(story.confirmed) >= plan.buys else "gave up"
        await _gives_up(person)
    except Gone as how:
        story.end = str(how)
    return story


async def _rests(person: Person, plan: Plan) -> None:
    left = max(0.0, plan.until - time.monotonic())
    await asyncio.sleep(min(left, person.chance.uniform(*plan.rests)))


async def _gives_up(person: Person) -> None:
    """What one has begun to pay and will not: else it waits for its deadline, after a decline for minutes."""
    until = time.monotonic() + LAST_SECONDS
    for booking, known in list(person.bookings.items()):
        if known["status"] == "pending":
            with suppress(Refused, Unanswered):
                await insists(partial(person.cancels, booking, release=True), until, person.chance)


async def _tries(person: Person, plan: Plan, story: Story) -> None:
    """One attempt, from a look at the map to a booking; refusals and broken lines end it."""
    takes = _chooses(person, plan)
    if takes is None:
        await person.waits_for_a_seat(1.0)
        return
    try:
        hold = await insists(takes, plan.until, person.chance)
    except Refused as no:
        asked_to_wait = no.retry_after * person.chance.uniform(1, 2)
        await asyncio.sleep(asked_to_wait + person.chance.uniform(*plan.thinks))
        return
    except Unanswered:
        return
    try:
        await _decides(person, plan, story, hold)
    except (Refused, Unanswered):
        await asyncio.sleep(person.chance.uniform(0, 0.2))


def _chooses(person: Person, plan: Plan) -> Callable[[], Awaitable[Json]] | None:
    """How it takes what it has chosen, as often as need be; None where nothing is free."""
    free = person.picture.free if person.picture is not None else []
    if not free:
        return None
    among = free[: plan.hot] if plan.hot else free
    if plan.grid[1]:
        start = person.chance.choice(among)
        span = (_begins(plan, start), _begins(plan, start + person.chance.randint(*plan.seats)))
        return partial(person.holds_time, *span, op=new_op())
    number = min(len(among), person.chance.randint(*plan.seats))
    chosen = [
        (f"A-{index}", person.chance.randint(*plan.quantity))
        for index in sorted(person.chance.sample(among, number))
    ]
    return partial(person.holds, *chosen, op=new_op())


def _begins(plan: Plan, step: int) -> str:
    """When a step begins: its id."""
    since, lasts = plan.grid
    return datetime.fromtimestamp(since + step * lasts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _decides(person: Person, plan: Plan, story: Story, hold: Json) -> None:
    await asyncio.sleep(person.chance.uniform(*plan.thinks))
    await _leaves_perhaps(person, plan)
    roll = person.chance.random()
    if roll < plan.releases:
        await person.releases(hold["id"])
        return
    if roll < plan.releases + plan.dawdles:
        await _waits_for_its_end(person, plan, hold["id"])
        return
    if person.chance.random() < plan.extends:
        await person.extends()
    await _books(person, plan, story)


async def _leaves_perhaps(person: Person, plan: Plan) -> None:
    """Some go for good with a hold in their cart."""
    ways: list[tuple[float, str]] = [
        (plan.walks_away, "walked away"),
        (plan.vanishes, "vanished"),
        (plan.falls_silent, "fell silent"),
    ]
    roll = person.chance.random()
    for share, way in ways:
        if roll < share:
            if way == "fell silent":
                person.falls_silent()
            else:
                await person.goes(politely=way == "walked away")
            raise Gone(way)
        roll -= share


async def _waits_for_its_end(person: Person, plan: Plan, hold: str) -> None:
    while hold in person.holds_known and time.monotonic() < plan.until:
        await person.waits(1.0)


async def _books(person: Person, plan: Plan, story: Story) -> None:
    key = new_op()
    booked = await insists(partial(person.books, key), plan.until, person.chance)
    await asyncio.sleep(person.chance.uniform(*plan.pays_after))
    booking = booked["booking"]["id"]
    roll = person.chance.random()
    if roll < plan.cancels:
        await _cancels(person, plan, booking)
        return
    if roll < plan.cancels + plan.declined:
        await insists(partial(person.pays, booked, "decline"), plan.until, person.chance)
        booked = await _tries_to_pay_again(person, plan, booked)
    await insists(partial(person.pays, booked), plan.until, person.chance)
    if await _hears(person, plan, booking):
        story.confirmed.append(booking)
        story.tickets += sum(item["quantity"] for item in booked["booking"]["items"])
        if person.chance.random() < plan.changes:
            await afterwards.changes(person, booking, plan.until, plan.pays_after)
        if person.chance.random() < plan.hands_on and await afterwards.hands_on(person, booking, plan.until):
            return
        if person.chance.random() < plan.gives_back:
            await asyncio.sleep(person.chance.uniform(*plan.thinks))
            await insists(partial(person.cancels, booking), plan.until, person.chance)


async def _cancels(person: Person, plan: Plan, booking: str) -> None:
    """Before it is paid; the seats are free again at once."""
    await insists(partial(person.cancels, booking, release=True), plan.until, person.chance)


async def _tries_to_pay_again(person: Person, plan: Plan, booked: Json) -> Json:
    """The next attempt's payment, when the first is known to have failed."""
    booking = booked["booking"]["id"]
    while time.monotonic() < plan.until:
        found: Any = await insists(partial(person.reads, booking), plan.until, person.chance)
        if found["payment_status"] == "failed" or found["status"] != "pending":
            break
        await asyncio.sleep(0.2)
    again: Json = await insists(partial(person.books, new_op()), plan.until, person.chance)
    return again


async def _hears(person: Person, plan: Plan, booking: str) -> bool:
    """Whether it was confirmed in the end: told on the socket, or asked for every other second."""
    ask_at = time.monotonic() + 2.0
    while time.monotonic() < plan.until:
        status = str(person.bookings.get(booking, {}).get("status"))
        if status in {"confirmed", "cancelled"}:
            return status == "confirmed"
        await person.waits(0.5)
        if time.monotonic() > ask_at:
            await insists(partial(person.reads, booking), plan.until, person.chance)
            ask_at = time.monotonic() + 2.0
    return False


def chances(seed: int, name: str) -> random.Random:
    """A person's own chance, the same in each run with that seed."""
    return random.Random(f"{seed}:{name}")
