"""A notice as others read it: the same fields over HTTP and on the socket, times in each one's way. Pure."""

from typing import Any

import msgspec

from channels.protocol import Notification
from server.notices.rules import Notice, Preferences
from server.times import rfc3339


def notice_view(notice: Notice) -> dict[str, Any]:
    """The fields of the socket's `notification` as HTTP gives them, and when it was read."""
    data = dict(notice.data)
    if "respond_by" in data:
        data["respond_by"] = rfc3339(data["respond_by"])
    return {
        "id": str(notice.id),
        "kind": notice.kind,
        "title": notice.title,
        "message": notice.message,
        "data": data,
        "created_at": rfc3339(notice.created_at),
        "read_at": None if notice.read_at is None else rfc3339(notice.read_at),
    }


def notification(notice: Notice) -> Notification:
    """The socket's message."""
    return Notification(
        id=str(notice.id),
        kind=notice.kind,
        title=notice.title,
        message=notice.message,
        data=notice.data,
        created_at=notice.created_at,
    )


def preferences_view(preferences: Preferences) -> dict[str, Any]:
    """As `PUT /api/preferences` takes them."""
    view: dict[str, Any] = msgspec.to_builtins(preferences)
    return view
