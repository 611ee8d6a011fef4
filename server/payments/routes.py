"""Booking and paying over HTTP: what begins a payment, ends one or reads one."""

from typing import Literal

import msgspec
from starlette.routing import Route

from server.bookings.details import BookingRequest
from server.bookings.views import booking_view
from server.errors import FieldError, InvalidFields
from server.http.endpoint import Answer, Call, endpoint
from server.payments.views import payment_view

DELAY_LIMIT = 86_400


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release`: the holds of a pending booking are given up, not put back into the cart."""

    release: bool = False


class AttemptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount` in minor units: so far the whole or nothing."""

    amount: int | None = None


class SandboxRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`twice`: the page is sent twice, and the provider takes the money twice."""

    outcome: Literal["succeed", "decline", "cancel"]
    delay_seconds: float = 0
    twice: bool = False


async def book(call: Call) -> Answer:
    """The session's cart becomes a pending booking with a payment."""
    begun = await call.parts.payments.begin(call.caller, call.body)
    content = {
        "booking": booking_view(begun.booking),
        "payment": payment_view(begun.payment, to_buyer=True),
    }
    return Answer(content, status=201 if begun.new else 200)


async def cancel(call: Call) -> Answer:
    """Cancel one's booking."""
    booking = await call.parts.payments.cancel(call.caller, call.path["id"], release=call.body.release)
    return Answer({"booking": booking_view(booking)})


async def attempt(call: Call) -> Answer:
    """A further attempt to pay."""
    booking = await call.parts.bookings.find_own(call.caller, call.path["id"])
    if call.body.amount not in {None, booking.total}:
        wrong = FieldError("amount", f"is not {booking.total}, which is what is owed")
        raise InvalidFields("only the whole can be paid", errors=[wrong])
    payment = await call.parts.payments.attempt(call.caller, call.path["id"])
    return Answer({"payment": payment_view(payment, to_buyer=True)}, status=201)


async def get_payment(call: Call) -> Answer:
    """A payment of a booking that the caller may read."""
    payment, booking = await call.parts.payments.find(call.caller, call.path["id"])
    return Answer({"payment": payment_view(payment, to_buyer=booking.is_of(call.caller))})


async def act_in_sandbox(call: Call) -> Answer:
    """What the sandbox's page does by its buttons."""
    request: SandboxRequest = call.body
    if not 0 <= request.delay_seconds <= DELAY_LIMIT:
        wrong = FieldError("delay_seconds", f"is between 0 and {DELAY_LIMIT}")
        raise InvalidFields("a field does not hold", errors=[wrong])
    payment = await call.parts.payments.act(
        call.caller,
        call.path["id"],
        request.outcome,
        delay_ms=round(request.delay_seconds * 1000),
        twice=request.twice,
    )
    return Answer({"payment": payment_view(payment, to_buyer=True)})


routes = [
    Route("/api/bookings", endpoint(book, body=BookingRequest, limit="bookings"), methods=["POST"]),
    Route("/api/bookings/{id}/cancel", endpoint(cancel, body=CancelRequest), methods=["PUT"]),
    Route("/api/bookings/{id}", endpoint(cancel, body=CancelRequest), methods=["DELETE"]),
    Route("/api/bookings/{id}/payments", endpoint(attempt, body=AttemptRequest), methods=["POST"]),
    Route("/api/payments/{id}", endpoint(get_payment), methods=["GET"]),
    Route("/api/sandbox/payments/{id}", endpoint(act_in_sandbox, body=SandboxRequest), methods=["POST"]),
]
