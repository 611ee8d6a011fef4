"""`/api/resources…`: what can be booked, for everybody to read and for owners and operators to change."""

from typing import Any
from uuid import uuid4

import msgspec
from starlette.routing import Route

from channels.codec import numbers
from server.accounts.rules import Caller
from server.errors import BadRequest, FieldError, Forbidden, InvalidFields, InvalidRange, UnknownResource
from server.http.answers import accepts_gzip
from server.http.endpoint import Answer, Call, endpoint
from server.inventory.edits import changed_by, new_draft
from server.inventory.grid.finding import read_range
from server.inventory.grid.lengths import lengths_from, lengths_view, steps_of
from server.inventory.grid.showing import read_day, read_days
from server.inventory.listing import Wanted
from server.inventory.rules import Resource, ResourceDraft, Slot
from server.inventory.views import Body, position_of

BODY_LIMIT = 2 * 1024 * 1024
_PAGE = 50
_LARGEST_PAGE = 200
_KINDS = ("seats", "sessions", "grid")
_LONGEST_TEXT = 100


class NewResource(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a new resource may say; edits.py reads the values, so as to name every wrong one at once."""

    id: Any = msgspec.UNSET
    kind: Any = msgspec.UNSET
    title: Any = msgspec.UNSET
    owner: Any = msgspec.UNSET
    time_zone: Any = msgspec.UNSET
    currency: Any = msgspec.UNSET
    description: Any = msgspec.UNSET
    starts_at: Any = msgspec.UNSET
    ends_at: Any = msgspec.UNSET
    policy: Any = msgspec.UNSET
    categories: Any = msgspec.UNSET
    plan: Any = msgspec.UNSET
    price_lists: Any = msgspec.UNSET
    address: Any = msgspec.UNSET
    grid: Any = msgspec.UNSET
    slots: Any = msgspec.UNSET


class ResourceChanges(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What may change: fields as they shall be, slots to change or append, ids of slots to take off sale."""

    title: Any = msgspec.UNSET
    owner: Any = msgspec.UNSET
    time_zone: Any = msgspec.UNSET
    currency: Any = msgspec.UNSET
    description: Any = msgspec.UNSET
    starts_at: Any = msgspec.UNSET
    ends_at: Any = msgspec.UNSET
    policy: Any = msgspec.UNSET
    categories: Any = msgspec.UNSET
    plan: Any = msgspec.UNSET
    price_lists: Any = msgspec.UNSET
    address: Any = msgspec.UNSET
    grid: Any = msgspec.UNSET
    slots: Any = msgspec.UNSET
    remove_slots: Any = msgspec.UNSET


class _Named(msgspec.Struct):
    id: str


class AsItIsNow:
    """Of an answer with a whole resource, which may be megabytes, only its id is kept for a repeat.

    A repeat has the resource as it is by then, which anybody may see; UnknownResource if it was deleted.
    """

    def __init__(self, call: Call) -> None:
        self._inventory = call.parts.inventory

    def without(self, body: bytes) -> bytes:
        """The id."""
        return msgspec.json.encode(msgspec.json.decode(body, type=_Named))

    async def filled(self, kept: bytes) -> Answer:
        """The resource."""
        named = msgspec.json.decode(kept, type=_Named)
        body: Body = await self._inventory.body(named.id, at_once=True)
        return Answer(body.plain, headers={"ETag": body.etag})


async def list_resources(call: Call) -> Answer:
    """`GET /api/resources?kind&owner&q&date&from&to&after&limit` → `{items, next}`.

    With `from` and `to`, times with an offset, those grids that are free for the whole of it, by live state.
    """
    query = call.query
    wanted = Wanted(
        kind=_one_of(query.get("kind"), _KINDS),
        owner=query.get("owner") or None,
        text=_short(query.get("q")),
        day=read_day(query, "date"),
        after=position_of(query["after"]) if query.get("after") else 0,
        range=read_range(query.get("from"), query.get("to")),
    )
    if wanted.range is not None and wanted.kind not in {None, "grid"}:
        raise BadRequest("`from` and `to` are for resources of the kind grid")
    page = await call.parts.inventory.page(wanted, _limit(query.get("limit")), call.parts.holds)
    return Answer({"items": page.items, "next": page.next})


async def read_resource(call: Call) -> Answer:
    """`GET /api/resources/{id}?from&to` → the resource with its slots, from a cache of ready bytes.

    Of a grid the slots of some days: those from `from` to `to`, or of today and the next six.
    """
    body: Body = await call.parts.inventory.body(call.path["id"], read_days(call.query))
    headers = {"ETag": body.etag, "Vary": "Accept-Encoding"}
    if accepts_gzip(call.request.headers.get("accept-encoding", "")):
        return Answer(body.gzipped, headers={**headers, "Content-Encoding": "gzip"})
    return Answer(body.plain, headers=headers)


async def read_lengths(call: Call) -> Answer:
    """`GET /api/resources/{id}/lengths?start` → 30 minutes, 1, 2, 4 and 8 hours from then, with prices.

    `available` is by live state; `reason` says why one cannot be booked.
    """
    inventory, resource_id, start = call.parts.inventory, call.path["id"], call.query.get("start") or ""
    calendar = (await inventory.get(resource_id)).calendar
    if calendar is None:
        raise InvalidRange("This resource is booked by its slots, not by a range of time")
    lengths = lengths_from(calendar, start, inventory.now)
    first, count = steps_of(lengths)
    state = await call.parts.holds.read(resource_id, lambda _calendar, _first: (first, count))
    free = numbers(state.available, state.width).tolist()
    available = {state.first + place: places for place, places in enumerate(free)}
    return Answer(lengths_view(calendar, start, lengths, available))


async def read_availability(call: Call) -> Answer:
    """`GET /api/resources/{id}/availability?from&to` → the live arrays, of a grid those of some days."""
    resource_id, days = call.path["id"], read_days(call.query)
    await call.parts.inventory.get(resource_id)
    state = await call.parts.holds.read(resource_id, days.steps)
    return Answer(
        {
            "layout": state.layout,
            "epoch": state.epoch,
            "version": state.version,
            "first": state.first,
            "available": numbers(state.available, state.width).tolist(),
            "held": numbers(state.held, state.width).tolist(),
        }
    )


async def create_resource(call: Call) -> Answer:
    """`POST /api/resources` → 201 with the resource."""
    draft = new_draft(_given(call.body), owner=call.caller.user or "", new_id=lambda: uuid4().hex)
    _require_right(call.caller, draft.owner)
    await call.parts.inventory.create(draft)
    body: Body = await call.parts.inventory.body(draft.id)
    return Answer(body.plain, 201, {"ETag": body.etag, "Location": f"/api/resources/{draft.id}"})


async def change_resource(call: Call) -> Answer:
    """`PATCH /api/resources/{id}` → the resource; slots keep their indices, whatever happens to them."""
    resource_id = call.path["id"]
    given = _given(call.body)

    def edit(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        _require_right(call.caller, resource.owner)
        draft, changed = changed_by(given, resource, slots)
        _require_right(call.caller, draft.owner)
        return draft, changed

    await call.parts.inventory.change(resource_id, edit)
    body: Body = await call.parts.inventory.body(resource_id)
    return Answer(body.plain, headers={"ETag": body.etag})


async def delete_resource(call: Call) -> Answer:
    """`DELETE /api/resources/{id}` → 204; Conflict while something of it is booked."""
    resource_id = call.path["id"]
    loaded = await call.parts.inventory.get(resource_id)
    _require_right(call.caller, loaded.resource.owner)
    await call.parts.inventory.delete(resource_id)
    return Answer(status=204)


def _require_right(caller: Caller, owner: str) -> None:
    """Operators change everything, owners what is theirs."""
    if "operator" not in caller.roles and caller.user != owner:
        raise Forbidden("Only operators and its owner may do this")


def _given(body: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(body)
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _one_of(given: str | None, known: tuple[str, ...]) -> str | None:
    if given and given not in known:
        raise BadRequest(f"`kind` is one of {', '.join(known)}")
    return given or None


def _short(given: str | None) -> str | None:
    if given and len(given) > _LONGEST_TEXT:
        raise InvalidFields(errors=[FieldError("q", f"has more than {_LONGEST_TEXT} characters")])
    return given or None


def _limit(given: str | None) -> int:
    if not given:
        return _PAGE
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 0 < int(given) <= _LARGEST_PAGE):
        problem = FieldError("limit", f"is no whole number from 1 to {_LARGEST_PAGE}")
        raise InvalidFields(errors=[problem])
    return int(given)


_WRITERS: Any = {"access": "user", "limit": "commands", "roles": ("owner", "operator")}
_WHOLE: Any = {"body_limit": BODY_LIMIT, "fleeting": AsItIsNow, **_WRITERS}
_ONE: Any = {"missing": UnknownResource}

routes = [
    Route("/api/resources", endpoint(list_resources, access="open"), methods=["GET"]),
    Route(
        "/api/resources",
        endpoint(create_resource, body=NewResource, **_WHOLE),
        methods=["POST"],
    ),
    Route("/api/resources/{id}", endpoint(read_resource, access="open", **_ONE), methods=["GET"]),
    Route(
        "/api/resources/{id}",
        endpoint(change_resource, body=ResourceChanges, **_WHOLE, **_ONE),
        methods=["PATCH"],
    ),
    Route("/api/resources/{id}", endpoint(delete_resource, **_WRITERS, **_ONE), methods=["DELETE"]),
    Route("/api/resources/{id}/lengths", endpoint(read_lengths, access="open", **_ONE), methods=["GET"]),
    Route(
        "/api/resources/{id}/availability",
        endpoint(read_availability, access="open", **_ONE),
        methods=["GET"],
    ),
]
