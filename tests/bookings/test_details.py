"""What a form may say: rows 64, 106, 107 and 110 of the bad inputs."""

from typing import Any

import pytest

from server.bookings.details import Attendee, BookingRequest, Customer, Details, DriverLocation, check
from server.errors import InvalidFields

GOOD = {"name": "Ann Example", "email": "ann@example.com"}


def checked(places: int = 2, customer: dict[str, Any] | None = None, **fields: Any) -> Details:
    return check(BookingRequest(customer=Customer(**(GOOD | (customer or {}))), **fields), places=places)


def refused(places: int = 2, **fields: Any) -> list[str]:
    with pytest.raises(InvalidFields) as refusal:
        checked(places, **fields)
    return [error.field for error in refusal.value.errors or []]


PLAIN_NAMES = ["Ann", "Zoë 木村", "O'Brien-Łukasiewicz", "<script>alert(1)</script>", "{{7*7}}", "=1+1"]


@pytest.mark.parametrize("name", [*PLAIN_NAMES, "x" * 200, "\N{WAVING HAND SIGN}" * 200])
def test_names_are_kept_as_they_are(name: str) -> None:
    assert checked(customer={"name": name}).customer["name"] == name


BREAKING = ["a\nb", "a\r\nBcc: x@example.com", "a\x00b", "a\x1b[31m", "a\u2028b", "a\u202eb", "a\x85x"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, *BREAKING])
def test_names_that_would_break_something_are_refused(name: str) -> None:
    assert refused(customer={"name": name}) == ["customer.name"]


def test_names_are_normalised_and_trimmed() -> None:
    assert checked(customer={"name": "  Zoe\u0308 "}).customer["name"] == "Zoë"


REACHED = [
    "a@b.de",
    "ann+tag@sub.example.com",
    "o'brien@example.co.uk",
    "用户@例え.テスト",
    "a@xn--bcher-kva.example",
]


@pytest.mark.parametrize("email", REACHED)
def test_addresses_that_mail_could_reach(email: str) -> None:
    assert checked(customer={"email": email}).customer["email"] == email


MALFORMED = [
    "",
    "a",
    "a@",
    "@b.de",
    "a@b",
    "a b@c.de",
    "a@b..de",
    "a@-b.de",
    "<a@b.de>",
    "a@b@c.de",
    "a.@b.de",
]
INJECTING = ["a@b.de\nBcc: c@d.de", "a@b.de,c@d.de", "a@b.1"]
TOO_LONG = ["x" * 65 + "@b.de", "a@" + "b" * 250 + ".de"]


@pytest.mark.parametrize("email", MALFORMED + INJECTING + TOO_LONG)
def test_addresses_that_it_could_not(email: str) -> None:
    assert refused(customer={"email": email}) == ["customer.email"]


@pytest.mark.parametrize("phone", ["+49 30 123456", "(030) 12-34", "112"])
def test_telephone_numbers(phone: str) -> None:
    assert checked(customer={"phone": phone}).customer["phone"] == phone


@pytest.mark.parametrize("phone", ["abc", "1", "+" * 10, "1" * 40, "12\n34", "( ) - "])
def test_what_is_no_telephone_number(phone: str) -> None:
    assert refused(customer={"phone": phone}) == ["customer.phone"]


def test_an_empty_telephone_number_is_none() -> None:
    assert "phone" not in checked(customer={"phone": " "}).customer


def test_attendees_come_as_names_or_whole() -> None:
    details = checked(attendees=("Ben", Attendee(name="Cleo", email="cleo@example.com")))
    assert details.attendees == ({"name": "Ben"}, {"name": "Cleo", "email": "cleo@example.com"})


def test_every_field_that_does_not_hold_is_named() -> None:
    assert refused(
        customer={"name": "", "email": "x"},
        attendees=("", Attendee(name="x", email="y")),
        special_requests="a\x00",
        driver_location=DriverLocation(latitude=91, longitude=-181, address=""),
    ) == [
        "customer.name",
        "customer.email",
        "attendees.0",
        "attendees.1.email",
        "special_requests",
        "driver_location.latitude",
        "driver_location.longitude",
        "driver_location.address",
    ]


def test_more_attendees_than_places_are_refused() -> None:
    assert refused(1, attendees=("Ben", "Cleo")) == ["attendees"]


def test_requests_have_lines_and_an_end() -> None:
    assert checked(special_requests=" one\r\ntwo\tthree ").special_requests == "one\ntwo\tthree"
    assert checked().special_requests == ""
    assert refused(special_requests="x" * 2001) == ["special_requests"]
    assert len(checked(special_requests="👍" * 2000).special_requests) == 2000


def test_a_driver_comes_from_an_address_or_a_point() -> None:
    assert checked(driver_location="Main Street 1").driver_location == {"address": "Main Street 1"}
    assert checked(driver_location=DriverLocation(latitude=1, longitude=2)).driver_location == {
        "latitude": 1,
        "longitude": 2,
    }
    assert checked().driver_location is None
