# ruff: noqa: PLR0917, ARG001  # a handler's arguments are its query's
"""server/bookings/sql in memory. Each handler says in its body what its query's text says."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.bookings import changes_store, outbox, store
from tests.simulation.postgres.queries import none, simulates
from tests.simulation.postgres.transactions import Row, Transaction, Wait, Work

SECURED: Final = ("authorized", "paid", "partially_refunded", "disputed")
_PENDING_FIVE: Final = timedelta(minutes=5)

query = simulates(store._queries)
told = simulates(outbox._queries)
changed = simulates(changes_store._queries)

Rows = Work[list[Row]]


# What several read.


def whole(tx: Transaction, booking: Row) -> Row:
    """The view whole_booking."""
    payments = tx.of_booking("payment", booking["id"])
    own = sorted(
        (p for p in payments if not p["extra"]),
        key=lambda p: (p["share"] is None, p["attempt"]),
        reverse=True,
    )
    kept = (p for p in payments if p["accepted"] or booking["confirmed_by"] is None)
    lines = sorted(tx.of_booking("booking_line", booking["id"]), key=lambda line: line["position"])
    return {
        **booking,
        "payment": own[0]["id"] if own else None,
        "secured": sum(p["amount"] for p in payments if p["status"] in SECURED and not p["unwanted"]),
        "refunded": sum(p["refunded"] for p in kept),
        "lines": [{name: line[name] for name in line if name != "booking_id"} for line in lines],
        "change": None,
        "epochs": {line["resource"]: tx.row("resource", line["resource"])["epoch"] for line in lines},
    }


def _slot(row: Row) -> Row:
    names = ("resource_id", "index", "id", "label", "capacity", "taken", "blocked")
    return {name: row[name] for name in names}


def _pairs(resources: Sequence[str], indices: Sequence[int]) -> list[tuple[str, int]]:
    return sorted(set(zip(resources, indices, strict=True)))


def share(tx: Transaction, resources: Iterable[str]) -> Wait:
    """FOR KEY SHARE of resources, in their order."""
    for name in sorted(set(resources)):
        yield from tx.lock("resource", name, "share")


def _resources_of(tx: Transaction, booking: UUID) -> set[str]:
    return {line["resource"] for line in tx.of_booking("booking_line", booking)}


# Slots and resources.


@query
def lock_resources(tx: Transaction, ids: Sequence[str]) -> Rows:
    yield from share(tx, ids)
    return [{"id": name, "epoch": tx.row("resource", name)["epoch"]} for name in sorted(set(ids))]


@query
def epochs(tx: Transaction, ids: Sequence[str]) -> Rows:
    yield from none()
    return [{"id": name, "epoch": tx.row("resource", name)["epoch"]} for name in sorted(set(ids))]


@query
def lock_slots(tx: Transaction, resources: Sequence[str], indices: Sequence[int]) -> Rows:
    for pair in _pairs(resources, indices):
        yield from tx.lock("slot", pair)
    return [_slot(tx.row("slot", pair)) for pair in _pairs(resources, indices)]


@query
def read_slots(tx: Transaction, resources: Sequence[str], indices: Sequence[int]) -> Rows:
    yield from none()
    return [_slot(tx.row("slot", pair)) for pair in _pairs(resources, indices)]


@query
def add_to_taken(
    tx: Transaction, resources: Sequence[str], indices: Sequence[int], quantities: Sequence[int]
) -> Rows:
    wanted: dict[tuple[str, int], int] = {}
    for resource, index, quantity in zip(resources, indices, quantities, strict=True):
        wanted[resource, index] = wanted.get((resource, index), 0) + quantity
    for pair, quantity in wanted.items():
        yield from tx.lock("slot", pair)
        row = tx.row("slot", pair)
        tx.put("slot", pair, {**row, "taken": row["taken"] + quantity})
    return []


# Making a booking.

_COLUMNS: Final = (
    "id", "reference", "session", "user_id", "owner", "currency", "total", "customer", "attendees",
    "special_requests", "driver_location", "created_at", "expires_at", "base_currency", "rate", "quoted_at",
    "starts_at", "ends_at", "refund_policies",
)  # fmt: skip


def _insert(tx: Transaction, given: Row) -> Wait:
    """A new pending booking; its cart may have one live booking."""
    yield from tx.lock("live reference", given["reference"])
    for other in tx.all("booking"):
        if other["reference"] == given["reference"] and other["status"] != "cancelled":
            raise asyncpg.UniqueViolationError("booking_live_reference")
    yield from tx.lock("booking", given["id"])
    row = {
        **msgspec.to_builtins(given, builtin_types=(UUID, datetime)),
        "position": tx.next_number(),
        "status": "pending",
        "payment_status": "pending",
        "release_at": given["expires_at"],
        "touched_at": given["created_at"],
        "extend_until": given["expires_at"] + _PENDING_FIVE,
        "confirmed_at": None,
        "confirmed_by": None,
        "cancelled_at": None,
        "cancel_reason": None,
        "version": 1,
        "applied_version": 0,
        "approval": None,
        "change_of": None,
        "refund_start": None,
    }
    tx.put("booking", given["id"], row)


def _line(booking: UUID, item: Row, slot: Row) -> Row:
    return {
        "booking_id": booking,
        "position": item["position"],
        "resource": item["resource"],
        "index": item["index"],
        "slot": slot["id"],
        "label": slot["label"],
        "quantity": item["quantity"],
        "price": item["price"],
        "hold": item["hold"],
        "range": None,
        "state": "pending",
        "applied": None,
        "base_price": item["base_price"],
    }


def _write(tx: Transaction, bookings: dict[UUID, list[Row]]) -> Work[tuple[dict[tuple[str, int], Row], bool]]:
    """Count all their lines and write them, or nothing; the slots as they were, whether there was room."""
    wanted: dict[tuple[str, int], int] = {}
    for items in bookings.values():
        for item in items:
            pair = (item["resource"], item["index"])
            wanted[pair] = wanted.get(pair, 0) + item["quantity"]
    for pair in sorted(wanted):
        yield from tx.lock("slot", pair)
    slots = {pair: _slot(tx.row("slot", pair)) for pair in sorted(wanted)}
    room = all(
        not slot["blocked"] and slot["taken"] + wanted[pair] <= slot["capacity"]
        for pair, slot in slots.items()
    )
    if room:
        for pair, quantity in wanted.items():
            row = tx.row("slot", pair)
            tx.put("slot", pair, {**row, "taken": row["taken"] + quantity})
        for booking, items in bookings.items():
            for item in items:
                slot = slots[item["resource"], item["index"]]
                tx.put("booking_line", (booking, item["position"]), _line(booking, item, slot))
    return slots, room


@query
def open_booking(tx: Transaction, *given: Any) -> Rows:
    booking, (resources, *columns) = dict(zip(_COLUMNS, given[:19], strict=True)), given[19:]
    yield from share(tx, resources)
    yield from _insert(tx, booking)
    names = ("position", "resource", "index", "slot", "label", "quantity", "price", "hold")
    items = [
        {**dict(zip(names, row, strict=False)), "base_price": row[-1]} for row in zip(*columns, strict=True)
    ]
    slots, _ = yield from _write(tx, {booking["id"]: items})
    return list(slots.values())


@query
def open_bookings(tx: Transaction, text: str, patience_ms: str) -> Rows:
    tx.lock_timeout = int(patience_ms) / 1000
    found: dict[UUID, list[Row]] = {}
    for new in sorted(json.loads(text), key=lambda new: new["reference"]):
        names = sorted({line["resource"] for line in new["lines"]})
        if not all([tx.try_lock("resource", name, "share") for name in names]):  # noqa: C419  # each is tried
            continue  # one of its resources is being rebuilt
        yield from _insert(tx, {name: _typed(name, new.get(name)) for name in _COLUMNS})
        found[UUID(new["id"])] = new["lines"]
    slots, room = yield from _write(tx, found)
    return [
        {"booking_id": booking, "is_there": room, **_named(slots[pair])}
        for booking, items in found.items()
        for pair in dict.fromkeys((item["resource"], item["index"]) for item in items)
    ]


def _named(slot: Row) -> Row:
    """As the query calls its columns."""
    names = {"resource_id": "resource", "id": "slot_id", "label": "slot_label"}
    return {names.get(name, name): value for name, value in slot.items()}


def _typed(name: str, value: Any) -> Any:
    """As json_to_recordset's column list says."""
    if value is None:
        return None
    if name == "id":
        return UUID(value)
    return datetime.fromisoformat(value) if name.endswith("_at") else value


