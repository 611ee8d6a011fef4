"""A receipt never says less than what was paid: it is there when the money is, and not before."""

from typing import Any

import pytest

from channels.client import Receipt
from tests.client.test_http import LATER, MONEY, Server

NOTHING = {"amount": 0, "currency": "eur"}


def booking(**more: Any) -> dict[str, Any]:
    return {
        "id": "b",
        "reference": "BK-1",
        "status": "confirmed",
        "payment_status": "paid",
        "items": [],
        "total": MONEY,
        "created_at": LATER,
        "expires_at": LATER,
        "confirmed_at": LATER,
        **more,
    }


def payment(**more: Any) -> dict[str, Any]:
    return {
        "id": "p",
        "booking": "b",
        "provider": "stripe",
        "status": "paid",
        "amount": MONEY,
        "refunded": NOTHING,
        "accepted": True,
        "created_at": LATER,
        **more,
    }


async def receipt_of(found: dict[str, Any], *payments: dict[str, Any]) -> Receipt | None:
    server = Server((200, {"booking": found}), (200, {"items": payments}))
    async with server.client() as client:
        return await client.bookings.receipt("b")


async def test_the_booking_is_read_before_its_payments() -> None:
    """Else it may be paid in between, by a payment that was none yet when it was read."""
    server = Server((200, {"booking": booking()}), (200, {"items": [payment()]}))
    async with server.client() as client:
        receipt = await client.bookings.receipt("b")
    assert [request.url.path for request in server.asked] == ["/api/bookings/b", "/api/bookings/b/payments"]
    assert receipt is not None
    assert receipt.paid.amount == 5_000


@pytest.mark.parametrize(
    "found",
    [
        booking(payment_status="authorized"),
        booking(payment_status="authorized", status="completed"),
        booking(status="pending", confirmed_at=None),
        booking(status="cancelled"),
    ],
)
async def test_what_is_not_paid_yet_or_no_more_has_none(found: dict[str, Any]) -> None:
    assert await receipt_of(found, payment(status="authorized")) is None


async def test_what_a_bank_asks_back_is_paid_until_the_bank_has_it() -> None:
    receipt = await receipt_of(booking(payment_status="disputed"), payment(status="disputed"))
    assert receipt is not None
    assert (receipt.paid.amount, receipt.refunded.amount, len(receipt.payments)) == (5_000, 0, 1)


async def test_what_was_paid_twice_and_goes_back_is_counted_once() -> None:
    receipt = await receipt_of(booking(), payment(), payment(id="again", accepted=False))
    assert receipt is not None
    assert (receipt.paid.amount, receipt.refunded.amount) == (5_000, 0)
    assert [each.id for each in receipt.payments] == ["p"]


async def test_several_payers_and_what_went_back_are_reckoned_together() -> None:
    back = {"amount": 1_000, "currency": "eur"}
    shares = (
        payment(id="one", status="partially_refunded", refunded=back),
        payment(id="two"),
        payment(id="three", status="failed", accepted=False),
    )
    receipt = await receipt_of(booking(payment_status="partially_refunded"), *shares)
    assert receipt is not None
    assert (receipt.paid.amount, receipt.refunded.amount) == (9_000, 1_000)
    assert [each.id for each in receipt.payments] == ["one", "two"]
