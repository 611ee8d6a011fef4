"""A booking that was changed has all of the old or all of the new, and stands (I8, R15).

Exact for who asked for one change after the other: what it may have in the end is what it was confirmed with,
or what any change wanted since; what was told last, with no change under way, is what it has.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.torture.checkers.bookings import ended_bookings
from tests.torture.checkers.ledger import Booking, Ledger
from tests.torture.checkers.stories import STANDING, Change, changes_of, first_asked
from tests.torture.checkers.violation import Violation
from tests.torture.history import History

Lines = frozenset[tuple[tuple[str, str], int]]


class _Told(NamedTuple):
    """Its lines as they were at some moment from `since` on; `is_settled` if no change was under way."""

    since: int
    lines: Lines
    is_settled: bool


def kept_whole(history: History, ledger: Ledger) -> list[Violation]:
    """Every changed booking that nobody ended, beside its rows."""
    changes, ended = changes_of(history), ended_bookings(history)
    told = _all_told(history)
    return [
        violation
        for name, its in changes.items()
        if name not in ended and name in ledger.bookings
        for violation in _judged(ledger.bookings[name], its, told[name])
    ]


def _judged(row: Booking, changes: Sequence[Change], told: Sequence[_Told]) -> Iterator[Violation]:
    if not row.stands:
        text = f"{row.reference} is {row.status} ({row.reason}), and was only changed"
        yield Violation("I8", text, (row,))
        return
    has = _sums((line.resource, line.slot, line.quantity) for line in row.lines if line.state == "confirmed")
    allowed = _allowed(changes, told)
    if told and has not in allowed:
        wanted = " or ".join(sorted(_words(lines) for lines in allowed))
        text = f"{row.reference} has {_words(has)}, and is to have {wanted}"
        yield Violation("I8", text, (row, *changes))


def _allowed(changes: Sequence[Change], told: Iterable[_Told]) -> set[Lines]:
    """What it may have: what was told last with nothing under way, and what was wanted after that."""
    settled = [each for each in told if each.is_settled]
    last = max(settled, key=lambda each: each.since, default=None)
    if last is None:
        return {each.lines for each in told} | {_sums(change.lines) for change in changes}
    since = {_sums(change.lines) for change in changes if change.known > last.since}
    return {last.lines} | since


def _all_told(history: History) -> dict[str, list[_Told]]:
    asked = first_asked(history.operations)
    found: dict[str, list[_Told]] = defaultdict(list)
    for operation in history.operations:
        if operation.outcome == "ok" and {"booking", "lines"} <= operation.result.keys():
            found[operation.result["booking"]].append(_told(operation.result, asked(operation)))
    for seen in history.observations:  # when what is pushed was so, nobody knows
        if seen.kind == "booking" and "lines" in seen.what:
            found[seen.what["booking"]].append(_Told(0, _sums(seen.what["lines"]), is_settled=False))
    return found


def _told(what: dict[str, Any], since: int) -> _Told:
    is_settled = what.get("status") in STANDING and what.get("change", "") is None
    return _Told(since, _sums(what["lines"]), is_settled)


def _sums(lines: Iterable[Sequence[Any]]) -> Lines:
    sums: Counter[tuple[str, str]] = Counter()
    for resource, slot, quantity in lines:
        sums[resource, slot] += quantity
    return frozenset(sums.items())


def _words(lines: Lines) -> str:
    return "+".join(sorted(f"{slot}*{count}" if count > 1 else slot for (_, slot), count in lines))
