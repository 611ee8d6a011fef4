"""Brute force for small histories: what the checkers must find, told by trying everything.

Slow, and so plain that there is nothing to doubt: each is a promise's definition, or a search over all orders
in which what was answered can have happened (Wing, Gong: Testing and verifying concurrent objects, 1993).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, permutations, product
from typing import Literal, NamedTuple

from tests.torture.checkers.claims import FOREVER, Proof
from tests.torture.checkers.ledger import Booking, Intent, Ledger
from tests.torture.history import History, Observation, Operation


@dataclass(frozen=True)
class Event:
    """Something that happened at one moment of [since, until], or, if it need not have, never.

    `wants` is what a `take` takes, `after` what must have happened before it.
    """

    kind: str
    name: str
    since: int
    until: int
    must: bool = True
    wants: Mapping[str, int] = field(default_factory=dict)


Fits = Callable[[Sequence[Event], Event], bool]


def can_be_ordered(events: Sequence[Event], fits: Fits) -> bool:
    """Whether all that must have happened can have happened in some order.

    `fits` says whether a `take` or a `refusal` is right beside what stands then.
    """
    seen: set[tuple[frozenset[int], int, frozenset[str]]] = set()

    def search(left: frozenset[int], now: int, standing: tuple[Event, ...], ended: frozenset[str]) -> bool:
        if not any(events[place].must for place in left):
            return True
        state = (left, now, ended)
        if state in seen:
            return False
        seen.add(state)
        return any(
            search(left - {place}, max(now, event.since), *after)
            for place in left
            if (event := events[place]).until >= now
            and all(events[other].until >= event.since for other in left if events[other].must)
            and (after := _after(event, standing, ended, fits)) is not None
        )

    return search(frozenset(range(len(events))), 0, (), frozenset())


def _after(
    event: Event, standing: tuple[Event, ...], ended: frozenset[str], fits: Fits
) -> tuple[tuple[Event, ...], frozenset[str]] | None:
    """What stands after it, and what has ended; None if it cannot happen now."""
    if event.kind == "take":
        return ((*standing, event), ended) if fits(standing, event) else None
    if event.kind == "refusal":
        return None if fits(standing, event) else (standing, ended)
    stands = any(each.name == event.name for each in standing)
    if not stands and event.name not in ended:
        return None  # nothing ends before it has begun
    return tuple(each for each in standing if each.name != event.name), ended | {event.name}


def events_of(history: History, late: int = FOREVER) -> list[Event]:
    """Takes, refusals, releases and deadlines of a history that has nothing else.

    `late` (ns) is how long after its deadline a hold may stand at most.
    """
    found: list[Event] = []
    for place, operation in enumerate(history.operations):
        until = FOREVER if operation.returned is None else operation.returned
        if operation.kind == "release":
            name = operation.arguments["hold"]
            found.append(Event("end", name, operation.invoked, until, must=operation.outcome == "ok"))
            continue
        wants = _wants(operation)
        if operation.outcome == "fail":
            found.append(Event("refusal", f"refusal {place}", operation.invoked, until, wants=wants))
            continue
        name = operation.result.get("hold", f"unknown {place}")
        is_ok = operation.outcome == "ok"
        found.append(Event("take", name, operation.invoked, until, must=is_ok, wants=wants))
        if is_ok:
            due = history.moment(operation.result["expires_at"])
            found.append(Event("end", name, due, due + late, must=late < FOREVER))
    return found


def _wants(operation: Operation) -> Mapping[str, int]:
    if "range" in operation.arguments:
        start, end = (int(moment[11:13]) for moment in operation.arguments["range"])
        return {str(hour): 1 for hour in range(start, end)}
    wants: Counter[str] = Counter()
    for slot, quantity in operation.arguments["items"]:
        wants[slot] += quantity
    return wants


def within(capacity: int) -> Fits:
    """Every slot has room for so many."""

    def fits(standing: Sequence[Event], event: Event) -> bool:
        taken: Counter[str] = Counter()
        for each in standing:
            taken.update(each.wants)
        return all(taken[slot] + quantity <= capacity for slot, quantity in event.wants.items())

    return fits


class Life(NamedTuple):
    """When a thing began and when it ended."""

    began: int
    ended: int


def certain_span(
    proofs: Sequence[Proof], acts: Sequence[tuple[int, int]], horizon: int
) -> tuple[int, int] | Literal[False] | None:
    """When a thing stood in every life that fits its proofs; None if at no moment, False if none fits."""
    due = max(proof.until for proof in proofs)
    lives = [
        Life(began, ended)
        for began, ended in product(range(horizon), repeat=2)
        if began <= ended
        and (ended >= due or any(since <= ended <= until for since, until in acts))
        and all(max(began, proof.since) <= min(ended, proof.known) for proof in proofs)
    ]
    if not lives:
        return False
    since, until = max(life.began for life in lives), min(life.ended for life in lives)
    return (since, until) if since <= until else None


def versions_fit(given: Sequence[tuple[int, int, int]]) -> bool:
    """Whether effects, (invoked, returned, version), can have got rising versions in some real order."""
    return any(
        all(one[2] < other[2] for one, other in pairwise(order))
        and not any(
            order[later][1] < order[earlier][0]
            for earlier in range(len(order))
            for later in range(earlier + 1, len(order))
        )
        for order in permutations(given)
    )


def view_fits(messages: Iterable[Observation]) -> bool:
    """Whether one client's view only ever grew, by the sets of versions that each message tells of."""
    known: set[int] | None = None
    epoch = ""
    gap = False
    for what in (message.what for message in messages):
        if what["how"] == "resync":
            gap = False
        elif what["how"] == "fresh":
            known, gap = None, False
        elif what["how"] == "snapshot":
            told = set(range(what["to"] + 1))
            if known is not None and epoch == what["epoch"] and not told >= known:
                return False
            known, epoch, gap = told, what["epoch"], False
        elif what["to"] < what["since"] or gap or (known is not None and what["epoch"] != epoch):
            return False
        elif known is None or not known >= set(range(what["since"] + 1)):
            gap = True
        else:
            known |= set(range(what["since"] + 1, what["to"] + 1))
    return True


