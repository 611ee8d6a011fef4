"""No confirmation lost (I8), nothing sold twice in the ledger (I1), no outcome left open (I4).

All are exact: they compare what was answered with the rows that there are.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tests.torture.checkers.ledger import Booking, Ledger
from tests.torture.checkers.stories import STANDING
from tests.torture.checkers.violation import Violation
from tests.torture.history import History

_KEEP = frozenset(
    {"book", "pay", "read", "confirm", "hold", "extend", "connect", "release", "change", "offer", "accept"}
)
"""Operations that end no booking."""


def lost_confirmations(history: History, ledger: Ledger) -> list[Violation]:
    """What was answered as confirmed is in the ledger: the same lines, total and owner.

    It stands there, or somebody of the history may have ended it.
    """
    ended, changed = ended_bookings(history), _named(history, {"change", "accept"})
    found: dict[str, Violation] = {}
    for client, told in _confirmed(history):
        name = told["booking"]
        row = ledger.bookings.get(name)
        if name not in found and (text := _differs(told, row, name in ended, name in changed)):
            found[name] = Violation("I8", f"{name}, confirmed to {client}, {text}", (told,))
    return list(found.values())


def ended_bookings(history: History) -> set[str]:
    """Those that somebody may have ended."""
    return _named(history, {operation.kind for operation in history.operations} - _KEEP)


def _named(history: History, kinds: Collection[str]) -> set[str]:
    return {
        operation.arguments["booking"]
        for operation in history.operations
        if operation.kind in kinds and "booking" in operation.arguments and operation.outcome != "fail"
    }


def _confirmed(history: History) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for operation in history.operations:
        result = operation.result
        if operation.outcome == "ok" and "booking" in result and result.get("status") in STANDING:
            yield operation.client, result
    for seen in history.observations:
        if seen.kind == "booking" and seen.what.get("status") in STANDING:
            yield seen.client, seen.what


def _differs(
    told: Mapping[str, Any], row: Booking | None, may_have_ended: bool, is_changed: bool
) -> str | None:
    if row is None:
        return "is not in the ledger"
    if not row.stands and not may_have_ended:
        return f"is {row.status} ({row.reason}) in the ledger, and nobody ended it"
    if may_have_ended or is_changed:  # what a changed one has, and whose it is, others see (changed.py)
        return None
    for name, here in (("total", row.total), ("currency", row.currency), ("session", row.session)):
        if name in told and told[name] != here:
            return f"has {name} {here} in the ledger, not {told[name]}"
    if "lines" in told:
        kept = Counter((line.resource, line.slot) for line in row.lines if line.state == "confirmed")
        missing = [line for line in told["lines"] if (line[0], line[1]) not in kept]
        if missing:
            return f"has lost {missing} in the ledger"
    return None


def oversold(ledger: Ledger) -> list[Violation]:
    """No slot has more live lines in the ledger than it has capacity."""
    taken: Counter[tuple[str, str]] = Counter()
    by: dict[tuple[str, str], list[str]] = defaultdict(list)
    for booking in ledger.bookings.values():
        for line in booking.lines:
            if line.state != "released":
                taken[line.resource, line.slot] += line.quantity
                by[line.resource, line.slot].append(booking.reference)
    return [
        Violation("I1", f"{' '.join(slot)} is taken {count} times of {ledger.capacities[slot]} by {by[slot]}")
        for slot, count in taken.items()
        if count > ledger.capacities.get(slot, count)
    ]


def unresolved(history: History, ledger: Ledger) -> list[Violation]:
    """At rest nothing is left open: no booking pending beyond its deadline, no cart with two that live.

    Equal keys were answered with one booking.
    """
    return [*_pending(ledger), *_twice(ledger), *_answers(history)]


def _pending(ledger: Ledger) -> Iterator[Violation]:
    for booking in ledger.bookings.values():
        if booking.status == "pending" and booking.expires_at < ledger.now:
            late = ledger.now - booking.expires_at
            yield Violation("I4", f"{booking.reference} is pending {late} ms after its deadline", (booking,))
        states = {line.state for line in booking.lines}
        is_free, is_had = not states - {"released"}, "confirmed" in states
        if (booking.status == "cancelled" and not is_free) or (booking.stands and states and not is_had):
            text = f"{booking.reference} is {booking.status}, its lines are {sorted(states)}"
            yield Violation("I4", text, (booking,))


def _twice(ledger: Ledger) -> Iterator[Violation]:
    live: dict[str, list[str]] = defaultdict(list)
    for booking in ledger.bookings.values():
        if booking.status != "cancelled":
            live[booking.reference].append(booking.id)
    for reference, names in live.items():
        if len(names) > 1:
            yield Violation("I4", f"the cart {reference} became {len(names)} bookings: {sorted(names)}")


def _answers(history: History) -> Iterator[Violation]:
    """Who asked twice with one key got one answer."""
    first: dict[tuple[str, str, str], str] = {}
    for operation in history.operations:
        key = operation.arguments.get("key")
        name = {"book": "booking", "hold": "hold"}.get(operation.kind)
        if key is None or name is None or operation.outcome != "ok":
            continue
        answered = operation.result[name]
        before = first.setdefault((operation.client, operation.kind, key), answered)
        if before != answered:
            text = f"{operation.client} asked for one {operation.kind} ({key}), got {before} and {answered}"
            yield Violation("I4", text)
