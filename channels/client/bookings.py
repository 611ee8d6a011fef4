"""Bookings: making them, reading them, changing and ending them."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from channels.client.http import Http
from channels.client.identity import Identity
from channels.client.models import Answered, Booked, Booking, Cancellation, Payment, Quote, Receipt, Transfer

Customer = Mapping[str, str]
"""`name`, `email` and perhaps `phone`."""


class _One(Answered, frozen=True, kw_only=True):
    booking: Booking


class _Page(Answered, frozen=True, kw_only=True):
    items: tuple[Booking, ...]
    next: str | None


class _Payments(Answered, frozen=True, kw_only=True):
    items: tuple[Payment, ...]


class _Transfer(Answered, frozen=True, kw_only=True):
    transfer: Transfer


class Bookings:
    """A user's or session's own, and owners' those on what they own."""

    def __init__(self, http: Http, identity: Identity) -> None:
        self._http = http
        self._identity = identity

    async def validate(self, customer: Customer, **more: Any) -> Quote:
        """Everything that `book` would refuse, and the price; changes nothing."""
        return msgspec.json.decode(await self._post("/api/bookings/validate", customer, more), type=Quote)

    async def book(self, customer: Customer, *, op: str | None = None, **more: Any) -> Booked:
        """Book the cart; `more` may be attendees, special_requests, driver_location and currency.

        Raises HoldExpired where any of the cart has ended. A cart that was booked already answers with that
        booking and its live payment.
        """
        return msgspec.json.decode(await self._post("/api/bookings", customer, more, op), type=Booked)

    async def _post(
        self, path: str, customer: Customer, more: Mapping[str, Any], op: str | None = None
    ) -> bytes:
        await self._identity.require_session(self._http)
        return await self._http.change("POST", path, {"customer": customer, **more}, op=op)

    async def all(self, **filters: Any) -> AsyncIterator[Booking]:
        """The latest first, page by page; `filters` are those of `GET /api/bookings`."""
        after: str | None = None
        while True:
            page = msgspec.json.decode(
                await self._http.read("/api/bookings", after=after, **filters), type=_Page
            )
            for booking in page.items:
                yield booking
            after = page.next
            if after is None:
                return

    async def get(self, booking: str) -> Booking:
        """One of them."""
        return msgspec.json.decode(await self._http.read(_path(booking)), type=_One).booking

    async def receipt(self, booking: str) -> Receipt | None:
        """What was bought and what was paid for it; None of what is not confirmed and paid, or is no more."""
        found = await self.get(booking)  # before its payments, so that what paid it is among them
        if found.confirmed_at is None or found.status not in {"confirmed", "completed"}:
            return None
        if found.payment_status == "authorized":  # confirmed by money that is promised, and taken soon
            return None
        paid = await self._http.read(f"{_path(booking)}/payments")
        return Receipt.of(found, msgspec.json.decode(paid, type=_Payments).items)

    async def change(self, booking: str, *, op: str | None = None, **fields: Any) -> Booked:
        """Another time, other slots, attendees or requests; a difference is to be paid, or comes back."""
        return msgspec.json.decode(
            await self._http.change("PATCH", _path(booking), fields, op=op), type=Booked
        )

    async def cancellation(self, booking: str) -> Cancellation:
        """What would go back if the caller cancelled now."""
        return msgspec.json.decode(await self._http.read(f"{_path(booking)}/cancellation"), type=Cancellation)

    async def cancel(self, booking: str, *, release: bool = False, op: str | None = None) -> Booking:
        """Cancel it, with what the policy gives back; a pending one gives its holds back to the cart."""
        return await self._put(f"{_path(booking)}/cancel", {"release": release}, op)

    async def approve(self, booking: str, *, op: str | None = None) -> Booking:
        """The owner's yes to one that waits for it; `cancel` is the no."""
        return await self._put(f"{_path(booking)}/confirm", {}, op)

    async def _put(self, path: str, body: Mapping[str, Any], op: str | None) -> Booking:
        return msgspec.json.decode(await self._http.change("PUT", path, body, op=op), type=_One).booking

    async def transfer(self, booking: str, *, user: str | None = None, op: str | None = None) -> Transfer:
        """Offer it to a user, or to whoever has the token that comes back."""
        answer = await self._http.change("POST", f"{_path(booking)}/transfer", {"user": user}, op=op)
        return msgspec.json.decode(answer, type=_Transfer).transfer

    async def withdraw_transfer(self, booking: str) -> None:
        """Keep it after all."""
        await self._http.change("DELETE", f"{_path(booking)}/transfer")

    async def accept(self, token: str, *, customer: Customer | None = None, op: str | None = None) -> Booking:
        """Take over what was offered."""
        path = f"/api/transfers/{quote(token, safe='')}/accept"
        body = {} if customer is None else {"customer": customer}
        answer = await self._http.change("POST", path, body, op=op)
        return msgspec.json.decode(answer, type=_One).booking


def _path(booking: str) -> str:
    return f"/api/bookings/{quote(booking, safe='')}"
