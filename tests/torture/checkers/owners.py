"""What is somebody's is theirs alone, and is there whenever they ask (I9, I8).

Sound: a booking may be handed on, so it is judged whose it can have been at all, and whose it was for
certain.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.torture.checkers.claims import FOREVER
from tests.torture.checkers.stories import Stories, ended_by
from tests.torture.checkers.violation import Violation
from tests.torture.history import History, Operation

_JUDGED: Final = frozenset({"release", "read", "cancel", "change", "offer"})
NOT_THERE: Final = frozenset({"not_found", "404"})


class _Had(NamedTuple):
    """Somebody got a booking, made or accepted: `known` is FOREVER where nobody says that it was done."""

    client: str
    asked: int
    known: int


class Owners:
    """Whose each booking was, by who made it and who accepted it."""

    def __init__(self, history: History) -> None:
        self._had: dict[str, list[_Had]] = defaultdict(list)
        for operation in history.operations:
            booking = _taken(operation)
            if booking is not None:
                known = ended_by(operation)[1]
                self._had[booking].append(_Had(operation.client, operation.invoked, known))

    def may_be(self, client: str, booking: str, since: int, until: int) -> bool:
        """Whether it can have been theirs at any moment of [since, until]; True where nobody knows whose."""
        had = self._had.get(booking)
        if had is None:
            return True
        return any(each.asked <= until and _over(each, had) >= since for each in had if each.client == client)

    def is_certain(self, client: str, booking: str, since: int, until: int) -> bool:
        """Whether it was theirs all the time, in every order that fits."""
        had = self._had.get(booking, ())
        mine = [each for each in had if each.client == client and each.known < since]
        others = [each for each in had if each.client != client]
        return any(all(each.known < own.asked or each.asked > until for each in others) for own in mine)

    def of(self, booking: str) -> str:
        """Who had it first."""
        return self._had[booking][0].client


def _taken(operation: Operation) -> str | None:
    if operation.kind == "book" and operation.outcome == "ok":
        return str(operation.result["booking"])
    if operation.kind == "accept" and operation.outcome != "fail":
        return str(operation.arguments["booking"])
    return None


def _over(own: _Had, had: Sequence[_Had]) -> int:
    """When it was another's at the latest."""
    others = (each.known for each in had if each.client != own.client and each.asked > own.known)
    return min(others, default=FOREVER)


def seen_by_others(history: History, stories: Stories) -> list[Violation]:
    """Nobody can release what is not theirs, nor see, cancel, change or hand it on."""
    owners, found = Owners(history), dict[tuple[str, str], Violation]()
    for operation in history.operations:
        if operation.outcome != "ok" or operation.kind not in _JUDGED:
            continue
        name = operation.arguments.get("hold") or operation.arguments.get("booking", "")
        owner = _stranger(operation, name, owners, stories)
        if owner is not None:
            text = f"{operation.client} could {operation.kind} {name} of {owner}"
            found.setdefault((operation.kind, name), Violation("I9", text, (operation,)))
    return list(found.values())


def _stranger(operation: Operation, name: str, owners: Owners, stories: Stories) -> str | None:
    """Whose it is, if it is certainly not the asker's."""
    if name in stories.holds:
        owner = stories.holds[name].client
        return owner if owner != operation.client else None
    is_theirs = owners.may_be(operation.client, name, *ended_by(operation))
    return None if is_theirs else owners.of(name)


def denied(history: History) -> list[Violation]:
    """Nobody is told that there is no such booking while it is certainly theirs."""
    return list(_denied(history))


def _denied(history: History) -> Iterator[Violation]:
    owners = Owners(history)
    for operation in history.operations:
        if operation.outcome != "fail" or operation.result["code"] not in NOT_THERE:
            continue
        booking = operation.arguments.get("booking")
        if booking is None or operation.kind not in _JUDGED:
            continue
        if owners.is_certain(operation.client, booking, *ended_by(operation)):
            text = f"{operation.client} asked to {operation.kind} {booking} and was told that there is none"
            yield Violation("I8", text, (operation,))
