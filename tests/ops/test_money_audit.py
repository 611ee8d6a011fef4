"""The audit finds each kind of money that is where it does not belong, and nothing where all is well."""

from typing import Any

import pytest
from redis.asyncio import Redis

from server.ops.auditor import audit
from server.ops.money_audit import LATE_SECONDS, BookingRow, PaymentRow, money
from tests.payments.house import PRICE, House

OLD = LATE_SECONDS + 1


def paid(**more: Any) -> PaymentRow:
    usual: dict[str, Any] = {
        "id": "p1",
        "status": "paid",
        "accepted": True,
        "amount": 500,
        "currency": "eur",
        "refunded": 0,
        "given": 0,
        "owed": 0,
        "age": OLD,
    }
    return PaymentRow(**(usual | more))


def booking(*payments: PaymentRow, status: str = "confirmed", keeps: bool = False) -> BookingRow:
    return BookingRow("BK-1", status, 500, "eur", keeps, payments)


@pytest.mark.parametrize(
    "found",
    [
        booking(paid()),
        booking(paid(status="authorized", age=1)),
        booking(paid(amount=300), paid(id="p2", amount=200)),
        booking(paid(refunded=200, given=200, status="partially_refunded")),
        booking(paid(refunded=500, status="refunded"), keeps=True),
        booking(paid(), paid(id="p2", accepted=False, owed=500)),
        booking(paid(refunded=500, given=500, status="refunded"), status="cancelled"),
        booking(paid(owed=500), status="cancelled"),
        booking(paid(accepted=False, age=1), status="cancelled"),
        booking(paid(accepted=False, status="authorized"), status="pending"),
        booking(paid(accepted=False, status="authorized"), status="awaited"),
        booking(paid(accepted=False), status="awaited"),
        booking(paid(accepted=False), status="granted"),
    ],
)
def test_nothing_is_found_where_money_is_where_it_belongs(found: BookingRow) -> None:
    assert money([found]) == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (booking(), "is confirmed for 500, its payments are for 0"),
        (booking(paid(amount=400)), "is confirmed for 500, its payments are for 400"),
        (booking(paid(), paid(id="p2")), "is confirmed for 500, its payments are for 1000"),
        (booking(paid(currency="usd")), "is confirmed in eur, and was paid in something else"),
        (booking(paid(status="authorized")), "is confirmed, and its payment p1 is still authorized"),
        (booking(paid(status="failed")), "is confirmed, and its payment p1 is still failed"),
        (booking(paid(refunded=500, status="refunded")), "is confirmed, and all of its money went back"),
        (booking(paid(), status="cancelled"), "is cancelled, and 500 of payment p1 is kept, 0 owed"),
        (
            booking(paid(), paid(id="p2", accepted=False)),
            "is confirmed, and 500 of payment p2 is kept, 0 owed",
        ),
        (
            booking(paid(status="partially_refunded", refunded=100, owed=300), status="cancelled"),
            "is cancelled, and 400 of payment p1 is kept, 300 owed",
        ),
        (
            booking(paid(status="authorized"), status="cancelled"),
            "is cancelled, and payment p1 is still promised",
        ),
        (
            booking(paid(given=300, refunded=300, owed=300)),
            "payment p1 of 500 gives back 300, and owes 300 more",
        ),
        (
            booking(paid(status="partially_refunded", refunded=300, given=300, kept=250), status="cancelled"),
            "payment p1 gives back 300, though 250 of it is to stay",
        ),
        (
            booking(paid(status="partially_refunded", refunded=100, given=100, kept=250), status="cancelled"),
            "is cancelled, and 400 of payment p1 is kept, 0 owed",
        ),
        (booking(paid(amount=400), status="awaited"), "is awaited for 500, and 400 is promised"),
        (booking(paid(status="refunded"), status="granted"), "is granted for 500, and 0 is promised"),
        (booking(paid(refunded=600), keeps=True), "payment p1 of 500 gives back 600, and owes 0 more"),
    ],
)
def test_money_that_is_not_where_it_belongs_is_found(found: BookingRow, sentence: str) -> None:
    assert [finding.sentence for finding in money([found])] == [sentence]


async def test_it_is_read_from_the_rows(house: House, redis: Redis) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    assert await audit(house.database, redis, settle_seconds=0) == []

    await house.execute("update payment set amount = amount - 1, updated_at = now() - interval '1 hour'")
    (finding,) = await audit(house.database, redis, settle_seconds=0)
    assert str(finding) == (
        f"I4  {ann.own.reference}: is confirmed for {PRICE}, its payments are for {PRICE - 1}"
    )