# Reading bookings.


@query
def bookings(tx: Transaction, ids: Sequence[UUID]) -> Rows:
    yield from none()
    found = [row for row in (tx.get("booking", each) for each in set(ids)) if row is not None]
    return [whole(tx, row) for row in sorted(found, key=lambda row: row["position"], reverse=True)]


@query
def lock_booking(tx: Transaction, booking: UUID) -> Rows:
    if tx.get("booking", booking) is None:
        return []
    yield from tx.lock("booking", booking)
    return [whole(tx, tx.row("booking", booking))]


@query
def lock_bookings(tx: Transaction, ids: Sequence[UUID]) -> Rows:
    yield from none()
    known = [each for each in sorted(set(ids)) if tx.get("booking", each) is not None]
    return [whole(tx, tx.row("booking", each)) for each in known if tx.try_lock("booking", each)]


@query
def lock_booking_with_resources(tx: Transaction, booking: UUID) -> Rows:
    yield from share(tx, _resources_of(tx, booking))
    return (yield from lock_booking(tx, booking)) or []


@query
def live_by_reference(tx: Transaction, reference: str) -> Rows:
    yield from none()
    return [
        {"id": row["id"]}
        for row in tx.all("booking")
        if row["reference"] == reference and row["status"] != "cancelled"
    ]


