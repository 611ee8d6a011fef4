"""All texts of notices: one line of title, a few sentences, and data for programs.

They are plain text: whoever shows them escapes them for where they are shown. Times are in the time zone of
what is booked, money as server.currencies writes it. Where a driver is, and what opens a payment, is in none
of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.bookings.outbox import Facts, Thing
from server.currencies import format_amount
from server.notices.rules import Event, Person, Side

TITLE_LENGTH: Final = 120
MESSAGE_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """What is booked, as people call it, and the time zone it is in."""

    title: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Words:
    """A notice in words. `data` has the booking's id where there is one; its times are milliseconds."""

    title: str
    message: str
    data: dict[str, Any]


Places = Mapping[str, Place]
Wording = Callable[[Facts, Side, str], tuple[str, str]]

_UNKNOWN: Final = Place("", "UTC")

# Why it was cancelled → what the owner and the buyer read of it.
_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "expired": ("It was not paid in time.", "It was not paid in time."),
    "returned": ("It was called off before it was paid.", "You called it off before it was paid."),
    "released": ("It was called off before it was paid.", "You called it off before it was paid."),
    "hold_expired": ("A place was lost before it could be paid.", "A place was lost before you could pay."),
    "refunded": ("What was paid goes back.", "What you paid goes back."),
    "payment_failed": ("The payment could not be taken.", "Your payment could not be taken."),
    "disputed": ("The bank asked for the money back.", "Your bank asked for the money back."),
    "by_buyer": ("Its buyer cancelled it.", "You cancelled it."),
    "by_owner": ("You cancelled it.", "Its owner cancelled it. What you paid goes back."),
    "declined": ("You declined it.", "Its owner declined it. You are not charged."),
    "unanswered": ("You did not answer in time.", "Its owner did not answer in time. You are not charged."),
}


def words_for(event: Event, person: Person, places: Places) -> Words:
    """What one person is told of an event."""
    facts = event.facts
    title, lead = (
        _FORMER if person.former else _WORDINGS[event.kind](facts, person.side, _zone(facts, places))
    )
    what = _what(facts, places)
    sentences = [lead, _details(facts, person, places), str(facts.data.get("note", ""))]
    return Words(
        title=_cut(f"{title}: {what}" if what else title, TITLE_LENGTH),
        message=_cut("\n".join(filter(None, sentences)), MESSAGE_LENGTH),
        data=_data(event, person),
    )


def money(amount: int, currency: str) -> str:
    """8500 of "usd" is "85.00 USD"."""
    return f"{format_amount(amount, currency)} {currency.upper()}"


def when(start: datetime, end: datetime, zone: str) -> str:
    """A range as its place's clocks show it: "Sat 21 Nov 2026, 09:00–17:00 GMT"."""  # noqa: RUF002  # a range's dash
    there = _zone_info(zone)
    first, last = start.astimezone(there), end.astimezone(there)
    if (first.date(), first.tzname()) == (last.date(), last.tzname()):
        return f"{_day(first)}, {first:%H:%M}–{last:%H:%M} {first.tzname()}"  # noqa: RUF001  # a range's dash
    same = first.tzname() == last.tzname()
    begins = f"{_day(first)}, {first:%H:%M}" if same else f"{_day(first)}, {first:%H:%M} {first.tzname()}"
    return f"{begins} – {_day(last)}, {last:%H:%M} {last.tzname()}"  # noqa: RUF001  # a range's dash


# One for each kind: the title's beginning, and the first sentence.

_FORMER: Final = ("Handed over", "It is somebody else's now, who accepted it.")


def _created(facts: Facts, side: Side, zone: str) -> tuple[str, str]:
    until = facts.data.get("respond_by")
    if until is None:
        return (
            ("New booking", "It waits to be paid.") if side == "owner" else ("Booked", "It waits to be paid.")
        )
    moment = _moment(until, zone)
    if side == "owner":
        return "Please answer", f"Confirm or decline it by {moment}; unanswered it lapses."
    return "Waiting for its owner", f"Its owner answers by {moment}. You are charged only if it is confirmed."


