"""`/api/resources…`: what can be booked, for everybody to read and for owners and operators to change."""

from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
from starlette.routing import Route

from channels.codec import numbers
from server.accounts.rules import Caller
from server.errors import BadRequest, FieldError, Forbidden, InvalidFields, UnknownResource
from server.http.answers import accepts_gzip
from server.http.endpoint import Answer, Call, endpoint
from server.inventory.edits import changed_by, new_draft
from server.inventory.rules import Resource, ResourceDraft, Slot
from server.inventory.store import Wanted
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


async def list_resources(call: Call) -> Answer:
    """`GET /api/resources?kind&owner&q&date&after&limit` → `{items, next}`."""
    query = call.query
    wanted = Wanted(
        kind=_one_of(query.get("kind"), _KINDS),
        owner=query.get("owner") or None,
        text=_short(query.get("q")),
        day=_day(query.get("date")),
        after=position_of(query["after"]) if query.get("after") else 0,
    )
    page = await call.parts.inventory.page(wanted, _limit(query.get("limit")))
    return Answer({"items": page.items, "next": page.next})


async def read_resource(call: Call) -> Answer:
    """`GET /api/resources/{id}` → the resource with its slots, from a cache of ready bytes."""
    body: Body = await call.parts.inventory.body(call.path["id"])
    headers = {"ETag": body.etag, "Vary": "Accept-Encoding"}
    if accepts_gzip(call.request.headers.get("accept-encoding", "")):
        return Answer(body.gzipped, headers={**headers, "Content-Encoding": "gzip"})
    return Answer(body.plain, headers=headers)


async def read_availability(call: Call) -> Answer:
    """`GET /api/resources/{id}/availability` → the live arrays."""
    resource_id = call.path["id"]
    await call.parts.inventory.get(resource_id)
    state = await call.parts.holds.read(resource_id)
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


def _day(given: str | None) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(given if len(given) == len("2026-11-21") else "")
    except ValueError:
        raise InvalidFields(errors=[FieldError("date", "is no date; one looks like 2026-11-21")]) from None


def _limit(given: str | None) -> int:
    if not given:
        return _PAGE
    if not (given.isascii() and given.isdigit() and 0 < int(given[:9]) <= _LARGEST_PAGE):
        problem = FieldError("limit", f"is no whole number from 1 to {_LARGEST_PAGE}")
        raise InvalidFields(errors=[problem])
    return int(given)


_WRITERS: Any = {"access": "user", "limit": "commands", "roles": ("owner", "operator")}
_ONE: Any = {"missing": UnknownResource}

routes = [
    Route("/api/resources", endpoint(list_resources, access="open"), methods=["GET"]),
    Route(
        "/api/resources",
        endpoint(create_resource, body=NewResource, body_limit=BODY_LIMIT, **_WRITERS),
        methods=["POST"],
    ),
    Route("/api/resources/{id}", endpoint(read_resource, access="open", **_ONE), methods=["GET"]),
    Route(
        "/api/resources/{id}",
        endpoint(change_resource, body=ResourceChanges, body_limit=BODY_LIMIT, **_WRITERS, **_ONE),
        methods=["PATCH"],
    ),
    Route("/api/resources/{id}", endpoint(delete_resource, **_WRITERS, **_ONE), methods=["DELETE"]),
    Route(
        "/api/resources/{id}/availability",
        endpoint(read_availability, access="open", **_ONE),
        methods=["GET"],
    ),
]