@query
def pending_of_session(tx: Transaction, session: str, user: str | None) -> Rows:
    yield from none()
    pending = [row for row in tx.all("booking") if row["session"] == session and row["status"] == "pending"]
    found = [row for row in pending if row["user_id"] in {None, user}]
    return [{"id": max(found, key=lambda row: row["position"])["id"]}] if found else []


# A booking's life.


def _again(row: Row) -> int:
    return int(row["version"]) + 1


@query
def update_booking(
    tx: Transaction, booking: UUID, status: str, payment_status: str, confirmed_at: Any, confirmed_by: Any,
    cancelled_at: Any, cancel_reason: Any, now: datetime, approval: Any,
) -> Rows:  # fmt: skip
    yield from tx.update(
        "booking", booking, status=status, payment_status=payment_status, confirmed_at=confirmed_at,
        confirmed_by=confirmed_by, cancelled_at=cancelled_at, cancel_reason=cancel_reason,
        version=_again, touched_at=now, approval=approval,
    )  # fmt: skip
    return []


def set_lines(tx: Transaction, booking: UUID, state: str) -> None:
    """Under the booking's lock."""
    for line in tx.of_booking("booking_line", booking):
        if line["state"] != state:
            tx.put("booking_line", (booking, line["position"]), {**line, "state": state})


@query
def confirm_booking(tx: Transaction, booking: UUID, *given: Any) -> Rows:
    yield from update_booking(tx, booking, *given[:8])
    set_lines(tx, booking, "confirmed")
    if given[8] is not None:
        yield from tell(tx, given[8], given[9], booking, given[10])
    return []


@query
def write_paid(tx: Transaction, ids: Sequence[UUID], *given: Any) -> Rows:
    statuses, moments, payments, now, *events, known = given
    for booking, status, moment, payment in zip(ids, statuses, moments, payments, strict=True):
        yield from tx.update(
            "booking", booking, status="confirmed", payment_status=status, confirmed_at=moment,
            confirmed_by=payment, version=_again, touched_at=now,
        )  # fmt: skip
        set_lines(tx, booking, "confirmed")
    for booking in known:
        row = tx.row("booking", booking)
        tx.put("booking", booking, {**row, "applied_version": row["version"]})
        for line in tx.of_booking("booking_line", booking):
            tx.put("booking_line", (booking, line["position"]), {**line, "applied": "confirmed"})
    yield from tell_all(tx, *events)
    return []