def _confirmed(_facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    return "Confirmed", "It is paid for." if side == "owner" else "It is yours."


def _cancelled(facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    reasons = _REASONS.get(str(facts.data.get("reason")), ("", ""))
    return "Cancelled", reasons[0 if side == "owner" else 1]


def _changed(facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    was = "; ".join(str(each) for each in facts.data.get("was") or ())
    by = facts.data.get("by")
    who = "You changed it." if by == side else "It was changed."
    return "Changed", f"{who} It was: {was}." if was else who


def _disputed(facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    sum_ = _amount(facts)
    if side == "owner":
        return "Disputed", f"The buyer's bank asks for {sum_} back. The bank decides."
    return "Disputed", f"Your bank asks for {sum_} back. The bank decides."


def _paid(facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    return "Paid", f"{_amount(facts)} came in." if side == "owner" else f"We received {_amount(facts)}."


def _failed(_facts: Facts, _side: Side, _zone: str) -> tuple[str, str]:
    return "Payment failed", "Nothing was taken. You can try again while the booking is open."


def _refunded(facts: Facts, side: Side, _zone: str) -> tuple[str, str]:
    if side == "owner":
        return "Refunded", f"{_amount(facts)} went back to the buyer."
    return "Refunded", f"{_amount(facts)} went back to you; your bank may take some days to show it."


def _lapsed(_facts: Facts, _side: Side, _zone: str) -> tuple[str, str]:
    return "Your hold has ended", "What you held is free again; nothing was booked."


_WORDINGS: Final[Mapping[str, Wording]] = {
    "booking_created": _created,
    "booking_confirmed": _confirmed,
    "booking_cancelled": _cancelled,
    "booking_changed": _changed,
    "booking_disputed": _disputed,
    "payment_succeeded": _paid,
    "payment_failed": _failed,
    "payment_refunded": _refunded,
    "hold_expired": _lapsed,
}


# What they are put together of.


def _what(facts: Facts, places: Places) -> str:
    titles = list(dict.fromkeys(places.get(thing.resource, _UNKNOWN).title for thing in facts.things))
    titles = [title for title in titles if title]
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"{titles[0]}{more}" if titles else ""


def _details(facts: Facts, person: Person, places: Places) -> str:
    """Who, what, when, how much, and by which name to ask for it."""
    parts = [str(facts.customer.get("name") or "")] if person.side == "owner" else []
    parts += [_thing(thing, places.get(thing.resource, _UNKNOWN)) for thing in facts.things]
    if facts.more:
        parts.append(f"and {facts.more} more")
    parts += [money(facts.total, facts.currency), facts.reference]
    return " · ".join(filter(None, parts))


def _thing(thing: Thing, place: Place) -> str:
    if thing.range is not None:
        start, end = (datetime.fromisoformat(moment) for moment in thing.range)
        return when(start, end, place.time_zone)
    times = f"{thing.quantity} × "  # noqa: RUF001  # it is a multiplication
    return f"{times}{thing.label}" if thing.quantity > 1 else thing.label


def _data(event: Event, person: Person) -> dict[str, Any]:
    facts, given = event.facts, event.facts.data
    data: dict[str, Any] = {"reference": facts.reference, "side": person.side}
    if event.booking is not None:
        data = {"booking": str(event.booking)} | data
    if facts.things:
        data["resource"] = facts.things[0].resource
    if "amount" in given:
        data["amount"] = {"amount": given["amount"], "currency": facts.currency}
    data |= {name: given[name] for name in ("reason", "by", "respond_by", "was") if given.get(name)}
    if person.side == "owner" and given.get("actions"):
        data["actions"] = given["actions"]
    return data


def _amount(facts: Facts) -> str:
    return money(facts.data.get("amount", facts.total), facts.currency)


def _zone(facts: Facts, places: Places) -> str:
    return places.get(facts.things[0].resource, _UNKNOWN).time_zone if facts.things else "UTC"


def _moment(milliseconds: int, zone: str) -> str:
    there = datetime.fromtimestamp(milliseconds / 1000, _zone_info(zone))
    return f"{_day(there)}, {there:%H:%M} {there.tzname()}"


def _zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
