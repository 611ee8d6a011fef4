"""Who is connected sees each change soon after the first who saw it (I5), not at the end alone.

Sound: a change counts from the moment at which any client had been shown it, and for a client that came since
from its welcome on; faults, and the time to recover from each, are no part of it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.torture.checkers.deadlines import excused, windows
from tests.torture.checkers.stories import ended_by
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.checkers.violation import Violation
from tests.torture.history import History, Observation

SHOWN: Final = frozenset({"snapshot", "delta"})
View = tuple[str, str]
Position = tuple[str, int]


@dataclass
class Freshness:
    """How late (ns) whoever was latest saw something, of how many views, and who was too late.

    `calm` is that while there was no fault, nor the time to recover from one.
    """

    worst: int = 0
    calm: int = 0
    views: int = 0
    late: list[Violation] = field(default_factory=list)


def freshness(history: History, terms: Terms) -> Freshness:
    """Every view of every client beside what others had been shown by then."""
    shown, patient = _first_shown(history), replace(terms, late_ms=terms.fresh_ms)
    faults, found = windows(history, terms), Freshness()
    for client, view, since, until, at in _stretches(history):
        due = shown[view].next_after(at, since)
        if due is None or due >= until:
            continue
        found.views += 1
        found.worst = max(found.worst, until - due)
        by = excused(due, faults, patient)
        if by == due + patient.late_ms * MILLISECOND:
            found.calm = max(found.calm, until - due)
        if until > by:
            late = (until - due) // MILLISECOND
            found.late.append(
                Violation("I5", f"{client} saw {view[0]} at {at} {late} ms after others saw more")
            )
    return found


class _Shown:
    """When each position of a view was first shown to anybody."""

    def __init__(self) -> None:
        self._first: dict[str, dict[int, int]] = defaultdict(dict)
        self._epochs: list[tuple[int, str]] = []
        self._ordered: dict[str, tuple[list[int], int]] = {}

    def add(self, epoch: str, version: int, at: int) -> None:
        if epoch not in self._first:
            self._epochs.append((at, epoch))
        self._first[epoch].setdefault(version, at)

    def next_after(self, position: Position, since: int) -> int | None:
        """When somebody had more than that: of its epoch, or of a later one; `since` at the earliest."""
        epoch, version = position
        if epoch not in self._ordered:
            self._ordered[epoch] = sorted(self._first[epoch]), min(self._first[epoch].values())
        versions, begun = self._ordered[epoch]
        place = bisect_right(versions, version)
        moments = [self._first[epoch][versions[place]]] if place < len(versions) else []
        later = [at for at, other in self._epochs if other != epoch and at > begun]
        moments += later[:1]
        return max(since, min(moments)) if moments else None


def _first_shown(history: History) -> dict[View, _Shown]:
    found: dict[View, _Shown] = defaultdict(_Shown)
    for seen in history.observations:
        if _is_shown(seen):
            found[_view(seen)].add(seen.what["epoch"], seen.what["to"], seen.at)
    return found


def _is_shown(seen: Observation) -> bool:
    return seen.kind == "view" and seen.what["how"] in SHOWN


def _view(seen: Observation) -> View:
    return seen.what["resource"], str(seen.what.get("view", ""))


def _stretches(history: History) -> Iterator[tuple[str, View, int, int, Position]]:
    """Each time in which a client that was there was at one position: who, of what, from when to when."""
    last = max((seen.at for seen in history.observations), default=0)
    moves: dict[tuple[str, View], list[tuple[int, Position]]] = defaultdict(list)
    for seen in history.observations:
        if _is_shown(seen):
            moves[seen.client, _view(seen)].append((seen.at, (seen.what["epoch"], seen.what["to"])))
    presences = _presences(history, last)
    for (client, view), stood in moves.items():
        there = presences.get(client, ())
        for place, (at, position) in enumerate(stood):
            moved = stood[place + 1][0] if place + 1 < len(stood) else last
            for came, went in there:
                since, until = max(at, came), min(moved, went)
                if since < until:
                    yield client, view, since, until, position


def _presences(history: History, last: int) -> dict[str, Sequence[tuple[int, int]]]:
    """When each client was connected: from its welcome until it went, or was cut."""
    came: dict[str, int] = {}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for operation in history.operations:
        if operation.kind == "connect" and operation.outcome == "ok":
            came.setdefault(operation.client, ended_by(operation)[1])
        elif operation.kind in {"disconnect", "leave"} and operation.client in came:
            found[operation.client].append((came.pop(operation.client), operation.invoked))
    for client, since in came.items():
        found[client].append((since, last))
    return dict(found)
