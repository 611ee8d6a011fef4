"""A user's notices over HTTP, and how that user wants to be told."""

from typing import Annotated
from uuid import UUID

import msgspec
from starlette.routing import Route

from server.bookings.cursors import read_cursor, write_cursor
from server.errors import BadRequest, NotFound
from server.http.endpoint import Answer, Call, endpoint
from server.notices.preferences import PreferencesRequest
from server.notices.service import FIRST, PAGE, READ_AT_ONCE
from server.notices.views import notice_view, preferences_view

Ids = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=READ_AT_ONCE)]


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /api/notifications/read`: some of them, or one and all before it."""

    ids: Ids | None = None
    until: str | None = None


async def list_notifications(call: Call) -> Answer:
    """`?after&limit&unread=true` → the caller's own, the latest first, and how many are unread."""
    after, limit = call.query.get("after"), call.query.get("limit", str(PAGE))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6):
        raise BadRequest("limit is a whole number")
    wanted = call.query.get("unread", "false")
    if wanted not in {"true", "false"}:
        raise BadRequest("unread is true or false")
    below = FIRST if after is None else read_cursor(after)
    page = await call.parts.notices.page(call.caller.user, below, int(limit), unread=wanted == "true")
    return Answer(
        {
            "items": [notice_view(notice) for notice in page.items],
            "next": None if page.next is None else write_cursor(page.next),
            "unread": page.unread,
        }
    )


async def read_notifications(call: Call) -> Answer:
    """`{ids}` or `{until}` → `{unread}`: they are read, in every tab of the caller's; twice is once."""
    ids, until = call.body.ids, call.body.until
    if (ids is None) == (until is None):
        raise BadRequest("send either ids or until")
    user = call.caller.user
    if until is not None:
        return Answer({"unread": await call.parts.notices.read_until(user, _uuid(until))})
    return Answer({"unread": await call.parts.notices.read(user, _uuids(ids))})


async def get_preferences(call: Call) -> Answer:
    """How the caller wants to be told; kinds that `channels` has not are told as usual."""
    return Answer({"preferences": preferences_view(await call.parts.notices.preferences(call.caller.user))})


async def put_preferences(call: Call) -> Answer:
    """The whole of them anew; what is left out is as usual."""
    kept = await call.parts.notices.prefer(call.caller.user, call.body)
    return Answer({"preferences": preferences_view(kept)})


def _uuids(ids: tuple[str, ...]) -> list[UUID]:
    """What is no id is nobody's notice."""
    found = []
    for text in ids:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


routes = [
    Route("/api/notifications", endpoint(list_notifications, access="user"), methods=["GET"]),
    Route(
        "/api/notifications/read",
        endpoint(read_notifications, body=ReadRequest, access="user", limit="commands"),
        methods=["POST"],
    ),
    Route("/api/preferences", endpoint(get_preferences, access="user"), methods=["GET"]),
    Route(
        "/api/preferences",
        endpoint(put_preferences, body=PreferencesRequest, access="user", limit="commands"),
        methods=["PUT"],
    ),
]
