"""Where the next page of bookings begins, as clients carry it: opaque to them. Pure."""

import base64
import binascii

from server.errors import BadRequest


def write_cursor(position: int) -> str:
    """The page after the booking at `position`."""
    return base64.urlsafe_b64encode(f"b{position}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The position that a cursor stands for; BadRequest if it is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        raise BadRequest("there is no such page") from None
    known = text[:1] == "b" and text[1:].isdigit() and len(text) < 20
    if not known or write_cursor(int(text[1:])) != cursor:
        raise BadRequest("there is no such page")
    return int(text[1:])
