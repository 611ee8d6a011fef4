"""An owner who has to approve, for tests: `ann = await is_awaited(house)`, `await confirms(ann)`."""

from typing import Any

from server.accounts.rules import Caller
from server.bookings.rules import Booking
from server.inventory.rules import HoldPolicy
from tests.payments.house import PRICE, Buyer, House, Office

DRIVE = "drive"
SECONDS = 3600
OWNER = Caller(session="owner's", user="owner")


async def opens_drive(house: House, slots: int = 4, *, price: int = PRICE, policy: Any = None) -> None:
    """A place whose owner has an hour to approve of each booking."""
    names = [f"P-{number}" for number in range(1, slots + 1)]
    await house.sells(
        names, resource=DRIVE, price=price, policy=policy or HoldPolicy(approval_seconds=SECONDS)
    )


async def is_awaited(
    house: House, name: str = "ann", slot: str = "P-1", office: Office | None = None
) -> Buyer:
    """Somebody has booked and paid, and the owner is asked."""
    ann = house.buyer(name, office)
    await ann.holds(slot, resource=DRIVE)
    await ann.books()
    if ann.attempt.provider != "free":
        await ann.pays()
    booking = await ann.sees()
    assert booking.is_awaited, booking
    ann.booking = booking
    return ann


async def confirms(ann: Buyer, office: Office | None = None) -> Booking:
    """The owner says yes."""
    return await (office or ann.office).payments.approving.confirm(OWNER, str(ann.own.id))


async def declines(ann: Buyer, office: Office | None = None) -> Booking:
    """The owner says no."""
    return await (office or ann.office).payments.cancel(OWNER, str(ann.own.id), release=False)


async def is_taken_at_once(house: House, ann: Buyer) -> None:
    """The buyer pays by a method that cannot wait: the sandbox's intent is captured, whoever asks for it."""
    intent = ann.attempt.intent
    await house.execute(
        "update sandbox.intent set status = 'captured', updated_at = now() where id = $1", intent
    )
    await house.execute(
        "insert into sandbox.movement (intent_id, kind, amount, idempotency_key, made_at)"
        " select id, 'capture', amount, 'debit:' || id, now() from sandbox.intent where id = $1",
        intent,
    )
    await ann.office.payments.settle(ann.attempt.id)


async def promise_breaks(house: House, ann: Buyer) -> None:
    """The buyer's bank takes back what it had authorised."""
    await house.execute(
        "update sandbox.intent set status = 'cancelled', updated_at = now() where id = $1", ann.attempt.intent
    )
