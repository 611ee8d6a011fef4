"""A hold ends by its deadline and not before, unless its owner ends it (I3, I6, I7).

Early ends: exact as far as certain ownership is (claims.py). Late ones: sound; a hold is judged where its
owner was connected all the time and nothing else may have moved or ended it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.torture.checkers.claims import FOREVER, Ends
from tests.torture.checkers.stories import ENDED, Stories, Story, ended_by
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.checkers.violation import Violation
from tests.torture.history import History

_OVER: Final = frozenset({"released", "expired"})
"""Ends that are final: what was lost may turn out to be booked."""


class _Told(NamedTuple):
    """By `at` the holds had ended; if `any`, at least one of them."""

    at: int
    holds: Sequence[str]
    how: str


def ended_early(history: History, stories: Stories) -> list[Violation]:
    """Nobody is told that a hold has ended while it is certainly theirs."""
    return [
        violation
        for told in _told(history, stories)
        if (violation := _contradicts(told, stories)) is not None
    ]


def _told(history: History, stories: Stories) -> Iterator[_Told]:
    for seen in history.observations:
        if seen.kind == "hold" and seen.what["status"] in ENDED:
            yield _Told(seen.at, [seen.what["hold"]], seen.what["status"])
    for operation in history.operations:
        known = ended_by(operation)[1]
        if operation.kind == "connect" and operation.outcome == "ok" and "holds" in operation.result:
            there = {each["id"] for each in operation.result["holds"]}
            for story in stories.of(operation.client):
                if story.id not in there and story.booking is None:
                    yield _Told(known, [story.id], "missing")
        elif operation.kind == "book" and operation.result.get("code") == "hold_expired":
            cart = stories.cart(operation.client, operation.arguments.get("reference", ""))
            yield _Told(known, [story.id for story in cart], "refused as expired")


def _contradicts(told: _Told, stories: Stories) -> Violation | None:
    """Of several of which one has ended, all have to be certain."""
    holds = [stories.holds[hold] for hold in told.holds if hold in stories.holds]
    found = [stories.span(story, trusting=False) for story in holds]
    if not found or not all(span is not None and span.since <= told.at < span.until for span in found):
        return None
    story = holds[0]
    left = min(span.until for span in found if span is not None) - told.at
    text = f"{story.id} of {story.client} was {told.how}, {_ms(left)} before it could end"
    return Violation("I6" if story.booking else "I3" if told.how == "expired" else "I7", text, tuple(holds))


def ended_late(history: History, stories: Stories) -> list[Violation]:
    """Whoever is connected is told within a second that a hold's deadline has come."""
    last = max((seen.at for seen in history.observations), default=0)
    told: dict[str, int] = {}
    for seen in history.observations:
        if seen.kind == "hold" and seen.what["status"] in ENDED:
            told.setdefault(seen.what["hold"], seen.at)
    absent, unclear = _connections(history)
    faults = windows(history, stories.terms)
    found = []
    for story in stories.holds.values():
        due = deadline(story, stories.terms)
        by = excused(due, faults, stories.terms)
        if unclear.get(story.client, FOREVER) < by or _may_differ(story, stories, by):
            continue
        if story.client not in absent or absent[story.client].first(due) <= by:
            continue
        if told.get(story.id, last) > by:
            when = (
                f"told {_ms(told[story.id] - due)} after its deadline" if story.id in told else "never told"
            )
            found.append(Violation("I3", f"{story.id} of {story.client}: its end was {when}", (story,)))
    return found


def deadline(story: Story, terms: Terms) -> int:
    """The latest moment at which it is due, as its owner was told."""
    return max(proof.until for proof in story.proofs) + 2 * terms.clocks_ms * MILLISECOND


def _may_differ(story: Story, stories: Stories, by: int) -> bool:
    leaving = stories.leaves(story.client)
    return bool(
        story.booking or story.own or story.refused or (leaving is not None and leaving.first(0) <= by)
    )


def _connections(history: History) -> tuple[dict[str, Ends], dict[str, int]]:
    """When each client that ever was connected was not, and since when something of it is open."""
    gone: dict[str, list[tuple[int, int]]] = {}
    left: dict[str, int] = {}
    unclear: dict[str, int] = {}
    for operation in history.operations:
        if operation.kind in {"leave", "disconnect"}:
            left.setdefault(operation.client, operation.invoked)
        elif operation.kind == "connect" and operation.outcome == "ok":
            since = left.pop(operation.client, 0)
            gone.setdefault(operation.client, []).append((since, ended_by(operation)[1]))
        elif operation.outcome == "unknown" and operation.kind in {"hold", "extend", "book", "connect"}:
            unclear.setdefault(operation.client, operation.invoked)
    for client, since in left.items():
        gone.setdefault(client, []).append((since, FOREVER))
    return {client: Ends(moments) for client, moments in gone.items()}, unclear


def windows(history: History, terms: Terms) -> list[tuple[int, int]]:
    """When faults were there, with the time to recover from each; none overlaps another."""
    begun: dict[str, int] = {}
    found: list[tuple[int, int]] = []
    for seen in history.observations:
        if seen.kind == "fault" and seen.what["phase"] == "strike":
            begun.setdefault(seen.what["name"], seen.at)
        elif seen.kind == "fault" and seen.what["name"] in begun:
            found.append((begun.pop(seen.what["name"]), seen.at + terms.recovery_ms * MILLISECOND))
    found += [(moment, FOREVER) for moment in begun.values()]
    merged: list[tuple[int, int]] = []
    for since, until in sorted(found):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def excused(due: int, faults: Sequence[tuple[int, int]], terms: Terms) -> int:
    """By when something due has to have happened: a second later, or that after the fault's end."""
    by = due + terms.late_ms * MILLISECOND
    place = bisect_right(faults, (by, FOREVER)) - 1
    if place >= 0 and faults[place][1] >= due:
        return faults[place][1] + terms.late_ms * MILLISECOND
    return by


def revived(history: History, stories: Stories) -> list[Violation]:
    """Nobody is told that they have what they were told to have ended, unless Redis may have lost that."""
    over: dict[tuple[str, str], int] = {}
    found: list[Violation] = []
    for seen in history.observations:
        if seen.kind != "hold":
            continue
        key = seen.client, seen.what["hold"]
        if seen.what["status"] in _OVER:
            over.setdefault(key, seen.at)
        elif key in over and stories.loses(over[key]) > seen.at:
            after = _ms(seen.at - over.pop(key))
            text = f"{key[1]} of {seen.client} was told as {seen.what['status']} {after} after its end"
            found.append(Violation("I3", text, (seen,)))
    return found


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds // MILLISECOND} ms"
