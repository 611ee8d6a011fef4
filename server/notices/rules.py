"""What is told to whom, and by which ways. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from server.bookings.outbox import Facts, NoticeKind
from server.notices.channel import Channel

Side = Literal["buyer", "owner"]

BUYERS_ALONE: Final = frozenset({"payment_failed", "hold_expired"})

# By which a user may ask to be told; webhooks are asked for each by itself.
CHOSEN: Final[tuple[Channel, ...]] = ("email", "sms", "push")
_WORTH_A_MAIL: Final[Mapping[Side, frozenset[NoticeKind]]] = {
    "buyer": frozenset(
        {
            "booking_confirmed",
            "booking_cancelled",
            "booking_changed",
            "booking_disputed",
            "payment_failed",
            "payment_refunded",
        }
    ),
    "owner": frozenset({"booking_confirmed", "booking_cancelled", "booking_changed", "booking_disputed"}),
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the outbox. `at` in milliseconds."""

    id: UUID
    kind: NoticeKind
    booking: UUID | None
    facts: Facts
    at: int


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told: a user, or None for the buyer of a booking without one; `former`: who had it."""

    user: str | None
    side: Side
    former: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What one user is told. Times in milliseconds; `position` rises in the order in which they are told."""

    id: UUID
    position: int
    user: str
    kind: NoticeKind
    title: str
    message: str
    data: dict[str, Any]
    created_at: int
    read_at: int | None = None


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When nothing is to sound: from `start` to `end` (HH:MM, also across midnight) in an IANA time zone."""

    start: str
    end: str
    time_zone: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """How a user wants to be told. `channels` has only what is not as usual."""

    email: str | None = None
    phone: str | None = None
    channels: dict[NoticeKind, tuple[Channel, ...]] = {}
    batch_seconds: int = 0
    quiet: Quiet | None = None


USUAL: Final = Preferences()


def people_of(event: Event) -> list[Person]:
    """Who is told: each user once. The owner first, for the owner may have to act."""
    facts, told = event.facts, []
    if event.kind not in BUYERS_ALONE:
        told.append(Person(user=facts.owner, side="owner"))
    told.append(Person(user=facts.user, side="buyer"))
    if facts.data.get("was_user") or facts.data.get("was_email"):
        told.append(Person(user=facts.data.get("was_user"), side="buyer", former=True))
    known = [(person.user, person.former and person.user is None) for person in told]
    return [person for place, person in enumerate(told) if known[place] not in known[:place]]


def usual_email(event: Event, person: Person) -> str | None:
    """Where mail goes to somebody who has not said where: as was written when it was booked."""
    facts = event.facts
    if person.side == "owner":
        return None
    found: str | None = facts.data.get("was_email") if person.former else facts.customer.get("email")
    return found


def channels_for(preferences: Preferences, event: Event, side: Side) -> tuple[Channel, ...]:
    """By which channels a user wants to hear of it: as asked for, else as is usual."""
    asked = preferences.channels.get(event.kind)
    return usual_channels(event, side) if asked is None else asked


def usual_channels(event: Event, side: Side) -> tuple[Channel, ...]:
    """A push for everything; a mail, and a text where there is a number, for what one has to know or do."""
    asks = side == "owner" and bool(event.facts.data.get("actions"))
    return CHOSEN if asks or event.kind in _WORTH_A_MAIL[side] else ("push",)
