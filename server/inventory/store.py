"""Resources and slots in PostgreSQL; the queries stand in queries.sql."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import asyncpg
import msgspec

from server.database.pool import Connection, Database
from server.database.queries import load
from server.errors import Conflict, FieldError, InvalidFields, UnknownResource
from server.inventory.grid import steps
from server.inventory.grid.rules import GridRules
from server.inventory.rules import (
    Category,
    HoldPolicy,
    Kind,
    Money,
    PriceList,
    Resource,
    ResourceDraft,
    Slot,
    changed_slots,
    refuse_below_taken,
)

queries = load(__file__)

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as it stands in PostgreSQL; `version` changes whenever anything a client sees does.

    The slots of a grid are its calendar's to say, whichever of them have been written down for bookings.
    """

    resource: Resource
    slots: tuple[Slot, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a change did: counts of slots, and the version it left."""

    action: Literal["created", "changed", "unchanged"]
    version: str
    appended: int = 0
    changed: int = 0


async def read_version(database: Database, resource_id: str) -> str | None:
    """The version of a resource; None where there is none."""
    async with database.connection() as connection:
        version: str | None = await connection.fetchval(queries.read_version, resource_id)
        return version


async def read(connection: Connection, resource_id: str) -> Stored:
    """A resource and its slots, which belong together only inside a repeatable or locking transaction."""
    row = await connection.fetchrow(queries.read_resource, resource_id)
    if row is None:
        raise UnknownResource
    is_grid = row["grid"] is not None
    slots = [] if is_grid else await connection.fetch(queries.read_slots, resource_id)
    prices: dict[int, Money] = {}
    return Stored(
        resource=_resource(row),
        slots=tuple(_slot(slot, row["currency"], prices) for slot in slots),
        version=row["version"],
    )


async def lock(connection: Connection, resource_id: str) -> Stored:
    """The same, with every other change of the resource waiting for this transaction."""
    deleted = await connection.fetchval(queries.lock_resource, resource_id)
    if deleted is None or deleted:
        raise UnknownResource
    return await read(connection, resource_id)


async def create(
    connection: Connection, draft: ResourceDraft, slots: Sequence[Slot], *, announce_in: float
) -> Written:
    """Write a new resource; Conflict if its id is in use or was."""
    await _require_zone(connection, draft.time_zone)
    version = await connection.fetchval(
        queries.insert_resource,
        draft.id,
        draft.kind,
        draft.title,
        draft.owner,
        draft.time_zone,
        draft.currency,
        draft.description,
        draft.starts_at,
        draft.ends_at,
        *_documents(draft),
        secrets.token_hex(8),
        *_summary(draft, slots),
        announce_in,
    )
    if version is None:
        raise Conflict(f"The id {draft.id!r} is in use, or was by a resource that is deleted; take another")
    await _put_slots(connection, draft.id, slots)
    return Written("created", version, appended=len(slots))


async def change(
    connection: Connection, old: Stored, draft: ResourceDraft, slots: Sequence[Slot], *, announce_in: float
) -> Written:
    """Write what differs from the locked `old`; Conflict where it does not go with what is booked."""
    resource = old.resource
    changed = changed_slots(old.slots, slots)
    if not changed and _same_head(resource, draft):
        return Written("unchanged", old.version)
    taken = await _lock_taken(connection, resource.id, changed)
    _refuse_other_nature(resource, draft, taken)
    refuse_below_taken(changed, taken)
    if draft.time_zone != resource.time_zone:
        await _require_zone(connection, draft.time_zone)
    await _put_slots(connection, resource.id, changed)
    if draft.grid is not None:
        await steps.resize(connection, resource, draft.grid, _now())
    version = await connection.fetchval(
        queries.update_resource,
        resource.id,
        draft.title,
        draft.owner,
        draft.time_zone,
        draft.currency,
        draft.description,
        draft.starts_at,
        draft.ends_at,
        *_documents(draft),
        resource.layout + (bool(changed) or _is_another_calendar(resource, draft)),
        *_summary(draft, slots),
        announce_in,
    )
    appended = len(slots) - len(old.slots)
    return Written("changed", version, appended=appended, changed=len(changed) - appended)


async def delete(connection: Connection, resource_id: str, *, announce_in: float) -> str:
    """Take a resource away and answer its last version; Conflict while something of it is booked."""
    resource = (await lock(connection, resource_id)).resource
    if resource.grid is not None:
        taken: Any = await steps.taken_from(connection, resource, _now())
    else:
        taken = await connection.fetch(queries.read_taken, resource_id)
    if taken:
        raise Conflict("Something of it is booked; cancel the bookings first, or block its slots")
    version: str = await connection.fetchval(queries.delete_resource, resource_id, announce_in)
    return version


async def claim_announcements(database: Database, seconds: float) -> list[tuple[str, str]]:
    """Id and version of changes that Redis has not been told of; nobody else gets them for `seconds`."""
    async with database.connection() as connection:
        rows = await connection.fetch(queries.claim_announcements, seconds)
        return [(row["id"], row["version"]) for row in rows]


async def announced(database: Database, resource_id: str, version: str) -> None:
    """Note that Redis knows this version; a later one stays to be told."""
    async with database.connection() as connection:
        await connection.execute(queries.announced, resource_id, version)


async def _lock_taken(connection: Connection, resource_id: str, changed: Sequence[Slot]) -> Mapping[int, int]:
    await connection.execute(queries.lock_slots, resource_id, [slot.index for slot in changed])
    rows = await connection.fetch(queries.read_taken, resource_id)
    return {row["index"]: row["taken"] for row in rows}


def _refuse_other_nature(resource: Resource, draft: ResourceDraft, taken: Mapping[int, int]) -> None:
    if draft.kind != resource.kind:
        raise Conflict(f"A resource of {resource.kind} does not become one of {draft.kind}; make a new one")
    if draft.currency != resource.currency and taken:
        raise Conflict(f"Something of it is booked in {resource.currency!r}; the currency stays")
    if resource.grid is not None and draft.grid is not None:
        _refuse_other_steps(resource.grid, draft.grid)
        if draft.time_zone != resource.time_zone and taken:
            raise Conflict(f"Something of it is booked by the clocks of {resource.time_zone}; they stay")


def _refuse_other_steps(standing: GridRules, wanted: GridRules) -> None:
    if (standing.step_minutes, standing.origin) != (wanted.step_minutes, wanted.origin):
        raise Conflict(f"Steps of {standing.step_minutes} minutes stay as they are; make a new grid")


def _is_another_calendar(resource: Resource, draft: ResourceDraft) -> bool:
    """Whether a grid's steps, hours or prices are others."""
    before = (resource.grid, resource.time_zone, resource.currency)
    return draft.grid is not None and before != (draft.grid, draft.time_zone, draft.currency)


async def _require_zone(connection: Connection, time_zone: str) -> None:
    """PostgreSQL's list of zones is its own."""
    try:
        async with connection.transaction():
            await connection.fetchval(queries.know_time_zone, time_zone)
    except asyncpg.InvalidParameterValueError:
        problem = FieldError("time_zone", f"{time_zone!r} is not known to the database; take its newer name")
        raise InvalidFields(errors=[problem]) from None


async def _put_slots(connection: Connection, resource_id: str, slots: Sequence[Slot]) -> None:
    rest = iter(slots)
    while part := list(islice(rest, _AT_ONCE)):
        columns = zip(*(_columns(slot) for slot in part), strict=True)
        await connection.execute(queries.put_slots, resource_id, *(list(column) for column in columns))


def _columns(slot: Slot) -> tuple[Any, ...]:
    return (
        slot.index,
        slot.id,
        slot.label,
        slot.capacity,
        slot.price.amount,
        slot.category,
        slot.section,
        slot.row,
        slot.starts_at,
        slot.ends_at,
        slot.x,
        slot.y,
        slot.accessible,
        slot.blocked,
    )


def _documents(draft: ResourceDraft) -> tuple[Any, ...]:
    policy, categories, lists, grid = (
        msgspec.to_builtins(part) for part in (draft.policy, draft.categories, draft.price_lists, draft.grid)
    )
    return policy, categories, draft.plan, lists, draft.address, grid


def _summary(draft: ResourceDraft, slots: Sequence[Slot]) -> tuple[int, int | None]:
    """How much there is on sale and from what price; of a grid at a time, and of an hour."""
    rules = draft.grid
    if rules is not None:
        prices = [rules.price_per_hour, *(rate.price_per_hour for rate in rules.rates)]
        return rules.capacity, min(prices)
    on_sale = [slot for slot in slots if not slot.blocked]
    return (
        sum(slot.capacity for slot in on_sale),
        min((slot.price.amount for slot in on_sale), default=None),
    )


def _now() -> int:
    return round(time.time() * 1000)


def _same_head(resource: Resource, draft: ResourceDraft) -> bool:
    names = set(ResourceDraft.__struct_fields__) - {"slots"}
    return all(getattr(resource, name) == getattr(draft, name) for name in names)


def _resource(row: asyncpg.Record) -> Resource:
    kind: Kind = row["kind"]
    return Resource(
        id=row["id"],
        kind=kind,
        title=row["title"],
        owner=row["owner"],
        time_zone=row["time_zone"],
        currency=row["currency"],
        layout=row["layout"],
        epoch=row["epoch"],
        policy=msgspec.convert(row["policy"], HoldPolicy),
        categories=msgspec.convert(row["categories"], tuple[Category, ...]),
        plan=row["plan"],
        description=row["description"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        price_lists=msgspec.convert(row["price_lists"], dict[str, PriceList]),
        address=row["address"],
        grid=msgspec.convert(row["grid"], GridRules | None),
    )


def _slot(row: asyncpg.Record, currency: str, prices: dict[int, Money]) -> Slot:
    amount = row["price_amount"]
    return Slot(
        index=row["index"],
        id=row["id"],
        label=row["label"],
        capacity=row["capacity"],
        price=prices.setdefault(amount, Money(amount, currency)),
        category=row["category"],
        section=row["section"],
        row=row["row"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        x=row["x"],
        y=row["y"],
        accessible=row["accessible"],
        blocked=row["blocked"],
    )
