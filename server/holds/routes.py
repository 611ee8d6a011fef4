"""Holds and carts over HTTP."""

from typing import Any

import msgspec
from starlette.routing import Route

from server.holds.rules import Cart, Hold, HoldRequest
from server.holds.sources import Loaded
from server.holds.views import cart_view, ended_view, hold_view
from server.http.endpoint import Answer, Call, endpoint


class LeaveBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `sendBeacon` sends, which can set no header."""

    csrf: str | None = None


class ExpireBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which cart to look at; None: all."""

    reference: str | None = None


async def create_hold(call: Call) -> Answer:
    """`POST /api/holds` → 201 `{hold, cart}`; 200 if the session had just that already."""
    connected = call.parts.keeper.is_here(call.caller.session)
    held = await call.parts.holds.hold(call.caller, call.body, op=call.op, connected=connected)
    resources = await _resources(call, held.cart)
    hold = hold_view(held.hold, resources[held.hold.resource])
    content = {"hold": hold, "cart": cart_view(held.cart, resources)}
    return Answer(content, 201 if held.created else 200, {"Location": f"/api/holds/{held.hold.id}"})


async def read_hold(call: Call) -> Answer:
    """`GET /api/holds/{id}` → `{hold}`, for ten minutes after its end too."""
    return await _one(call, await call.parts.holds.find(call.caller.session, call.path["id"]))


async def release_hold(call: Call) -> Answer:
    """`DELETE /api/holds/{id}` → `{hold}`, as it is now."""
    released = await call.parts.holds.release(call.caller, call.path["id"], op=call.op)
    return await _one(call, released.hold)


async def read_cart(call: Call) -> Answer:
    """`GET /api/cart` → `{cart}`, null without one."""
    return await _cart(call, await call.parts.holds.cart(call.caller.session))


async def extend_cart(call: Call) -> Answer:
    """`POST /api/cart/extend` → `{cart}` with its new deadline."""
    return await _cart(call, await call.parts.holds.extend(call.caller, op=call.op))


async def release_cart(call: Call) -> Answer:
    """`POST /api/cart/release` → 204."""
    await call.parts.holds.release_cart(call.caller, op=call.op)
    return Answer(status=204)


async def leave(call: Call) -> Answer:
    """`POST /api/cart/leave` → 204; the grace starts unless a socket of the session is open."""
    await call.parts.holds.leave(call.caller)
    return Answer(status=204)


async def expire(call: Call) -> Answer:
    """`POST /api/maintenance/expire` → `{released}`: what was due."""
    ended = await call.parts.holds.expire(call.body.reference)
    return Answer({"released": [ended_view(hold) for hold in ended]})


async def _one(call: Call, hold: Hold) -> Answer:
    return Answer({"hold": hold_view(hold, await call.parts.inventory.get(hold.resource))})


async def _cart(call: Call, cart: Cart | None) -> Answer:
    resources = {} if cart is None else await _resources(call, cart)
    return Answer({"cart": cart_view(cart, resources)})


async def _resources(call: Call, cart: Cart) -> dict[str, Loaded]:
    inventory: Any = call.parts.inventory
    return {name: await inventory.get(name) for name in {hold.resource for hold in cart.holds}}


routes = [
    Route("/api/holds", endpoint(create_hold, body=HoldRequest, limit="commands"), methods=["POST"]),
    Route("/api/holds/{id}", endpoint(read_hold), methods=["GET"]),
    Route("/api/holds/{id}", endpoint(release_hold, limit="commands"), methods=["DELETE"]),
    Route("/api/cart", endpoint(read_cart), methods=["GET"]),
    Route("/api/cart/extend", endpoint(extend_cart, limit="commands"), methods=["POST"]),
    Route("/api/cart/release", endpoint(release_cart, limit="commands"), methods=["POST"]),
    Route("/api/cart/leave", endpoint(leave, body=LeaveBody), methods=["POST"]),
    Route(
        "/api/maintenance/expire", endpoint(expire, body=ExpireBody, roles=("operator",)), methods=["POST"]
    ),
]
