"""Payments: attempts to pay, and what became of them."""

from typing import Any, Literal
from urllib.parse import quote

import msgspec

from channels.client.http import Http
from channels.client.models import Answered, Payment


class _One(Answered, frozen=True, kw_only=True):
    payment: Payment


class _Page(Answered, frozen=True, kw_only=True):
    items: tuple[Payment, ...]


class Payments:
    """Money itself moves between the payer and the provider; here is what the two have come to."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def get(self, payment: str) -> Payment:
        """One attempt."""
        return msgspec.json.decode(await self._http.read(_path(payment)), type=_One).payment

    async def of(self, booking: str) -> tuple[Payment, ...]:
        """All attempts at a booking."""
        path = f"/api/bookings/{quote(booking, safe='')}/payments"
        return msgspec.json.decode(await self._http.read(path), type=_Page).items

    async def attempt(
        self,
        booking: str,
        *,
        amount: int | None = None,
        share: bool = False,
        via: str | None = None,
        op: str | None = None,
    ) -> Payment:
        """A further attempt, or a share that anyone may pay at its `pay_url`."""
        body = {"amount": amount, "share": share, "via": via}
        path = f"/api/bookings/{quote(booking, safe='')}/payments"
        return msgspec.json.decode(await self._http.change("POST", path, body, op=op), type=_One).payment

    async def check(self, payment: str) -> Payment:
        """Have the server ask the provider now."""
        answer = await self._http.change("POST", f"{_path(payment)}/check")
        return msgspec.json.decode(answer, type=_One).payment

    async def withdraw(self, payment: str) -> None:
        """Take a share back that nobody has paid."""
        await self._http.change("DELETE", _path(payment))

    async def settle_in_sandbox(
        self,
        payment: str,
        outcome: Literal["succeed", "decline", "cancel"] = "succeed",
        *,
        delay_seconds: float = 0,
        op: str | None = None,
    ) -> Payment:
        """What the sandbox provider's page does by its buttons."""
        body: dict[str, Any] = {"outcome": outcome, "delay_seconds": delay_seconds}
        path = f"/api/sandbox/payments/{quote(payment, safe='')}"
        return msgspec.json.decode(await self._http.change("POST", path, body, op=op), type=_One).payment


def _path(payment: str) -> str:
    return f"/api/payments/{quote(payment, safe='')}"