def money_fits(ledger: Ledger, intents: Sequence[Intent]) -> bool:
    """Whether each booking that stands can be told by whom it was paid, and nothing else is kept."""
    payers = {payment.id: payment.share for payment in ledger.payments}

    def is_paid_by(booking: Booking, chosen: Sequence[Intent], rest: Sequence[Intent]) -> bool:
        who = [payers.get(intent.payment, intent.payment) for intent in chosen]
        return (
            len(set(who)) == len(who)
            and sum(intent.captured - intent.refunded for intent in chosen) == booking.total
            and all(intent.captured > intent.refunded for intent in chosen)
            and all(intent.captured == intent.refunded for intent in rest)
            and all(intent.currency == booking.currency for intent in (*chosen, *rest))
        )

    def fits(booking: Booking) -> bool:
        its = [intent for intent in intents if intent.booking == booking.id]
        choices = product((True, False), repeat=len(its))
        return any(
            is_paid_by(
                booking,
                [intent for intent, taken in zip(its, choice, strict=True) if taken],
                [intent for intent, taken in zip(its, choice, strict=True) if not taken],
            )
            for choice in choices
        )

    standing = [booking for booking in ledger.bookings.values() if booking.stands]
    others = [each for each in intents if each.booking not in {booking.id for booking in standing}]
    return (
        all(map(fits, standing))
        and all(each.captured == each.refunded for each in others)
        and all(0 <= each.refunded <= each.captured <= each.amount and not each.held for each in intents)
    )


def endings(history: History, name: str) -> set[str]:
    """How a booking that was answered as confirmed may stand in the end: by every order of what followed."""
    states = {"confirmed", "completed"}
    for operation in history.operations:
        if operation.kind == "cancel" and operation.arguments["booking"] == name:
            states |= {"cancelled"} if operation.outcome != "fail" else set()
    return states
