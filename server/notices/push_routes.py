"""A user's push subscriptions over HTTP."""

from typing import Any

import msgspec
from starlette.routing import Route

from server.http.endpoint import Answer, Call, endpoint
from server.notices.push_store import Subscription
from server.notices.pushes import PushRequest, Text
from server.times import rfc3339


class UnsubscribeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`endpoint` is what the browser knows itself by."""

    endpoint: Text


async def subscribe(call: Call) -> Answer:
    """From now on the browser takes the caller's pushes; twice is once."""
    agent = call.request.headers.get("user-agent", "")
    kept = await call.parts.pushes.subscribe(call.caller.user, call.body, agent)
    return Answer({"push_subscription": subscription_view(kept)}, status=201)


async def list_subscriptions(call: Call) -> Answer:
    """The caller's browsers, and the key to subscribe with (null: there are no pushes here)."""
    pushes = call.parts.pushes
    found = await pushes.of_user(call.caller.user)
    items = [subscription_view(each) for each in found]
    return Answer({"items": items, "next": None, "public_key": pushes.public_key})


async def unsubscribe(call: Call) -> Answer:
    """The browser takes no more pushes."""
    await call.parts.pushes.unsubscribe(call.caller.user, call.body.endpoint)
    return Answer(None, status=204)


async def unsubscribe_by_id(call: Call) -> Answer:
    """One of the caller's browsers takes no more pushes."""
    await call.parts.pushes.unsubscribe_by_id(call.caller.user, call.path["id"])
    return Answer(None, status=204)


def subscription_view(subscription: Subscription) -> dict[str, Any]:
    """Without the endpoint and its keys: who has those can push."""
    expires_at = subscription.expires_at
    return {
        "id": subscription.id,
        "agent": subscription.agent,
        "created_at": rfc3339(subscription.created_at),
        "expires_at": None if expires_at is None else rfc3339(expires_at),
    }


_PATH = "/api/push-subscriptions"

routes = [
    Route(_PATH, endpoint(list_subscriptions, access="user"), methods=["GET"]),
    Route(_PATH, endpoint(subscribe, body=PushRequest, access="user", limit="commands"), methods=["POST"]),
    Route(
        _PATH,
        endpoint(unsubscribe, body=UnsubscribeRequest, access="user", limit="commands"),
        methods=["DELETE"],
    ),
    Route(
        f"{_PATH}/{{id}}",
        endpoint(unsubscribe_by_id, access="user", limit="commands"),
        methods=["DELETE"],
    ),
]
