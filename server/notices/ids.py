"""Ids from paths: what is none names nothing."""

from uuid import UUID

from server.errors import NotFound


def uuid_of(text: str) -> UUID:
    """NotFound for what is no id, as for an id of nothing."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text:
        raise NotFound
    return found
