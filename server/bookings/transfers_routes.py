"""Handing a booking on over HTTP."""

from typing import Any, Final

from starlette.routing import Route

from server.bookings.transfers import AcceptRequest, Offered, OfferRequest
from server.bookings.views import booking_view
from server.http.addresses import address_of
from server.http.endpoint import Answer, Call, endpoint
from server.times import rfc3339

PAGE: Final = "/transfers"


async def offer(call: Call) -> Answer:
    """Offer one's booking to another user: by name, or by a link that is answered this once."""
    offered = await call.parts.transfers.offer(call.caller, call.path["id"], call.body)
    view = transfer_view(offered)
    assert offered.secret is not None, "it has just been made"
    secret = {"token": offered.secret, "url": f"{call.parts.settings.public_url}{PAGE}#{offered.secret}"}
    return Answer({"transfer": view | secret}, status=201)


async def read_offer(call: Call) -> Answer:
    """The last offer of one's booking; null if there never was one."""
    offered = await call.parts.transfers.of_booking(call.caller, call.path["id"])
    return Answer({"transfer": None if offered is None else transfer_view(offered)})


async def withdraw(call: Call) -> Answer:
    """Take an offer back."""
    await call.parts.transfers.withdraw(call.caller, call.path["id"])
    return Answer(None, status=204)


async def list_offers(call: Call) -> Answer:
    """What is offered to the caller by name."""
    offers = await call.parts.transfers.to_caller(call.caller)
    return Answer({"items": [_with_booking(each) for each in offers], "next": None})


async def read_transfer(call: Call) -> Answer:
    """What is offered, for who has the link or is named."""
    await call.parts.limits.take("payers", address_of(call.request.scope))
    return Answer(_with_booking(await call.parts.transfers.read(call.caller, call.path["token"])))


async def accept(call: Call) -> Answer:
    """Take a booking over."""
    await call.parts.limits.take("payers", address_of(call.request.scope))
    booking = await call.parts.transfers.accept(call.caller, call.path["token"], call.body)
    return Answer({"booking": booking_view(booking)})


def transfer_view(offered: Offered) -> dict[str, Any]:
    """An offer, without its secret."""
    transfer = offered.transfer
    return {
        "id": str(transfer.id),
        "booking": str(transfer.booking),
        "user": transfer.to,
        "status": offered.shown,
        "created_at": rfc3339(transfer.created_at),
        "expires_at": rfc3339(transfer.expires_at),
    }


def _with_booking(offered: Offered) -> dict[str, Any]:
    """What one may know before one takes it: what it is, and nothing of its people or its money."""
    view = booking_view(offered.booking)
    items = [{name: item[name] for name in _ITEM} for item in view["items"]]
    kept = {name: view[name] for name in ("reference", "status")}
    return {"transfer": transfer_view(offered), "booking": kept | {"items": items}}


_ITEM: Final = ("resource", "slot", "label", "quantity", "range")

routes = [
    Route("/api/bookings/{id}/transfer", endpoint(offer, body=OfferRequest), methods=["POST"]),
    Route("/api/bookings/{id}/transfer", endpoint(read_offer), methods=["GET"]),
    Route("/api/bookings/{id}/transfer", endpoint(withdraw), methods=["DELETE"]),
    Route("/api/transfers", endpoint(list_offers, access="user"), methods=["GET"]),
    Route("/api/transfers/{token}", endpoint(read_transfer, access="open"), methods=["GET"]),
    Route(
        "/api/transfers/{token}/accept",
        endpoint(accept, body=AcceptRequest, access="user"),
        methods=["POST"],
    ),
]
