"""What people read."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.bookings.outbox import KINDS, Facts, NoticeKind, Thing, facts_of
from server.bookings.rules import Booking, Line
from server.notices.rules import Event, Person
from server.notices.wording import MESSAGE_LENGTH, TITLE_LENGTH, Place, Words, when, words_for

PLACES = {"maple": Place("12 Maple Street", "Europe/London"), "hall": Place("A hall", "Europe/Berlin")}
OWNER, BUYER = Person(user="olga", side="owner"), Person(user="ann", side="buyer")
NIGHT = Thing(resource="maple", label="steps", range=("2026-11-21T09:00:00.000Z", "2026-11-21T17:00:00.000Z"))


def event(kind: NoticeKind, *things: Thing, **data: Any) -> Event:
    facts = Facts(
        owner="olga",
        user="ann",
        reference="BK-7F3K",
        customer={"name": "Ann Example", "email": "ann@example.org", "phone": "+49 30 123456"},
        total=8_500,
        currency="usd",
        things=things or (NIGHT,),
        data=data,
    )
    return Event(id=UUID(int=1), kind=kind, booking=UUID(int=2), facts=facts, at=1_795_000_000_000)


def told(kind: NoticeKind, person: Person = OWNER, **data: Any) -> Words:
    return words_for(event(kind, **data), person, PLACES)


def test_an_owner_reads_who_what_when_and_how_much() -> None:
    words = told("booking_confirmed")
    assert words.title == "Confirmed: 12 Maple Street"
    details = "Ann Example · Sat 21 Nov 2026, 09:00–17:00 GMT · 85.00 USD · BK-7F3K"  # noqa: RUF001  # a range's dash
    assert words.message == f"It is paid for.\n{details}"
    assert words.data == {
        "booking": str(UUID(int=2)),
        "reference": "BK-7F3K",
        "side": "owner",
        "resource": "maple",
    }


def test_a_buyer_is_not_told_who_they_are() -> None:
    assert "Ann Example" not in told("booking_confirmed", BUYER).message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("person", [OWNER, BUYER])
def test_every_kind_has_words_for_both(kind: NoticeKind, person: Person) -> None:
    words = told(kind, person, reason="expired")
    assert words.title.endswith(": 12 Maple Street")
    assert words.message.splitlines()[0].endswith(".")
    assert not words.message.startswith(".")


@pytest.mark.parametrize(
    ("reason", "owner", "buyer"),
    [
        ("by_buyer", "Its buyer cancelled it.", "You cancelled it."),
        ("declined", "You declined it.", "Its owner declined it. You are not charged."),
        ("expired", "It was not paid in time.", "It was not paid in time."),
    ],
)
def test_each_side_reads_why_in_its_own_words(reason: str, owner: str, buyer: str) -> None:
    assert told("booking_cancelled", OWNER, reason=reason).message.splitlines()[0] == owner
    assert told("booking_cancelled", BUYER, reason=reason).message.splitlines()[0] == buyer


def test_every_reason_to_cancel_has_words() -> None:
    (field,) = [each for each in msgspec.structs.fields(Booking) if each.name == "cancel_reason"]
    reasons = set(field.type.__args__[0].__args__) - {"changed"}  # that is another booking's, and never told
    assert all(len(told("booking_cancelled", reason=reason).message.splitlines()) == 2 for reason in reasons)


def test_an_owner_is_asked_with_a_deadline_and_what_can_be_done() -> None:
    asked = {"respond_by": 1_795_000_000_000, "actions": ["confirm", "cancel"]}
    words = told("booking_created", OWNER, **asked)
    assert words.title == "Please answer: 12 Maple Street"
    assert "by Wed 18 Nov 2026, 11:06 GMT" in words.message
    assert words.data["actions"] == ["confirm", "cancel"]
    buyers = told("booking_created", BUYER, **asked)
    assert "actions" not in buyers.data
    assert buyers.data["respond_by"] == 1_795_000_000_000


@pytest.mark.parametrize(
    ("start", "end", "zone", "shown"),
    [
        ("2026-11-21T09:00Z", "2026-11-21T17:00Z", "Europe/London", "Sat 21 Nov 2026, 09:00-17:00 GMT"),
        (
            "2026-10-25T00:30Z",
            "2026-10-25T01:30Z",
            "Europe/London",
            "Sun 25 Oct 2026, 01:30 BST - Sun 25 Oct 2026, 01:30 GMT",
        ),
        (
            "2026-07-01T22:00Z",
            "2026-07-02T06:00Z",
            "Europe/London",
            "Wed 1 Jul 2026, 23:00 - Thu 2 Jul 2026, 07:00 BST",
        ),
        ("2026-11-21T09:00Z", "2026-11-21T10:00Z", "Australia/Lord_Howe", "Sat 21 Nov 2026, 20:00-21:00 +11"),
        (
            "2027-12-31T23:00Z",
            "2028-01-01T01:00Z",
            "UTC",
            "Fri 31 Dec 2027, 23:00 - Sat 1 Jan 2028, 01:00 UTC",
        ),
        ("2026-11-21T09:00Z", "2026-11-21T10:00Z", "Nowhere/Never", "Sat 21 Nov 2026, 09:00-10:00 UTC"),
    ],
)
def test_times_are_those_of_the_place(start: str, end: str, zone: str, shown: str) -> None:
    told = when(datetime.fromisoformat(start), datetime.fromisoformat(end), zone)
    assert told.replace("\u2013", "-") == shown


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("jpy", 8_500, "8500 JPY"), ("kwd", 8_500, "8.500 KWD"), ("eur", 5, "0.05 EUR")],
)
def test_money_has_its_currencys_digits(currency: str, amount: int, shown: str) -> None:
    facts = Facts(owner="olga", reference="BK-1", total=1, currency=currency, data={"amount": amount})
    happened = Event(id=UUID(int=1), kind="payment_refunded", booking=None, facts=facts, at=0)
    words = words_for(happened, OWNER, {})
    assert f"{shown} went back" in words.message
    assert words.data["amount"] == {"amount": amount, "currency": currency}
    assert words.title == "Refunded"


def test_texts_are_plain_and_bounded() -> None:
    places = {"maple": Place("<b>x</b>" * 100, "Europe/London")}
    things = [Thing(resource="maple", label="y" * 200, quantity=3) for _ in range(10)]
    words = words_for(event("booking_confirmed", *things), OWNER, places)
    assert words.title.startswith("Confirmed: <b>x</b>")
    assert len(words.title) == TITLE_LENGTH
    assert len(words.message) == MESSAGE_LENGTH


def line(position: int, **more: Any) -> Line:
    given: dict[str, Any] = {
        "resource": "hall",
        "slot": f"A-{position}",
        "label": f"A-{position}",
        "hold": "h1",
    }
    return Line(position=position, index=position, quantity=1, price=10, **(given | more))


def booking(*lines: Line) -> Booking:
    return Booking(
        id=UUID(int=3),
        reference="BK-1",
        session="secret-session",
        user="ann",
        owner="olga",
        status="pending",
        payment_status="pending",
        currency="eur",
        total=10,
        customer={"name": "Ann", "email": "ann@example.org"},
        created_at=0,
        expires_at=0,
        lines=lines,
        driver_location={"latitude": 52.5, "longitude": 13.4},
        special_requests="a secret of the driver's",
    )


def test_where_a_driver_is_and_whose_session_it_is_are_never_told() -> None:
    facts = facts_of(booking(line(0)), {})
    text = msgspec.json.encode(facts).decode()
    assert "52.5" not in text
    assert "secret" not in text


def test_a_range_is_one_thing_and_many_seats_are_counted() -> None:
    span = ("2026-11-21T09:00:00.000Z", "2026-11-21T17:00:00.000Z")
    steps = [line(place, range=span, label="" if place else "Sat") for place in range(32)]
    assert facts_of(booking(*steps), {}).things == (Thing(resource="hall", label="Sat", range=span),)
    seats = facts_of(booking(*(line(place) for place in range(14))), {})
    assert (len(seats.things), seats.more) == (10, 4)
    words = words_for(
        Event(id=UUID(int=1), kind="booking_confirmed", booking=None, facts=seats, at=0), BUYER, PLACES
    )
    assert "A-9 · and 4 more · 0.10 EUR" in words.message
