"""What a buyer writes into the form, checked. Lengths are in code points; texts are kept as NFC. Pure."""

import re
import unicodedata
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from server.bookings.rules import Booking, room_of_lines
from server.errors import Conflict, FieldError, InvalidFields

NAME_LENGTH: Final = 200
EMAIL_LENGTH: Final = 254
PHONE_LENGTH: Final = 32
TEXT_LENGTH: Final = 2000
PLACE_LENGTH: Final = 300
# Metres; whoever knows less than this knows nothing.
ACCURACY_LIMIT: Final = 100_000

# Line breaks of every kind, and the marks that make text read in another order than it is written.
_FORBIDDEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EMAIL: Final = re.compile(
    r"(?=[^@]{1,64}@)[^\s@<>()\[\]\\,;:\"]+(?<!\.)@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][^\W_]{1,62}"
)
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]{3,31}")


class Customer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who books, as sent."""

    name: str
    email: str
    phone: str | None = None


class Attendee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who comes, as sent; a plain string is a name."""

    name: str
    email: str | None = None


class DriverLocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a driver is, in degrees (WGS 84), to so many metres; a plain string is an address."""

    latitude: float
    longitude: float
    accuracy: float | None = None
    address: str | None = None


class BookingRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /api/bookings`; what is booked is the session's cart, at the server's price.

    `currency` is what it is paid in: the cart's own unless it says another.
    """

    customer: Customer
    attendees: tuple[Attendee | str, ...] = ()
    special_requests: str | None = None
    driver_location: DriverLocation | str | None = None
    currency: str | None = None


class BookingPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PATCH /api/bookings/{id}`, as far as no place and no money is moved: what is absent stays.

    `driver_location` null: not shown any more.
    """

    attendees: tuple[Attendee | str, ...] | UnsetType = UNSET
    special_requests: str | UnsetType | None = UNSET
    driver_location: DriverLocation | str | UnsetType | None = UNSET


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The request's texts, checked and normalised, in the shape that is stored and answered."""

    customer: dict[str, Any]
    attendees: tuple[dict[str, Any], ...]
    special_requests: str
    driver_location: dict[str, Any] | None


def check(request: BookingRequest, *, places: int) -> Details:
    """The details to keep; InvalidFields names every field that does not hold. `places` bounds attendees."""
    problems = Problems()
    details = Details(
        customer=_customer(request.customer, problems),
        attendees=_attendees(request.attendees, places, problems),
        special_requests=problems.text("special_requests", request.special_requests, TEXT_LENGTH),
        driver_location=_driver_location(request.driver_location, problems),
    )
    if problems.found:
        raise InvalidFields("some fields do not hold", errors=problems.found)
    return details


def patched(booking: Booking, patch: BookingPatch) -> Booking:
    """The booking with what the patch has, checked; Conflict where it is over."""
    if booking.status not in {"pending", "confirmed"}:
        raise Conflict(f"the booking is {booking.status}")
    problems = Problems()
    changes: dict[str, Any] = {}
    if patch.attendees is not UNSET:
        changes["attendees"] = _attendees(patch.attendees, room_of_lines(booking.lines), problems)
    if patch.special_requests is not UNSET:
        changes["special_requests"] = problems.text("special_requests", patch.special_requests, TEXT_LENGTH)
    if patch.driver_location is not UNSET:
        changes["driver_location"] = _driver_location(patch.driver_location, problems)
    if problems.found:
        raise InvalidFields("some fields do not hold", errors=problems.found)
    return msgspec.structs.replace(booking, **changes)


class Problems:
    """Collects what does not hold, so that a form can show all of it at once."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        self.found.append(FieldError(field, message))

    def line(self, field: str, value: str, longest: int) -> str:
        """One line of text that is not empty."""
        text = unicodedata.normalize("NFC", value).strip()
        if not text:
            self.add(field, "is empty")
        elif len(text) > longest:
            self.add(field, f"has more than {longest} characters")
        elif not _is_plain(text):
            self.add(field, "has line breaks or control characters in it")
        return text

    def text(self, field: str, value: str | None, longest: int) -> str:
        """Some lines of text, perhaps none."""
        lines = unicodedata.normalize("NFC", value or "").replace("\r\n", "\n").strip()
        if len(lines) > longest:
            self.add(field, f"has more than {longest} characters")
        elif not _is_plain(lines.replace("\n", "").replace("\t", "")):
            self.add(field, "has control characters in it")
        return lines

    def email(self, field: str, value: str) -> str:
        """An address that a mail could reach."""
        known = len(self.found)
        email = self.line(field, value, EMAIL_LENGTH)
        if len(self.found) == known and not _EMAIL.fullmatch(email):
            self.add(field, "is no e-mail address; one looks like ann@example.com")
        return email

    def phone(self, field: str, value: str) -> str:
        """A number as people write it."""
        known = len(self.found)
        phone = self.line(field, value, PHONE_LENGTH)
        if len(self.found) == known and not (_PHONE.fullmatch(phone) and sum(map(str.isdigit, phone)) >= 3):
            self.add(field, "is no telephone number; one looks like +49 30 123456")
        return phone


def _is_plain(text: str) -> bool:
    return not any(unicodedata.category(mark) in _FORBIDDEN or mark in _REORDERING for mark in text)


def _customer(customer: Customer, problems: Problems) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "name": problems.line("customer.name", customer.name, NAME_LENGTH),
        "email": problems.email("customer.email", customer.email),
    }
    if customer.phone is not None and customer.phone.strip():
        kept["phone"] = problems.phone("customer.phone", customer.phone)
    return kept


def _attendees(
    attendees: tuple[Attendee | str, ...], places: int, problems: Problems
) -> tuple[dict[str, Any], ...]:
    if len(attendees) > places:
        problems.add("attendees", f"are more than the {places} places booked")
        return ()
    return tuple(
        _attendee(f"attendees.{number}", attendee, problems) for number, attendee in enumerate(attendees)
    )


def _attendee(field: str, attendee: Attendee | str, problems: Problems) -> dict[str, Any]:
    if isinstance(attendee, str):
        return {"name": problems.line(field, attendee, NAME_LENGTH)}
    kept: dict[str, Any] = {"name": problems.line(f"{field}.name", attendee.name, NAME_LENGTH)}
    if attendee.email is not None:
        kept["email"] = problems.email(f"{field}.email", attendee.email)
    return kept


def _driver_location(location: DriverLocation | str | None, problems: Problems) -> dict[str, Any] | None:
    if location is None:
        return None
    if isinstance(location, str):
        return {"address": problems.line("driver_location", location, PLACE_LENGTH)}
    if not -90 <= location.latitude <= 90:
        problems.add("driver_location.latitude", "is not between -90 and 90")
    if not -180 <= location.longitude <= 180:
        problems.add("driver_location.longitude", "is not between -180 and 180")
    if location.accuracy is not None and not 0 <= location.accuracy <= ACCURACY_LIMIT:
        problems.add("driver_location.accuracy", f"is not between 0 and {ACCURACY_LIMIT} metres")
    kept: dict[str, Any] = {}  # ordered as PostgreSQL gives jsonb back, so that an answer is the same again
    if location.address is not None:
        kept["address"] = problems.line("driver_location.address", location.address, PLACE_LENGTH)
    if location.accuracy is not None:
        kept["accuracy"] = location.accuracy
    kept["latitude"], kept["longitude"] = location.latitude, location.longitude
    return kept