@query
def touch_booking(tx: Transaction, booking: UUID, now: datetime) -> Rows:
    yield from tx.update("booking", booking, version=_again, touched_at=now)
    return []


@query
def extend(tx: Transaction, booking: UUID, until: datetime, now: datetime) -> Rows:
    yield from tx.update(
        "booking", booking, expires_at=until, release_at=until, version=_again, touched_at=now
    )
    return (yield from forget_applied(tx, booking)) or []


@query
def set_deadline(tx: Transaction, booking: UUID, until: datetime) -> Rows:
    yield from tx.update("booking", booking, expires_at=until, release_at=until)
    return []


@query
def update_lines(tx: Transaction, booking: UUID, state: str) -> Rows:
    yield from tx.lock("booking", booking)
    set_lines(tx, booking, state)
    return []


@query
def forget_applied(tx: Transaction, booking: UUID) -> Rows:
    yield from tx.lock("booking", booking)
    for line in tx.of_booking("booking_line", booking):
        tx.put("booking_line", (booking, line["position"]), {**line, "applied": None})
    return []


@query
def mark_applied(
    tx: Transaction, ids: Sequence[UUID], versions: Sequence[int], of: Sequence[UUID],
    positions: Sequence[int], states: Sequence[str],
) -> Rows:  # fmt: skip
    for booking, position, state in zip(of, positions, states, strict=True):
        yield from tx.lock("booking", booking)
        line = tx.row("booking_line", (booking, position))
        tx.put("booking_line", (booking, position), {**line, "applied": state})
    for booking, version in zip(ids, versions, strict=True):
        yield from tx.lock("booking", booking)
        row = tx.row("booking", booking)
        if row["applied_version"] < version:
            tx.put("booking", booking, {**row, "applied_version": version})
    return []


def taken(tx: Transaction, table: str, found: list[Row], limit: int) -> list[Row]:
    """LIMIT … FOR NO KEY UPDATE SKIP LOCKED, of rows in their order; keys are ids."""
    had: list[Row] = []
    for row in found:
        if len(had) < limit and tx.try_lock(table, row["id"]):
            had.append(row)
    return had


@query
def unapplied(tx: Transaction, before: datetime, limit: int) -> Rows:
    yield from none()
    found = [
        row
        for row in tx.all("booking")
        if row["applied_version"] < row["version"] and row["touched_at"] <= before
    ]
    found.sort(key=lambda row: row["touched_at"])
    return [{"id": row["id"]} for row in taken(tx, "booking", found, limit)]


@query
def due(tx: Transaction, now: datetime, until: datetime, limit: int) -> Rows:
    yield from none()
    found = [row for row in tx.all("booking") if row["status"] == "pending" and row["release_at"] <= now]
    found.sort(key=lambda row: row["release_at"])
    had = taken(tx, "booking", found, limit)
    for row in had:
        tx.put("booking", row["id"], {**row, "release_at": until})
    return [{"id": row["id"]} for row in had]


@query
def ended(tx: Transaction, now: datetime, limit: int) -> Rows:
    yield from none()
    assert all(row["ends_at"] is None for row in tx.all("booking")), "nothing here takes place at a time"
    return []


@query
def next_due(tx: Transaction) -> Rows:
    yield from none()
    return [
        {
            "min": min(
                (row["release_at"] for row in tx.all("booking") if row["status"] == "pending"), default=None
            )
        }
    ]


@query
def postpone_release(tx: Transaction, booking: UUID, until: datetime) -> Rows:
    yield from tx.lock("booking", booking)
    row = tx.row("booking", booking)
    if row["status"] == "pending":
        tx.put("booking", booking, {**row, "release_at": until})
    return []


# A rebuild's half.


