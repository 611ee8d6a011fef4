"""Which bookings a list is of, as its query says it. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from server.bookings.cursors import read_cursor
from server.bookings.rules import Approval, BookingStatus, PaymentStatus
from server.errors import BadRequest
from server.inventory.times import parse_instant
from server.times import milliseconds

Role = Literal["buyer", "owner"]

PAGE: Final = 50
PAGE_LIMIT: Final = 200
TEXT_LENGTH: Final = 200
FIRST: Final = 2**62
"""Above every booking's position."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """None is any. `role`: what one booked, or what others booked of one's own.

    `since` and `until` (ms): what takes place in that time, in part at least; what says no time never does.
    `text` is found in the reference or the customer's name; the page begins after the position `below`.
    """

    limit: int = PAGE
    below: int = FIRST
    role: Role | None = None
    statuses: tuple[str, ...] | None = None
    payment_statuses: tuple[str, ...] | None = None
    approvals: tuple[str, ...] | None = None
    resource: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """What a query asks for; BadRequest says what would be right."""
    after, text = query.get("after"), query.get("q", "").strip()
    if len(text) > TEXT_LENGTH:
        raise BadRequest(f"q has more than {TEXT_LENGTH} characters")
    since, until = _moment(query, "from"), _moment(query, "to")
    if since is not None and until is not None and until <= since:
        raise BadRequest("to is before from")
    role = _several(query, "role", get_args(Role)) or (None,)
    return Wanted(
        limit=_limit(query),
        below=FIRST if after is None else read_cursor(after),
        role=role[0] if len(role) == 1 else None,  # type: ignore[arg-type]  # one of Role's names
        statuses=_several(query, "status", get_args(BookingStatus)),
        payment_statuses=_several(query, "payment_status", get_args(PaymentStatus)),
        approvals=_several(query, "approval", get_args(Approval)),
        resource=query.get("resource"),
        since=since,
        until=until,
        text=text or None,
    )


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= PAGE_LIMIT):
        raise BadRequest(f"limit is a whole number between 1 and {PAGE_LIMIT}")
    return int(text)


def _several(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """One name, or some with commas between."""
    text = query.get(name)
    if text is None:
        return None
    found = tuple(dict.fromkeys(text.split(",")))
    if not set(found) <= set(known):
        raise BadRequest(f"{name} is one of {', '.join(known)}, or some of them with commas between")
    return found


def _moment(query: Mapping[str, str], name: str) -> int | None:
    """An instant; of a day in UTC its beginning, and for `to` its end."""
    text = query.get(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-11-21") else None
        if day is None:
            return milliseconds(datetime.fromisoformat(parse_instant(text)))
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return milliseconds(begins + timedelta(days=1 if name == "to" else 0))
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name} is a day, 2026-11-21, or an instant with its offset, 2026-11-21T09:00:00Z"
        ) from None
