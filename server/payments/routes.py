"""Booking and paying over HTTP: what begins a payment, ends one or reads one."""

from typing import Final, Literal

import msgspec
from starlette.routing import Route

from server.bookings.changes import ChangeRequest
from server.bookings.details import BookingPatch, BookingRequest
from server.bookings.views import booking_view
from server.bookings.whereabouts import Whereabouts
from server.errors import FieldError, InvalidFields
from server.http.addresses import address_of
from server.http.endpoint import Answer, Call, endpoint
from server.payments.providers import Via
from server.payments.views import payers_booking_view, payment_view, refund_view
from server.times import rfc3339

DELAY_LIMIT: Final = 86_400
NOTE_LENGTH: Final = 500
AMOUNT_LIMIT: Final = 10**15


class PatchRequest(BookingPatch, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Details, or exactly one of `range`, `items` and `quantity`: other places, which may cost more."""

    range: tuple[str, str] | None = None
    items: tuple[tuple[str, int], ...] | None = None
    quantity: int | None = None

    def places(self) -> ChangeRequest | None:
        """The places that are asked for; None if it is about details. InvalidFields if it is about both."""
        asked = ChangeRequest(range=self.range, items=self.items, quantity=self.quantity)
        if asked == ChangeRequest():
            return None
        both = [name for name in BookingPatch.__struct_fields__ if getattr(self, name) is not msgspec.UNSET]
        if both:
            wrong = [FieldError(name, "is changed by a request of its own") for name in both]
            raise InvalidFields("places and details are changed one after the other", errors=wrong)
        return asked


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release`: the holds of a pending booking are given up, not put back into the cart."""

    release: bool = False


class AttemptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount` in minor units, None for all that is open; less than that is a share that anybody may pay.

    `share`: it is one even if it is all that is open. `via`: on our page or on the provider's.
    """

    amount: int | None = None
    share: bool = False
    via: Via | None = None


class OpenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` is the fragment of a pay link."""

    secret: str
    via: Via | None = None


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` for who comes by a pay link."""

    secret: str | None = None


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount` in minor units, None for all of it; `reason` is for people to read."""

    amount: int | None = None
    reason: str = ""


class SandboxRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`twice`: the page is sent twice, and the provider takes the money twice; `secret` is a pay link's."""

    outcome: Literal["succeed", "decline", "cancel"]
    delay_seconds: float = 0
    twice: bool = False
    secret: str | None = None


async def book(call: Call) -> Answer:
    """The session's cart becomes a pending booking with a payment."""
    begun = await call.parts.payments.begin(call.caller, call.body, key=call.scoped_key)
    content = {
        "booking": booking_view(begun.booking),
        "payment": payment_view(begun.payment, to_buyer=True, links=call.parts.payments.links),
    }
    return Answer(content, status=201 if begun.new else 200)


async def cancel(call: Call) -> Answer:
    """Cancel a booking: by its buyer with what its policy gives back, by its owner with all of the money."""
    booking = await call.parts.payments.cancel(call.caller, call.path["id"], release=call.body.release)
    return Answer({"booking": booking_view(booking)})


async def change(call: Call) -> Answer:
    """Other places, with a payment where they cost more; or other attendees, requests or driver's place."""
    places = call.body.places()
    if places is None:
        booking = await call.parts.bookings.patch(call.caller, call.path["id"], call.body)
        return Answer({"booking": booking_view(booking)})
    payments = call.parts.payments
    booking, payment = await payments.changes.change(call.caller, call.path["id"], places)
    view = None if payment is None else payment_view(payment, to_buyer=True, links=payments.links)
    return Answer({"booking": booking_view(booking), "payment": view})


async def confirm(call: Call) -> Answer:
    """The owner approves of a booking."""
    booking = await call.parts.payments.approving.confirm(call.caller, call.path["id"])
    return Answer({"booking": booking_view(booking)})


async def cancellation(call: Call) -> Answer:
    """What goes back if the caller cancels now: `percent` of it, as long as it is before `until`."""
    refund, booking = await call.parts.payments.cancellation(call.caller, call.path["id"])
    money = {"amount": refund.amount, "currency": booking.currency}
    until = None if refund.until is None else rfc3339(refund.until)
    return Answer({"refund": money, "percent": refund.percent, "until": until})


async def attempt(call: Call) -> Answer:
    """A further attempt to pay, or a share."""
    request: AttemptRequest = call.body
    _require_amount(request.amount)
    payments = call.parts.payments
    payment = await payments.attempt(
        call.caller,
        call.path["id"],
        request.amount,
        as_share=request.share,
        via=request.via,
        key=call.scoped_key,
    )
    view = payment_view(payment, to_buyer=True, links=payments.links)
    return Answer({"payment": view}, status=201)


async def list_payments(call: Call) -> Answer:
    """All payments of a booking, oldest first; to its buyer with the shares' addresses."""
    payments = call.parts.payments
    found, booking = await payments.of_booking(call.caller, call.path["id"])
    is_buyer = booking.is_of(call.caller)
    items = [payment_view(each, to_buyer=is_buyer, links=payments.links) for each in found]
    return Answer({"items": items, "next": None, "provider_available": payments.provider_available})


async def get_payment(call: Call) -> Answer:
    """A payment of a booking that the caller may read."""
    payments = call.parts.payments
    payment, booking = await payments.find(call.caller, call.path["id"])
    is_buyer = booking.is_of(call.caller)
    return Answer({"payment": payment_view(payment, to_buyer=is_buyer, links=payments.links)})


async def withdraw(call: Call) -> Answer:
    """Take a share back that nobody has paid."""
    payment = await call.parts.payments.withdraw(call.caller, call.path["id"])
    return Answer({"payment": payment_view(payment, to_buyer=True)})


async def open_share(call: Call) -> Answer:
    """What a payer's page needs, by a pay link alone."""
    await call.parts.limits.take("payers", address_of(call.request.scope))
    request: OpenRequest = call.body
    payment, booking, title = await call.parts.payments.open(call.path["id"], request.secret, request.via)
    view = payment_view(payment, to_buyer=True)
    return Answer({"payment": view, "booking": payers_booking_view(booking, title)})


async def check(call: Call) -> Answer:
    """Somebody came back from paying: look now."""
    await call.parts.limits.take("payers", address_of(call.request.scope))
    payments = call.parts.payments
    payment, is_payer = await payments.check(call.caller, call.path["id"], call.body.secret)
    return Answer({"payment": payment_view(payment, to_buyer=is_payer)})


async def refund(call: Call) -> Answer:
    """Give money back, by the owner or an operator."""
    request: RefundRequest = call.body
    _require_amount(request.amount)
    if len(request.reason) > NOTE_LENGTH:
        wrong = FieldError("reason", f"has more than {NOTE_LENGTH} characters")
        raise InvalidFields("a field does not hold", errors=[wrong])
    booking, refunds = await call.parts.payments.refund(
        call.caller, call.path["id"], request.amount, request.reason, key=call.scoped_key
    )
    items = [refund_view(each) for each in refunds]
    view = booking_view(booking)
    if not booking.is_seen_by(call.caller):  # an operator, who need not know where anybody is
        view["driver_location"] = None
    return Answer({"booking": view, "refunds": items}, status=201)


async def list_refunds(call: Call) -> Answer:
    """What went back of a booking, oldest first."""
    refunds = await call.parts.payments.refunds_of(call.caller, call.path["id"])
    return Answer({"items": [refund_view(each) for each in refunds], "next": None})


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
        secret=request.secret,
    )
    return Answer({"payment": payment_view(payment, to_buyer=True)})


def _require_amount(amount: int | None) -> None:
    if amount is not None and not 0 < amount <= AMOUNT_LIMIT:
        wrong = FieldError("amount", "is a whole number of minor units, more than 0")
        raise InvalidFields("a field does not hold", errors=[wrong])


routes = [
    Route(
        "/api/bookings",
        endpoint(book, body=BookingRequest, limit="bookings", fleeting=Whereabouts),
        methods=["POST"],
    ),
    Route(
        "/api/bookings/{id}",
        endpoint(change, body=PatchRequest, limit="commands", fleeting=Whereabouts),
        methods=["PATCH"],
    ),
    Route(
        "/api/bookings/{id}/confirm",
        endpoint(confirm, access="user", fleeting=Whereabouts),
        methods=["PUT"],
    ),
    Route(
        "/api/bookings/{id}/cancel",
        endpoint(cancel, body=CancelRequest, fleeting=Whereabouts),
        methods=["PUT"],
    ),
    Route(
        "/api/bookings/{id}", endpoint(cancel, body=CancelRequest, fleeting=Whereabouts), methods=["DELETE"]
    ),
    Route("/api/bookings/{id}/cancellation", endpoint(cancellation), methods=["GET"]),
    Route("/api/bookings/{id}/payments", endpoint(attempt, body=AttemptRequest), methods=["POST"]),
    Route("/api/bookings/{id}/payments", endpoint(list_payments), methods=["GET"]),
    Route(
        "/api/bookings/{id}/refunds",
        endpoint(refund, body=RefundRequest, access="user", fleeting=Whereabouts),
        methods=["POST"],
    ),
    Route("/api/bookings/{id}/refunds", endpoint(list_refunds), methods=["GET"]),
    Route("/api/payments/{id}", endpoint(get_payment), methods=["GET"]),
    Route("/api/payments/{id}", endpoint(withdraw), methods=["DELETE"]),
    Route("/api/payments/{id}/open", endpoint(open_share, body=OpenRequest, access="open"), methods=["POST"]),
    Route(
        "/api/payments/{id}/check",
        endpoint(check, body=CheckRequest, access="open", idempotent=False),
        methods=["POST"],
    ),
    Route(
        "/api/sandbox/payments/{id}",
        endpoint(act_in_sandbox, body=SandboxRequest, access="open"),
        methods=["POST"],
    ),
]
