"""Versions are given once and rise in real time; every client's view goes only forward (I10).

Both are exact.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.torture.checkers.stories import first_asked
from tests.torture.checkers.violation import Violation
from tests.torture.history import History, Operation


class _Given(NamedTuple):
    """A version that an effect got. `again`: the answer may tell a later one, for perhaps it changed nothing:
    it is no release of what was held, or a hold that one had already.
    """

    invoked: int
    returned: int
    version: int
    effect: str
    client: str
    again: bool


def rising(history: History) -> list[Violation]:
    """An effect asked for after another was answered has a higher version; no two have the same.

    By (resource, epoch), where the answers tell the epoch.
    """
    given: dict[tuple[str, str], dict[str, _Given]] = defaultdict(dict)
    asked = first_asked(history.operations)
    open_holds: dict[tuple[str, str], int] = {}
    for operation in history.operations:
        resource = _resource(operation)
        if operation.outcome == "unknown" and operation.kind == "hold":
            open_holds.setdefault((operation.client, resource), operation.invoked)
        if operation.outcome == "ok" and "version" in operation.result and operation.returned is not None:
            again = operation.kind != "hold" or (operation.client, resource) in open_holds
            one = _given(operation, asked(operation), again)
            effects = given[resource, operation.result.get("epoch", "")]
            before = effects.get(one.effect)
            effects[one.effect] = one if before is None else min(before, one, key=lambda each: each.version)
    return [
        violation
        for (resource, _), effects in given.items()
        for violation in (*_fallen(resource, list(effects.values())), *_same(resource, effects.values()))
    ]


def _resource(operation: Operation) -> str:
    found = operation.result.get("resource") or operation.arguments.get("resource") or ""
    return str(found)


def _given(operation: Operation, asked: int, again: bool) -> _Given:
    assert operation.returned is not None
    hold = operation.result.get("hold") if operation.kind == "hold" else None
    effect = hold or f"{operation.kind} {operation.client} {operation.invoked}"
    return _Given(asked, operation.returned, operation.result["version"], effect, operation.client, again)


def _fallen(resource: str, given: Sequence[_Given]) -> Iterator[Violation]:
    """The highest version answered before each was asked for."""
    answered = sorted(given, key=lambda each: each.returned)
    highest: _Given | None = None
    place = 0
    for one in sorted(given, key=lambda each: each.invoked):
        while place < len(answered) and answered[place].returned < one.invoked:
            other = answered[place]
            if not other.again and (highest is None or other.version > highest.version):
                highest = other
            place += 1
        if highest is not None and one.version < highest.version:
            had = f"after {highest.effect} had {highest.version}"
            text = f"{resource}: {one.effect} got version {one.version} {had}"
            yield Violation("I10", text, (highest, one))


def _same(resource: str, given: Iterable[_Given]) -> Iterator[Violation]:
    first: dict[int, _Given] = {}
    for one in given:
        if one.again:
            continue
        before = first.setdefault(one.version, one)
        if before is not one:
            text = f"{resource}: version {one.version} was given twice, to {before.effect} and {one.effect}"
            yield Violation("I10", text, (before, one))


# -- what each client was shown -----------------------------------------------------------------------------


def monotone(history: History) -> list[Violation]:
    """What each client was sent fits what it had: nothing goes back, nothing is left out unnoticed.

    After a gap the client asks again (`resync`); until it has, or a snapshot came, no delta counts. A view of
    another connection goes on where the client stood, unless it was asked for without a position (`fresh`):
    who comes without one may be given a snapshot that is a second old.
    """
    positions: dict[tuple[str, str, str], _Position] = {}
    found: list[Violation] = []
    for seen in history.observations:
        if seen.kind == "view":
            what = seen.what
            key = (seen.client, what["resource"], str(what.get("view", "")))
            text = positions.setdefault(key, _Position()).takes(what)
            if text is not None:
                found.append(Violation("I10", f"{seen.client}'s {what['resource']}: {text}", (seen,)))
    return found


class _Position:
    """Where one view of one client stands."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.version = -1
        self.has_gap = False

    def takes(self, what: dict[str, Any]) -> str | None:
        """Move on by a message; what is wrong with it."""
        if what["how"] == "resync":
            self.has_gap = False
            return None
        if what["how"] == "fresh":
            self.epoch, self.version, self.has_gap = None, -1, False
            return None
        if what["how"] == "snapshot":
            return self._replaced(what["epoch"], what["to"])
        return self._moved(what["epoch"], what["since"], what["to"])

    def _replaced(self, epoch: str, version: int) -> str | None:
        had, self.version, self.has_gap = (self.epoch, self.version), version, False
        self.epoch = epoch
        if had[0] == epoch and version < had[1]:
            return f"a snapshot goes back from version {had[1]} to {version}"
        return None

    def _moved(self, epoch: str, since: int, to: int) -> str | None:
        if to < since:
            return f"a delta goes back from {since} to {to}"
        if self.has_gap:
            return f"a delta to {to} came after a gap at {self.version}, before anything was asked again"
        if epoch != self.epoch:
            self.has_gap = True
            return f"a delta of epoch {epoch} came to {self.epoch}" if self.epoch is not None else None
        if since > self.version:
            self.has_gap = True
        else:
            self.version = max(self.version, to)
        return None