@query
def lock_resource_alone(tx: Transaction, resource: str) -> Rows:
    yield from tx.lock("resource", resource, "alone")
    return [{"id": resource}]


@query
def bump_epoch(tx: Transaction, resource: str, epoch: str, _since: datetime) -> Rows:
    yield from tx.update("resource", resource, epoch=epoch)
    return [{"layout": tx.row("resource", resource)["layout"], "first": 0}]


@query
def confirmed_counts(tx: Transaction, resource: str, _first: int) -> Rows:
    yield from none()
    counts: dict[int, int] = {}
    for line in tx.all("booking_line"):
        if line["resource"] == resource and line["state"] == "confirmed":
            counts[line["index"]] = counts.get(line["index"], 0) + line["quantity"]
    return [{"index": index, "quantity": counts[index]} for index in sorted(counts)]


@query
def pending_bookings(tx: Transaction, resource: str) -> Rows:
    yield from none()
    found = (
        line["booking_id"]
        for line in tx.all("booking_line")
        if line["resource"] == resource and line["state"] == "pending"
    )
    return [{"id": booking} for booking in dict.fromkeys(found)]


@query
def unheard_holds(tx: Transaction, resource: str, since: datetime, _first: int) -> Rows:
    """There are no grids here: nothing of a hall is ever over."""
    yield from none()
    behind = (
        line["hold"]
        for line in tx.all("booking_line")
        if line["resource"] == resource
        and line["state"] == "confirmed"
        and (line["applied"] != "confirmed" or tx.row("booking", line["booking_id"])["touched_at"] >= since)
    )
    return [{"hold_id": hold} for hold in dict.fromkeys(behind)]


@query
def given_up_holds(tx: Transaction, resource: str) -> Rows:
    yield from none()
    found = (
        (line["booking_id"], line["hold"])
        for line in tx.all("booking_line")
        if line["resource"] == resource and line["state"] == "released" and line["applied"] != "released"
    )
    return [{"booking_id": booking, "hold_id": hold} for booking, hold in dict.fromkeys(found)]


@query
def returned_holds(tx: Transaction, resource: str) -> Rows:
    yield from none()
    found = (
        line["hold"]
        for line in tx.all("booking_line")
        if line["resource"] == resource and line["state"] == "released" and line["applied"] != "released"
        if tx.row("booking", line["booking_id"])["cancel_reason"] == "returned"
    )
    return [{"hold_id": hold} for hold in dict.fromkeys(found)]


@query
def mark_resource_lines(tx: Transaction, resource: str) -> Rows:
    yield from none()
    behind = [
        line
        for line in tx.all("booking_line")
        if line["resource"] == resource and line["applied"] != line["state"]
        if tx.row("booking", line["booking_id"])["cancel_reason"] != "returned"
    ]
    free = {each for each in {line["booking_id"] for line in behind} if tx.try_lock("booking", each)}
    for line in behind:
        if line["booking_id"] in free:
            key = (line["booking_id"], line["position"])
            tx.put("booking_line", key, {**tx.row("booking_line", key), "applied": line["state"]})
    return []


# What is told.


@told
def tell(tx: Transaction, event: UUID, kind: str, booking: UUID | None, facts: Any) -> Rows:
    yield from _tell(tx, event, kind, booking, facts)
    return []


def _tell(tx: Transaction, event: UUID, kind: str, booking: UUID | None, facts: Any) -> Rows:
    yield from tx.lock("outbox", event)
    if tx.get("outbox", event) is not None:
        return []
    tx.put("outbox", event, {"id": event, "kind": kind, "told_of": booking, "facts": facts})
    return [{"id": event}]


@told
def tell_all(
    tx: Transaction, events: Sequence[UUID], kinds: Sequence[str], of: Sequence[UUID], facts: Sequence[Any]
) -> Rows:
    new: list[Row] = []
    for each in zip(events, kinds, of, facts, strict=True):
        new += (yield from _tell(tx, *each)) or []
    return new


@changed
def confirmed(tx: Transaction, _limit: int) -> Rows:
    """Nobody changes a booking here."""
    yield from none()
    return []
