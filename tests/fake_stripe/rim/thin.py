"""A thin event: that something happened to an object, and where to fetch it."""

from datetime import UTC, datetime
from typing import Any


def thin(event: dict[str, Any]) -> dict[str, Any]:
    """The notification of a snapshot event; ids and types are the same, with `v1.` before the type."""
    thing = event["data"]["object"]
    path = thing["object"].replace(".", "/")
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": event["livemode"],
        "reason": None,
        "related_object": {
            "id": thing["id"],
            "type": thing["object"],
            "url": f"/v1/{path}s/{thing['id']}",
        },
        "type": f"v1.{event['type']}",
    }
