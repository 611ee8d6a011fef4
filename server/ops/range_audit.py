"""I1 for ranges of time: none overlaps where there is one place, and each has all of its steps. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from server.ops.audit import Finding
from server.times import rfc3339

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RangeRow:
    """A hold of a booking that stands: what its lines say, and what is taken for it. Times in ms.

    `steps` are the indices of its lines, `booked` the range they are of (None: there are no lines), `taken`
    the range that others are kept out of (None: nobody is). `origin` and `step` are its grid's.
    """

    resource: str
    reference: str
    origin: int
    step: int
    exclusive: bool
    steps: Sequence[int]
    booked: Span | None
    taken: Span | None


def ranges(rows: Iterable[RangeRow]) -> list[Finding]:
    """Everything about ranges that does not hold."""
    ordered = sorted(rows, key=attrgetter("resource"))
    found = [Finding("I1", row.resource, sentence) for row in ordered for sentence in _of_one(row)]
    for resource, group in groupby(ordered, attrgetter("resource")):
        found += [Finding("I1", resource, sentence) for sentence in _overlaps(group)]
    return sorted(found)


def _of_one(row: RangeRow) -> Iterator[str]:
    if row.booked is None:
        yield f"{_span(row.taken)} is taken for {row.reference}, which has no lines there"
    elif row.booked != row.taken:
        yield f"{row.reference} has {_span(row.booked)}, and {_span(row.taken)} is taken for it"
    if row.booked is not None:
        first, stop = ((moment - row.origin) // row.step for moment in row.booked)
        missing = set(range(first, stop)) - set(row.steps)
        if missing:
            yield f"{row.reference} has {_span(row.booked)} without {len(missing)} of its steps"
        early = sum(1 for index in row.steps if index < first)
        if early:
            yield f"{row.reference} has {early} steps before {_span(row.booked)}"


def _overlaps(rows: Iterable[RangeRow]) -> Iterator[str]:
    """Ranges where there is one place at a time, in the order of their beginnings."""
    alone = sorted((row.taken, row.reference) for row in rows if row.exclusive and row.taken is not None)
    last: tuple[Span, str] | None = None
    for span, reference in alone:
        if last is not None and span[0] < last[0][1]:
            yield f"{_span(span)} of {reference} overlaps {_span(last[0])} of {last[1]}"
        if last is None or span[1] > last[0][1]:
            last = (span, reference)


def _span(span: Span | None) -> str:
    return "nothing" if span is None else f"{rfc3339(span[0])} to {rfc3339(span[1])}"
