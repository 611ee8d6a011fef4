"""An owner's webhooks over HTTP."""

from typing import Any, Final

import msgspec
from starlette.routing import Route

from server.accounts.rules import Role
from server.http.endpoint import Answer, Call, endpoint
from server.notices.webhook_endpoints import WebhookRequest
from server.notices.webhook_store import Endpoint
from server.times import rfc3339

ROLES: Final[tuple[Role, ...]] = ("owner", "operator")


class DeleteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the caller's."""

    id: str


async def add(call: Call) -> Answer:
    """An address that hears of events of the caller's resources; its secret is shown this once."""
    made = await call.parts.webhooks.add(call.caller.user, call.body)
    return Answer({"webhook": webhook_view(made, secret=True)}, status=201)


async def list_webhooks(call: Call) -> Answer:
    """The caller's."""
    found = await call.parts.webhooks.of_user(call.caller.user)
    return Answer({"items": [webhook_view(each) for each in found], "next": None})


async def get_webhook(call: Call) -> Answer:
    """One of the caller's."""
    return Answer(
        {"webhook": webhook_view(await call.parts.webhooks.find(call.caller.user, call.path["id"]))}
    )


async def delete(call: Call) -> Answer:
    """Nothing more goes there."""
    await call.parts.webhooks.delete(call.caller.user, call.path["id"])
    return Answer(None, status=204)


async def delete_named(call: Call) -> Answer:
    """The same, by the body instead of the path."""
    await call.parts.webhooks.delete(call.caller.user, call.body.id)
    return Answer(None, status=204)


async def rotate(call: Call) -> Answer:
    """A new secret, shown this once; for a day the one before signs too."""
    changed = await call.parts.webhooks.rotate(call.caller.user, call.path["id"])
    return Answer({"webhook": webhook_view(changed, secret=True)})


async def enable(call: Call) -> Answer:
    """Tell one again that was given up."""
    changed = await call.parts.webhooks.enable(call.caller.user, call.path["id"])
    return Answer({"webhook": webhook_view(changed)})


def webhook_view(webhook: Endpoint, *, secret: bool = False) -> dict[str, Any]:
    """`secret` where it is new."""
    view: dict[str, Any] = {
        "id": webhook.id,
        "url": webhook.url,
        "kinds": webhook.kinds,
        "description": webhook.description,
        "created_at": rfc3339(webhook.created_at),
        "failing_since": _maybe(webhook.failing_since),
        "disabled_at": _maybe(webhook.disabled_at),
        "last_error": webhook.last_error,
    }
    return {**view, "secret": webhook.secret} if secret else view


def _maybe(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


_PATH = "/api/webhooks"

routes = [
    Route(_PATH, endpoint(list_webhooks, access="user", roles=ROLES), methods=["GET"]),
    Route(
        _PATH,
        endpoint(add, body=WebhookRequest, access="user", roles=ROLES, limit="commands"),
        methods=["POST"],
    ),
    Route(
        _PATH,
        endpoint(delete_named, body=DeleteRequest, access="user", roles=ROLES, limit="commands"),
        methods=["DELETE"],
    ),
    Route(f"{_PATH}/{{id}}", endpoint(get_webhook, access="user", roles=ROLES), methods=["GET"]),
    Route(
        f"{_PATH}/{{id}}", endpoint(delete, access="user", roles=ROLES, limit="commands"), methods=["DELETE"]
    ),
    Route(
        f"{_PATH}/{{id}}/secret",
        endpoint(rotate, access="user", roles=ROLES, limit="commands"),
        methods=["POST"],
    ),
    Route(
        f"{_PATH}/{{id}}/enable",
        endpoint(enable, access="user", roles=ROLES, limit="commands"),
        methods=["POST"],
    ),
]
