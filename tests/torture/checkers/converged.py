"""All who look see one thing: the server's, when all is quiet (I5), and the same at one position (I10).

Exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from tests.torture.checkers.violation import Violation
from tests.torture.history import History, Observation


def digest(first: int, available: Sequence[int], held: Sequence[int]) -> str:
    """A view's numbers in short, the same for all who have them alike."""
    words = ",".join(map(str, (first, len(available), *available, *held)))
    return blake2b(words.encode(), digest_size=16).hexdigest()


def converged(history: History) -> list[Violation]:
    """Each client's last `end` of a view is the server's last `truth` of it."""
    truth = {_view(seen): seen.what for seen in history.observations if seen.kind == "truth"}
    ends: dict[tuple[str, ...], Observation] = {}
    for seen in history.observations:
        if seen.kind == "end":
            ends[seen.client, *_view(seen)] = seen
    found = []
    for (client, *rest), seen in ends.items():
        view = tuple(rest)
        if view not in truth or _content(truth[view]) != _content(seen.what):
            text = (
                f"{client} ends with {_words(seen.what)} of {view[0]}, the server {_words(truth.get(view))}"
            )
            found.append(Violation("I5", text, (seen,)))
    return found


def agreeing(history: History) -> list[Violation]:
    """Whoever stood at one position of one view had the same numbers, also in between."""
    return list(_agreeing(history))


def _agreeing(history: History) -> Iterator[Violation]:
    first: dict[tuple[Any, ...], Observation] = {}
    for seen in history.observations:
        if seen.kind in {"end", "truth"}:
            key = (*_view(seen), seen.what["epoch"], seen.what["version"])
            before = first.setdefault(key, seen)
            if before.what["digest"] != seen.what["digest"]:
                text = (
                    f"{before.client} and {seen.client} differ at version {seen.what['version']} of {key[0]}"
                )
                yield Violation("I10", text, (before, seen))


def _view(seen: Observation) -> tuple[str, ...]:
    return seen.what["resource"], str(seen.what.get("view", ""))


def _content(what: Mapping[str, Any]) -> tuple[Any, ...]:
    return what["epoch"], what["version"], what["digest"]


def _words(what: Mapping[str, Any] | None) -> str:
    return (
        "nothing" if what is None else f"version {what['version']} of {what['epoch']}, {what['digest'][:8]}"
    )
