"""What nobody can have is not refused: a slot is on sale again a second after its hold's deadline (I3).

Sound, and only for histories with everybody in them: a refusal is held against the shop where nobody's
answer, lost or not, allows anybody to have had what was refused.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from tests.torture.checkers.claims import FOREVER
from tests.torture.checkers.deadlines import deadline, excused, windows
from tests.torture.checkers.stories import Stories, Story
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.checkers.violation import Violation
from tests.torture.history import History, Operation

ANY: Final = ""
"""In the place of a slot: nobody knows which, for what was asked for was the best."""

Possible = tuple[int, int, int]


class _Sums:
    """How many places may have been somebody's at some moment of a time: at most so many."""

    def __init__(self, possible: Iterable[Possible]) -> None:
        ordered = list(possible)
        self._begun = _totals((since, quantity) for since, _, quantity in ordered)
        self._ended = _totals((until, quantity) for _, until, quantity in ordered)

    def between(self, since: int, until: int) -> int:
        """In [since, until]."""
        moments, sums = self._begun
        begun = sums[bisect_right(moments, until)]
        moments, sums = self._ended
        return begun - sums[bisect_left(moments, since)]


def _totals(moments: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    ordered = sorted(moments)
    return [moment for moment, _ in ordered], [0, *accumulate(quantity for _, quantity in ordered)]


def unexplained(history: History, stories: Stories) -> list[Violation]:
    """Every `slot_taken` for a slot that nobody can have had."""
    possible = {place: _Sums(each) for place, each in _possible(history, stories).items()}
    nothing = _Sums(())
    found: list[Violation] = []
    for operation in history.operations:
        if operation.kind != "hold" or operation.result.get("code") != "slot_taken":
            continue
        assert operation.returned is not None
        wanted = dict(operation.arguments.get("items", ()))
        resource = operation.arguments["resource"]
        for slot in operation.result.get("slots", ()):
            taken = sum(
                possible.get((resource, name), nothing).between(operation.invoked, operation.returned)
                for name in (slot, ANY)
            )
            if slot in wanted and taken + wanted[slot] <= stories.terms.capacity_of(resource, slot):
                text = f"{operation.client} was refused {resource} {slot}, which nobody can have had"
                found.append(Violation("I3", text, (operation,)))
    return found


def _possible(history: History, stories: Stories) -> dict[tuple[str, str], list[Possible]]:
    """By resource and slot: the widest times in which each may have been somebody's."""
    found: dict[tuple[str, str], list[Possible]] = defaultdict(list)
    ends = _Ends(history, stories)
    for story in stories.holds.values():
        until = ends.of(story)
        for slot, quantity in _places(story):
            found[story.resource, slot].append((story.asked, until, quantity))
    for story in stories.booked.values():
        since = min(proof.since for proof in story.proofs)
        for slot, quantity in _places(story):
            found[story.resource, slot].append((since, FOREVER, quantity))
    for (resource, slot), taken in _wanted(history, stories):
        found[resource, slot].append(taken)
    for operation in history.operations:
        if operation.kind == "hold" and operation.outcome == "ok" and ends.was_over(operation):
            story = stories.holds[operation.result["hold"]]  # a Redis that lost its end has it again
            until = ends.next(story.id, operation.invoked)
            for slot, quantity in _places(story):
                found[story.resource, slot].append((operation.invoked, until, quantity))
    return found


def _wanted(history: History, stories: Stories) -> Iterator[tuple[tuple[str, str], Possible]]:
    """What bookings were to be changed to, and what nobody was told whether they held it."""
    for operation in history.operations:
        if operation.kind == "hold" and operation.outcome == "unknown":
            asked = operation.arguments.get("items") or [(ANY, 1 << 40)]
            for slot, quantity in asked:
                place = operation.arguments["resource"], slot
                yield place, (operation.invoked, FOREVER, quantity)
    for change in (each for changes in stories.changes.values() for each in changes):
        for resource, slot, quantity in change.lines:
            yield (resource, slot), (change.asked, FOREVER, quantity)


def _places(story: Story) -> Iterator[tuple[str, int]]:
    if story.during is not None:
        yield ANY, 1 << 40
    else:
        yield from ((slot, quantity) for slot, quantity in story.items)


class _Ends:
    """When a hold had ended at the latest."""

    def __init__(self, history: History, stories: Stories) -> None:
        self._terms: Terms = stories.terms
        self._faults = windows(history, stories.terms)
        self._told: dict[str, int] = {}
        self._each: dict[str, list[int]] = defaultdict(list)
        self._moved: dict[str, int] = defaultdict(int)
        for operation in history.operations:
            self._read(operation)
        for seen in history.observations:
            if seen.kind == "hold" and seen.what["status"] in {"released", "expired", "lost"}:
                self._tell(seen.what["hold"], seen.at)

    def _read(self, operation: Operation) -> None:
        if operation.kind == "release" and operation.outcome == "ok" and "items" not in operation.arguments:
            assert operation.returned is not None
            self._tell(operation.arguments["hold"], operation.returned)
        elif operation.outcome == "unknown" and operation.kind in {"hold", "extend", "book"}:
            self._moved[operation.client] = operation.invoked

    def _tell(self, hold: str, moment: int) -> None:
        self._told.setdefault(hold, moment)
        self._each[hold].append(moment)

    def was_over(self, operation: Operation) -> bool:
        """Whether the hold that this answers with had been told as ended before it was asked for."""
        return self._told.get(operation.result["hold"], FOREVER) < operation.invoked

    def next(self, hold: str, moment: int) -> int:
        """When it had ended at the latest, for all that was told from this moment on."""
        told = [each for each in self._each[hold] if each >= moment]
        return min(told) + self._terms.clocks_ms * MILLISECOND if told else FOREVER

    def of(self, story: Story) -> int:
        if story.id in self._told:
            return self._told[story.id] + self._terms.clocks_ms * MILLISECOND
        if story.booking is not None or self._moved[story.client] > story.asked:
            return FOREVER
        return excused(deadline(story, self._terms), self._faults, self._terms)
