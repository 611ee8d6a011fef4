"""Resources as clients see them."""

import base64
import binascii
import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from server.errors import BadRequest
from server.inventory.grid.ranges import RangeWanted
from server.inventory.grid.rules import GridRules
from server.inventory.grid.views import grid_view
from server.inventory.rules import Resource, Slot

_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Body:
    """A whole resource as JSON, plain and gzipped, and the entity tag of both."""

    etag: str
    plain: bytes
    gzipped: bytes


def body_of(resource: Resource, slots: Sequence[Slot], version: str) -> Body:
    """`{resource fields, slots}`; for 50,000 slots most of a second's work, so not for an event loop."""
    plain = msgspec.json.encode(whole_view(resource, slots))
    digest = hashlib.sha256(plain).hexdigest()[:16]
    return Body(
        etag=f'W/"{version}-{digest}"',  # weak: the gzipped bytes have it too
        plain=plain,
        gzipped=gzip.compress(plain, compresslevel=_GZIP_LEVEL, mtime=0),
    )


def whole_view(resource: Resource, slots: Sequence[Slot]) -> dict[str, Any]:
    """Everything that `GET /api/resources/{id}` shows. The epoch is the channel's to say."""
    view = {name: getattr(resource, name) for name in Resource.__struct_fields__ if name != "epoch"}
    if resource.grid is not None:
        view["grid"] = grid_view(resource.grid, resource.currency)
    return {**view, "slots": slots}


def summary_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """One item of the list: no slots and no plan, but how much there is and from what price."""
    names = ("id", "kind", "title", "owner", "time_zone", "currency", "layout", "description")
    price = row["price_from"]
    return {
        **{name: row[name] for name in names},
        "starts_at": row["starts_at"],
        "ends_at": row["ends_at"],
        "categories": row["categories"],
        "capacity": row["capacity"],
        "price_from": None if price is None else {"amount": price, "currency": row["currency"]},
        "address": row["address"],
        **_grid_summary(row),
    }


def found_view(row: Mapping[str, Any], found: RangeWanted, free: int) -> dict[str, Any]:
    """A grid that is free for a range: the range, its price, and how many can have it."""
    price = {"amount": found.price, "currency": row["currency"]}
    return {**summary_view(row), "range": list(found.range), "price": price, "free": free}


def _grid_summary(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["grid"] is None:
        return {}
    rules = msgspec.convert(row["grid"], GridRules)
    price = {"amount": rules.price_per_hour, "currency": row["currency"]}
    return {"step_minutes": rules.step_minutes, "price_per_hour": price}


def cursor_after(position: int) -> str:
    """An opaque `next` for the list."""
    return base64.urlsafe_b64encode(f"p{position}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """What `cursor_after` was made of; BadRequest if it was not."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    known = text[:1] == "p" and text[1:].isdigit() and len(text) < 20  # what PostgreSQL counts, and no more
    if not known or cursor_after(int(text[1:])) != cursor:
        raise BadRequest("`after` is no place in a list; take `next` of the page before")
    return int(text[1:])
