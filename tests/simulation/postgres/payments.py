# ruff: noqa: PLR0917, ARG001  # a handler's arguments are its query's
"""server/payments/sql in memory: payments, refunds and the inbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.payments import inbox_store, refund_store, store
from tests.simulation.postgres.bookings import SECURED, Rows, taken, whole
from tests.simulation.postgres.queries import none, optional, simulates
from tests.simulation.postgres.transactions import Row, Transaction

TAKEN: Final = ("paid", "partially_refunded", "refunded", "disputed")
OPEN: Final = ("requested", "pending")

query = simulates(store._queries)
refunds = simulates(refund_store._queries)
inbox = simulates(inbox_store._queries)

_NEW: Final[Row] = {
    "extra": False, "share": None, "provider_id": None, "status": "pending", "unwanted": False, "flag": None,
    "client_secret": None, "redirect_url": None, "requested_at": None, "accepted": False, "withdrawn": False,
    "refunded": 0, "inner_id": None, "closed": False, "stopping_until": None, "kept": 0, "change": None,
}  # fmt: skip


# What several read.


def seen(tx: Transaction, row: Row) -> Row:
    """A payment with what our unfinished refunds give back, and whether its share is paid by another."""
    back = (r["amount"] for r in tx.all("refund") if r["payment_id"] == row["id"] and r["status"] in OPEN)
    rivals = (
        other
        for other in tx.of_booking("payment", row["booking_id"])
        if other["id"] != row["id"]
        and not other["unwanted"]
        and other["share"] == row["share"]
        and other["status"] in SECURED
    )
    outstanding = sum(back) if row["status"] in TAKEN else 0
    return {**row, "outstanding": outstanding, "rivalled": next(rivals, None) is not None}


def _with_booking(tx: Transaction, row: Row) -> Row:
    prefixed = {f"p_{name}": value for name, value in seen(tx, row).items()}
    return {**whole(tx, tx.row("booking", row["booking_id"])), **prefixed}


# Attempts.


@query
def insert_payment(
    tx: Transaction, payment: UUID, booking: UUID, extra: bool, share_: UUID | None, provider: str,
    intent: str | None, amount: int, currency: str, requested_at: Any, now: datetime, look: datetime,
) -> Rows:  # fmt: skip
    others = tx.of_booking("payment", booking)
    if intent is not None:
        yield from tx.lock("intent of a payment", (provider, intent))
        if any((p["provider"], p["provider_id"]) == (provider, intent) for p in tx.all("payment")):
            return []
    if not extra:
        yield from tx.lock("live payment", (booking, share_))
        if any(p["status"] == "pending" and not p["extra"] and p["share"] == share_ for p in others):
            return []
    attempt = max((p["attempt"] for p in others), default=0) + 1
    row = {
        **_NEW, "id": payment, "booking_id": booking, "attempt": attempt, "extra": extra, "share": share_,
        "provider": provider, "provider_id": intent, "amount": amount, "currency": currency,
        "requested_at": requested_at, "created_at": now, "updated_at": now, "check_at": look,
    }  # fmt: skip
    tx.put("payment", payment, row)
    return [{"id": payment}]


@query
def insert_first(tx: Transaction, *columns: Sequence[Any]) -> Rows:
    for payment, booking, provider, amount, currency, asked, now, look in zip(*columns, strict=True):
        yield from insert_payment(
            tx, payment, booking, False, None, provider, None, amount, currency, asked, now, look
        )
    return []


@query
def payment(tx: Transaction, name: UUID) -> Rows:
    yield from none()
    row = tx.get("payment", name)
    return [] if row is None else [seen(tx, row)]


@query
def payments_with_bookings(tx: Transaction, names: Sequence[UUID]) -> Rows:
    yield from none()
    found = [row for row in (tx.get("payment", name) for name in names) if row is not None]
    return [_with_booking(tx, row) for row in found]


@query
def payments_with_buyers(tx: Transaction, names: Sequence[UUID]) -> Rows:
    yield from none()
    found = [row for row in (tx.get("payment", name) for name in names) if row is not None]
    buyers = [tx.row("booking", row["booking_id"]) for row in found]
    return [
        {**seen(tx, row), "buyers_session": buyer["session"], "buyers_user": buyer["user_id"]}
        for row, buyer in zip(found, buyers, strict=True)
    ]


@query
def lock_payments(tx: Transaction, names: Sequence[UUID]) -> Rows:
    found = [row for row in (tx.get("payment", name) for name in sorted(set(names))) if row is not None]
    had = [
        row
        for row in found
        if all(
            [  # noqa: C419  # each is tried
                tx.try_lock("resource", line["resource"], "share")
                for line in tx.of_booking("booking_line", row["booking_id"])
            ]
        )
        and tx.try_lock("booking", row["booking_id"])
    ]
    for row in had:
        yield from tx.lock("payment", row["id"])
    return [_with_booking(tx, tx.row("payment", row["id"])) for row in had]


@query
def lock_payment(tx: Transaction, name: UUID) -> Rows:
    yield from tx.lock("payment", name)
    return [seen(tx, tx.row("payment", name))]


def _of_intent(tx: Transaction, provider: str, intent: str) -> UUID | None:
    found = [
        row
        for row in tx.all("payment")
        if (row["provider"], row["provider_id"]) == (provider, intent) or row["inner_id"] == intent
    ]
    found.sort(key=lambda row: row["provider_id"] != intent)
    return found[0]["id"] if found else None


@query
def payment_by_intent(tx: Transaction, provider: str, intent: str) -> Rows:
    yield from none()
    found = _of_intent(tx, provider, intent)
    return [] if found is None else [{"id": found}]


@query
def payments_by_intents(tx: Transaction, providers: Sequence[str], intents: Sequence[str]) -> Rows:
    yield from none()
    found = [_of_intent(tx, *asked) for asked in zip(providers, intents, strict=True)]
    return [
        {"place": place, **_with_booking(tx, tx.row("payment", name))}
        for place, name in enumerate(found, 1)
        if name is not None
    ]


@query
def known_intents(tx: Transaction, provider: str, intents: Sequence[str]) -> Rows:
    yield from none()
    names = ("id", "provider_id", "inner_id", "status", "refunded")
    return [
        {name: row[name] for name in names}
        for row in tx.all("payment")
        if (row["provider"] == provider and row["provider_id"] in intents) or row["inner_id"] in intents
    ]


@query
def payments_of_booking(tx: Transaction, booking: UUID) -> Rows:
    yield from none()
    found = sorted(tx.of_booking("payment", booking), key=lambda row: row["attempt"])
    return [{**row, "outstanding": 0, "rivalled": False} for row in found]


@query
def mark_requested(tx: Transaction, names: Sequence[UUID], now: datetime) -> Rows:
    had = []
    for name in sorted(set(names)):
        if tx.try_lock("payment", name):
            marked = yield from mark_one_requested(tx, name, now)
            had.append({"id": name, "is_live": bool(marked)})
    return had


@query
def mark_one_requested(tx: Transaction, name: UUID, now: datetime) -> Rows:
    yield from tx.lock("payment", name)
    row = tx.row("payment", name)
    if row["status"] not in ("pending", "authorized"):
        return []
    tx.put("payment", name, {**row, "requested_at": optional(row["requested_at"], now)})
    return [{"id": name}]


@query
def set_intents(tx: Transaction, *columns: Sequence[Any]) -> Rows:
    had = []
    for new in sorted(zip(*columns, strict=True), key=lambda new: new[0]):
        if tx.try_lock("payment", new[0]):
            yield from set_intent(tx, *new)
            had.append({"id": new[0]})
    return had


@query
def set_intent(tx: Transaction, name: UUID, intent: str, secret: Any, redirect: Any, inner: Any) -> Rows:
    yield from tx.update(
        "payment", name, provider_id=intent, client_secret=secret, redirect_url=redirect,
        inner_id=lambda row: optional(inner, row["inner_id"]),
    )  # fmt: skip
    return []


@query
def set_status(
    tx: Transaction, name: UUID, status: str, now: datetime, look: Any, accepted: bool, refunded: int | None
) -> Rows:
    yield from tx.update(
        "payment", name, status=status, updated_at=now,
        check_at=lambda row: None if row["closed"] and status == "failed" else look,
        accepted=lambda row: row["accepted"] or accepted,
        refunded=lambda row: optional(refunded, row["refunded"]),
    )  # fmt: skip
    return []


@query
def set_statuses(
    tx: Transaction, names: Sequence[UUID], statuses: Sequence[str], now: datetime, looks: Sequence[Any],
    accepted: Sequence[bool],
) -> Rows:  # fmt: skip
    for name, status, look, is_accepted in zip(names, statuses, looks, accepted, strict=True):
        yield from set_status(tx, name, status, now, look, is_accepted, None)
    return []


@query
def accept_secured(tx: Transaction, booking: UUID, now: datetime) -> Rows:
    found = yield from tx.update_where(
        "payment",
        tx.of_booking("payment", booking),
        lambda row: not row["unwanted"] and row["status"] in ("pending", *SECURED),
        accepted=lambda row: row["accepted"] or row["status"] != "pending",
        check_at=now,
    )
    return [{"id": row["id"], "status": row["status"]} for row in found if row["accepted"]]


@query
def unwant_all(tx: Transaction, booking: UUID, now: datetime) -> Rows:
    found = yield from tx.update_where(
        "payment",
        tx.of_booking("payment", booking),
        lambda row: row["accepted"] or (not row["unwanted"] and row["status"] in SECURED),
        unwanted=True,
        updated_at=now,
        check_at=now,
    )
    return [{"id": row["id"]} for row in found]


@query
def fail_pending(tx: Transaction, booking: UUID, now: datetime, look: datetime) -> Rows:
    yield from tx.update_where(
        "payment",
        tx.of_booking("payment", booking),
        lambda row: bool(row["status"] == "pending"),
        status="failed",
        updated_at=now,
        check_at=lambda row: None if row["closed"] else look,
    )
    return []


@query
def stopping(tx: Transaction, name: UUID, until: datetime) -> Rows:
    yield from tx.update("payment", name, stopping_until=until)
    return []


@query
def stopped(tx: Transaction, name: UUID, until: datetime, cancelled_at: Any) -> Rows:
    yield from tx.update_where(
        "payment",
        [tx.row("payment", name)],
        lambda row: bool(row["stopping_until"] == until),
        stopping_until=cancelled_at,
    )
    return []


@query
def set_flag(tx: Transaction, name: UUID, flag: str, now: datetime) -> Rows:
    yield from tx.update("payment", name, flag=flag, updated_at=now)
    return []


@query
def set_unwanted(tx: Transaction, name: UUID, now: datetime) -> Rows:
    yield from tx.update("payment", name, unwanted=True, updated_at=now, check_at=now)
    return []


@query
def keep(tx: Transaction, name: UUID, amount: int) -> Rows:
    yield from tx.update("payment", name, kept=amount)
    return []


@query
def check_later(tx: Transaction, name: UUID, when: Any, status: str, unwanted: bool) -> Rows:
    yield from tx.update_where(
        "payment",
        [tx.row("payment", name)],
        lambda row: (row["status"], row["unwanted"]) == (status, unwanted),
        check_at=when,
    )
    return []


@query
def close(tx: Transaction, name: UUID) -> Rows:
    yield from tx.update(
        "payment", name, closed=True,
        check_at=lambda row: None if row["status"] == "failed" else row["check_at"],
    )  # fmt: skip
    return []


@query
def check_now(tx: Transaction, names: Sequence[UUID], now: datetime) -> Rows:
    yield from tx.update_all(
        "payment", names, check_at=lambda row: now if row["check_at"] is None else min(row["check_at"], now)
    )
    return []


@query
def take_unchecked(tx: Transaction, now: datetime, until: datetime, limit: int) -> Rows:
    yield from none()
    found = [row for row in tx.all("payment") if row["check_at"] is not None and row["check_at"] <= now]
    found.sort(key=lambda row: (row["status"] not in ("pending", "authorized"), row["check_at"]))
    had = taken(tx, "payment", found, limit)
    for row in had:
        tx.put("payment", row["id"], {**row, "check_at": until})
    return [{"id": row["id"]} for row in had]


# Refunds.


@refunds
def owe(
    tx: Transaction, refund: UUID, of: UUID, purpose: str, amount: int, reason: str, note: str, attempts: int,
    due_at: datetime, now: datetime,
) -> Rows:  # fmt: skip
    yield from tx.lock("purpose of a refund", (of, purpose))
    if any((r["payment_id"], r["purpose"]) == (of, purpose) for r in tx.all("refund")):
        return []
    row = {
        "id": refund, "payment_id": of, "purpose": purpose, "amount": amount, "reason": reason,
        "status": "requested", "provider_id": None, "attempts": attempts, "due_at": due_at,
        "created_at": now, "done_at": None, "last_error": None, "note": note,
    }  # fmt: skip
    tx.put("refund", refund, row)
    return []


@refunds
def count(tx: Transaction, of: UUID) -> Rows:
    yield from none()
    return [{"count": sum(row["payment_id"] == of for row in tx.all("refund"))}]


@refunds
def take(tx: Transaction, now: datetime, until: datetime, limit: int) -> Rows:
    yield from none()
    found = [
        row
        for row in tx.all("refund")
        if row["status"] in OPEN
        and row["due_at"] <= now
        and tx.row("payment", row["payment_id"])["status"] != "disputed"
    ]
    found.sort(key=lambda row: row["due_at"])
    return [_taken_refund(tx, row, until) for row in taken(tx, "refund", found, limit)]


def _taken_refund(tx: Transaction, row: Row, until: datetime) -> Row:
    paid = tx.row("payment", row["payment_id"])
    row = {**row, "due_at": until, "attempts": row["attempts"] + 1}
    tx.put("refund", row["id"], row)
    return {
        "id": row["id"], "payment_id": row["payment_id"], "booking_id": paid["booking_id"],
        "purpose": row["purpose"], "amount": row["amount"], "reason": row["reason"], "note": row["note"],
        "status": row["status"], "attempts": row["attempts"], "made": row["provider_id"],
        "provider": paid["provider"], "intent": paid["provider_id"],
    }  # fmt: skip


@refunds
def under_way(tx: Transaction, name: UUID, made: str, again: datetime) -> Rows:
    yield from tx.update_where(
        "refund",
        [tx.row("refund", name)],
        lambda row: row["status"] in (*OPEN, "dropped"),
        status="pending",
        provider_id=made,
        due_at=again,
        last_error=None,
        done_at=None,
    )
    return []


@refunds
def postpone(tx: Transaction, name: UUID, again: datetime, why: str) -> Rows:
    yield from tx.update("refund", name, due_at=again, last_error=why)
    return []


@refunds
def finish(tx: Transaction, name: UUID, status: str, made: Any, now: datetime, why: Any) -> Rows:
    found = yield from tx.update_where(
        "refund",
        [tx.row("refund", name)],
        lambda row: row["status"] in OPEN or (row["status"] == "dropped" and status == "succeeded"),
        status=status,
        provider_id=lambda row: optional(made, row["provider_id"]),
        done_at=now,
        last_error=why,
    )
    return [{"id": row["id"]} for row in found]


def _of_booking(tx: Transaction, booking: UUID) -> list[Row]:
    of = {row["id"] for row in tx.of_booking("payment", booking)}
    return [row for row in tx.all("refund") if row["payment_id"] in of]


@refunds
def supersede(tx: Transaction, booking: UUID, now: datetime) -> Rows:
    yield from tx.update_where(
        "refund",
        _of_booking(tx, booking),
        lambda row: (
            row["status"] == "requested" and row["provider_id"] is None and row["purpose"].startswith("part:")
        ),
        status="dropped",
        done_at=now,
        last_error="all of it goes back",
    )
    return []


@refunds
def came_back(tx: Transaction, of: UUID, now: datetime) -> Rows:
    yield from tx.update_where(
        "refund",
        [row for row in tx.all("refund") if row["payment_id"] == of],
        lambda row: row["status"] in ("pending", "succeeded") and row["provider_id"] is not None,
        status="pending",
        due_at=now,
        done_at=None,
        attempts=0,
    )
    return []


@refunds
def of_booking(tx: Transaction, booking: UUID) -> Rows:
    yield from none()
    names = ("id", "payment_id", "amount", "reason", "note", "status", "created_at", "done_at")
    found = sorted(_of_booking(tx, booking), key=lambda row: (row["created_at"], row["id"]))
    return [
        {**{name: row[name] for name in names}, "currency": tx.row("payment", row["payment_id"])["currency"]}
        for row in found
    ]


@refunds
def sums(tx: Transaction, booking: UUID) -> Rows:
    yield from none()
    found: dict[UUID, Row] = {}
    for row in _of_booking(tx, booking):
        empty = {"payment_id": row["payment_id"], "given": 0, "under_way": 0, "unasked": 0}
        each = found.setdefault(row["payment_id"], empty)
        each["given"] += row["amount"] if row["status"] == "succeeded" else 0
        each["under_way"] += row["amount"] if row["status"] in OPEN else 0
        unasked = row["status"] == "requested" and row["attempts"] == 0 and row["provider_id"] is None
        each["unasked"] += row["amount"] if unasked else 0
    return list(found.values())


# The inbox.


@inbox
def keep_events(tx: Transaction, *given: Any) -> Rows:
    *columns, now, until = given
    new = []
    for provider, event, kind, of, body, is_taken in zip(*columns, strict=True):
        yield from tx.lock("inbox", (provider, event))
        if tx.get("inbox", (provider, event)) is not None:
            continue
        row = {
            "id": (provider, event), "provider": provider, "event_id": event, "kind": kind, "object_id": of,
            "body": body, "received_at": now, "attempts": int(is_taken), "due_at": until if is_taken else now,
            "done_at": None, "dead_at": None, "last_error": None,
        }  # fmt: skip
        tx.put("inbox", (provider, event), row)
        new.append({"provider": provider, "event_id": event})
    return new


@inbox
def take_events(tx: Transaction, now: datetime, until: datetime, limit: int) -> Rows:
    yield from none()
    waiting = [row for row in tx.all("inbox") if row["done_at"] is None and row["dead_at"] is None]
    found = sorted((row for row in waiting if row["due_at"] <= now), key=lambda row: row["due_at"])
    of = {(row["provider"], row["object_id"]) for row in taken(tx, "inbox", found, limit)}
    had = [
        row for row in found if (row["provider"], row["object_id"]) in of and tx.try_lock("inbox", row["id"])
    ]
    for row in had:
        tx.put("inbox", row["id"], {**row, "due_at": until, "attempts": row["attempts"] + 1})
    names = ("provider", "event_id", "object_id", "attempts", "received_at")
    return [{name: tx.row("inbox", row["id"])[name] for name in names} for row in had]


@inbox
def events_done(tx: Transaction, providers: Sequence[str], events: Sequence[str], now: datetime) -> Rows:
    keys = list(zip(providers, events, strict=True))
    yield from tx.update_all("inbox", keys, done_at=now, last_error=None)
    return []


@inbox
def events_wait(tx: Transaction, provider: str, events: Sequence[str], why: str, until: datetime) -> Rows:
    keys = [(provider, event) for event in events]
    yield from tx.update_all(
        "inbox", keys, last_error=why, due_at=until, attempts=lambda row: row["attempts"] - 1
    )
    return []


@inbox
def event_failed(tx: Transaction, provider: str, event: str, why: str, again: datetime, dead: Any) -> Rows:
    yield from tx.update("inbox", (provider, event), last_error=why, due_at=again, dead_at=dead)
    return []


@inbox
def standing(tx: Transaction) -> Rows:
    yield from none()
    waiting = [row for row in tx.all("inbox") if row["done_at"] is None]
    oldest = min((row["received_at"] for row in waiting if row["dead_at"] is None), default=None)
    dead = sum(row["dead_at"] is not None for row in waiting)
    return [{"waiting": len(waiting) - dead, "oldest": oldest, "dead": dead}]


@inbox
def forget_events(tx: Transaction, _before: datetime, _limit: int) -> Rows:
    """No story lasts that long."""
    yield from none()
    return [{"count": 0}]
