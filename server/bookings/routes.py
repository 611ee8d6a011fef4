"""Bookings over HTTP, as far as no money is moved by it; server.payments.routes has the rest."""

import msgspec
from starlette.routing import Route

from server.bookings.details import BookingRequest
from server.bookings.listing import read_wanted
from server.bookings.quote_view import quote_view
from server.bookings.views import booking_view
from server.http.endpoint import Answer, Call, endpoint


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /api/cart/quote`: an ISO 4217 code in lower case."""

    currency: str


async def validate(call: Call) -> Answer:
    """Everything that booking would refuse, and the price; changes nothing."""
    booking, new = await call.parts.bookings.validate(call.caller, call.body)
    view = booking_view(booking)
    kept = ("reference", "items", "total", "quote", "expires_at")
    return Answer({"valid": True, "new": new} | {name: view[name] for name in kept})


async def list_bookings(call: Call) -> Answer:
    """The caller's own, and owners those on their resources; newest first."""
    page = await call.parts.bookings.page(call.caller, read_wanted(call.query))
    return Answer({"items": [booking_view(booking) for booking in page.items], "next": page.next})


async def get_booking(call: Call) -> Answer:
    """One that the caller may read."""
    return Answer({"booking": booking_view(await call.parts.bookings.find(call.caller, call.path["id"]))})


async def ask_quote(call: Call) -> Answer:
    """`POST /api/cart/quote` → `{quote}`: the cart priced in another currency, locked."""
    return Answer(
        {"quote": quote_view(await call.parts.bookings.quotes.ask(call.caller, call.body.currency))}
    )


async def read_quote(call: Call) -> Answer:
    """`GET /api/cart/quote` → `{quote}`: the present one; null without a cart."""
    quoted = await call.parts.bookings.quotes.present(call.caller)
    return Answer({"quote": None if quoted is None else quote_view(quoted)})


routes = [
    Route(
        "/api/bookings/validate",
        endpoint(validate, body=BookingRequest, limit="commands", idempotent=False),
        methods=["POST"],
    ),
    Route("/api/cart/quote", endpoint(ask_quote, body=QuoteRequest, limit="commands"), methods=["POST"]),
    Route("/api/cart/quote", endpoint(read_quote), methods=["GET"]),
    Route("/api/bookings", endpoint(list_bookings), methods=["GET"]),
    Route("/api/bookings/{id}", endpoint(get_booking), methods=["GET"]),
]
