"""How a user wants to be told, as sent, checked and stored. Pure."""

from typing import Final, TypeGuard

import asyncpg
import msgspec

from server.bookings.details import Problems
from server.bookings.outbox import KINDS
from server.errors import InvalidFields
from server.inventory.times import is_time_zone
from server.notices.batching import minutes
from server.notices.rules import CHOSEN, Preferences, Quiet

LONGEST_BATCH: Final = 86_400


class PreferencesRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PUT /api/preferences`: the whole of it; what is left out is as usual."""

    email: str | None = None
    phone: str | None = None
    channels: dict[str, tuple[str, ...]] = {}
    batch_seconds: int = 0
    quiet: Quiet | None = None


def check(request: PreferencesRequest) -> Preferences:
    """The preferences to keep; InvalidFields names every field that does not hold."""
    problems = Problems()
    email = problems.email("email", request.email) if _has_text(request.email) else None
    phone = _phone(request.phone, problems) if _has_text(request.phone) else None
    if not 0 <= request.batch_seconds <= LONGEST_BATCH:
        problems.add("batch_seconds", f"is not between 0 and {LONGEST_BATCH}")
    for kind, channels in request.channels.items():
        _check_channels(kind, channels, problems)
    if request.quiet is not None:
        _check_quiet(request.quiet, problems)
    if problems.found:
        raise InvalidFields("some fields do not hold", errors=problems.found)
    return Preferences(
        email=email,
        phone=phone,
        channels={
            kind: tuple(channel for channel in CHOSEN if channel in request.channels[kind])
            for kind in KINDS
            if kind in request.channels
        },
        batch_seconds=request.batch_seconds,
        quiet=request.quiet,
    )


def read_preferences(row: asyncpg.Record) -> Preferences:
    """As a row of the table has them."""
    return Preferences(
        email=row["email"],
        phone=row["phone"],
        channels={kind: tuple(channels) for kind, channels in row["channels"].items()},
        batch_seconds=row["batch_seconds"],
        quiet=None if row["quiet"] is None else msgspec.convert(row["quiet"], Quiet),
    )


def _has_text(value: str | None) -> TypeGuard[str]:
    return value is not None and bool(value.strip())


def _phone(value: str, problems: Problems) -> str:
    """Gateways want to know the country."""
    phone = problems.phone("phone", value)
    if not phone.startswith("+"):
        problems.add("phone", "does not begin with + and the country's code; one looks like +49 30 123456")
    return phone


def _check_channels(kind: str, channels: tuple[str, ...], problems: Problems) -> None:
    field = f"channels.{kind[:40]}"
    if kind not in KINDS:
        problems.add(field, f"is none of {', '.join(KINDS)}")
    elif set(channels) - set(CHOSEN):
        problems.add(field, f"has others in it than {', '.join(CHOSEN)}")


def _check_quiet(quiet: Quiet, problems: Problems) -> None:
    for name, text in (("start", quiet.start), ("end", quiet.end)):
        try:
            minutes(text)
        except ValueError:
            problems.add(f"quiet.{name}", "is no time of day; one looks like 22:30")
    if quiet.start == quiet.end:
        problems.add("quiet.end", "is the same as its start")
    if not is_time_zone(quiet.time_zone):
        problems.add("quiet.time_zone", "is no IANA time zone; one looks like Europe/London")
