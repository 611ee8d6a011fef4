"""What an owner's bookings brought in."""

from datetime import UTC, datetime

import httpx

from tests.payments.test_http import PRICE, Visitor, client, settings
from tests.support.door import jwt_of

__all__ = ["client", "settings"]


def money(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "eur"}


async def test_an_owner_sees_what_was_taken_and_what_went_back(client: httpx.AsyncClient) -> None:
    olga = await Visitor.comes(client, jwt_of("olga", roles=["owner"]))
    assert (await olga.asks("GET", "/api/earnings")).json() == {"items": []}
    ann = await Visitor.comes(client)
    kept, payment = await ann.books("A-1", "A-2")
    await ann.pays(payment)
    await ann.sees(kept, status="confirmed")
    gone, payment = await ann.books("A-3")
    await ann.pays(payment)
    await ann.sees(gone, status="confirmed")
    assert (await ann.asks("PUT", f"/api/bookings/{gone['id']}/cancel", {})).status_code == 200
    await ann.sees(gone, payment_status="refunded")
    await ann.books("A-4")  # not paid
    assert (await olga.asks("GET", "/api/earnings")).json() == {
        "items": [
            {
                "month": f"{datetime.now(UTC):%Y-%m}",
                "bookings": 2,
                "taken": money(3 * PRICE),
                "refunded": money(PRICE),
                "kept": money(2 * PRICE),
            }
        ]
    }


async def test_nobody_else_does(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    assert (await ann.asks("GET", "/api/earnings")).status_code == 401
    otto = await Visitor.comes(client, jwt_of("otto", roles=["owner"]))
    assert (await otto.asks("GET", "/api/earnings")).json() == {"items": []}
    buyer = await Visitor.comes(client, jwt_of("bea", roles=["buyer"]))
    assert (await buyer.asks("GET", "/api/earnings")).status_code == 403
