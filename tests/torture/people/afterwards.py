"""What people do with what they have booked: have other seats instead, and hand it on to somebody else."""

import time
from asyncio import sleep, timeout
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from server.accounts.users import mint
from server.times import now_milliseconds
from tests.torture.people.line import Unanswered
from tests.torture.people.person import Call, Person, insists, new_op
from tests.torture.people.presence import Json, Offer, Refused, of_booking

USERS_SECRET: Final = "a-secret-of-the-streets-users-0123456789"
"""What users' tokens are signed with, where bookings are handed on."""

MOST_SEATS: Final = 4
TAKEN_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.2
LETS_GO: Final = 0.2
"""So many of those who were to pay more do not want to in the end."""


async def changes(person: Person, booking: str, until: float, pays_after: tuple[float, float]) -> None:
    """Once, to something that it never had; return when it is made, given up or refused."""
    wanted = _wanted(person, booking)
    if wanted is None:
        return
    with suppress(Refused):
        told = await _again(person, partial(_asks_for, person, booking, wanted), until)
        if _is_to_be_paid(told["payment"]):
            await _pays_more(person, told, until, pays_after)
        await _is_through(person, booking, until)


async def _again(person: Person, asks: Callable[[str], Awaitable[Json]], until: float) -> Json:
    """What came of it, asked for again as long as one is told to: money is being taken just then."""
    while True:
        try:
            return await insists(partial(asks, new_op()), until, person.chance)
        except Refused as no:
            if not no.retry_after or time.monotonic() + no.retry_after > until:
                raise
            await sleep(no.retry_after)


def _is_to_be_paid(payment: Json | None) -> bool:
    """Where it costs nothing, or is paid already, there is nothing to pay it by."""
    if payment is None or payment["status"] != "pending":
        return False
    return payment["provider"] == "sandbox" or "client_secret" in payment


def _wanted(person: Person, booking: str) -> list[str] | None:
    """Another seat for one of its own, one more, or one fewer; None where nothing is free."""
    has = [item["slot"] for item in person.bookings[booking]["items"]]
    roll = person.chance.random()
    if roll < 0.25 and len(has) > 1:
        return has[1:]
    free = person.picture.free if person.picture is not None else []
    unknown = [f"A-{index}" for index in free if f"A-{index}" not in person.latest]
    if not unknown:
        return None
    new = person.chance.choice(unknown)
    person.latest[new] = booking  # never again: what it has says then which change was made
    return [*has, new] if roll > 0.65 and len(has) < MOST_SEATS else [*has[1:], new]


async def _asks_for(person: Person, booking: str, slots: list[str], key: str) -> Json:
    path, items = f"/api/bookings/{booking}", [[slot, 1] for slot in slots]
    lines = [[person.resource, *item] for item in items]
    arguments = {"booking": booking, "lines": lines, "key": key}
    told = await person.calls(Call("change", "PATCH", path, {"items": items}, arguments, _of_told, key))
    person.bookings[booking] = told["booking"]
    return told


async def _pays_more(person: Person, told: Json, until: float, pays_after: tuple[float, float]) -> None:
    """What it costs more; or not, and the change is given up."""
    change = str(told["booking"]["change"])
    extra = await insists(partial(person.reads, change), until, person.chance)
    person.bookings.pop(change, None)
    await sleep(person.chance.uniform(*pays_after))
    if person.chance.random() < LETS_GO:
        await insists(partial(person.cancels, change), until, person.chance)
    else:
        paid = {"booking": extra, "payment": told["payment"]}
        await insists(partial(person.pays, paid), until, person.chance)
    person.bookings.pop(change, None)


async def _is_through(person: Person, booking: str, until: float) -> None:
    while time.monotonic() < until:
        found = await insists(partial(person.reads, booking), until, person.chance)
        if found["change"] is None:
            return
        await sleep(LOOK_SECONDS)


async def hands_on(person: Person, booking: str, until: float) -> bool:
    """Leave a link to it lying about; whether somebody took it, and then one asks for it in vain."""
    try:
        found = await _again(person, partial(_offers, person, booking), until)
    except Refused:
        return False
    offer = Offer(booking, person.name, found["transfer"]["token"])
    person.board.append(offer)
    with suppress(TimeoutError):
        async with timeout(max(0.0, min(until - time.monotonic(), TAKEN_SECONDS))):
            await offer.taken.wait()
    if not offer.taken.is_set():
        return False
    person.bookings.pop(booking, None)
    with suppress(Refused):
        await insists(partial(person.reads, booking), until, person.chance)
        person.bookings.pop(booking, None)
    return True


async def _offers(person: Person, booking: str, key: str) -> Json:
    path = f"/api/bookings/{booking}/transfer"
    return await person.calls(
        Call("offer", "POST", path, {}, {"booking": booking, "key": key}, _of_offer, key)
    )


async def takes_one_up(person: Person, until: float) -> None:
    """A link of somebody else's, if there is one; it is theirs from then on, and they look at it."""
    offer = next((each for each in person.board if each.giver != person.name), None)
    if offer is None:
        return
    person.board.remove(offer)
    person.user = person.user or mint(USERS_SECRET, user=f"user-{person.name}", now=now_milliseconds())
    with suppress(Refused, Unanswered):
        told = await insists(partial(_accepts, person, offer), until, person.chance)
        offer.taken.set()
        person.bookings[offer.booking] = told["booking"]
        await insists(partial(person.reads, offer.booking), until, person.chance)


async def _accepts(person: Person, offer: Offer) -> Json:
    path = f"/api/transfers/{offer.link}/accept"
    return await person.calls(Call("accept", "POST", path, {}, {"booking": offer.booking}, _of_told))


def _of_told(said: Json) -> Json:
    return of_booking(said["booking"])


def _of_offer(said: Json) -> Json:
    return {"transfer": said["transfer"]["id"]}
