"""Certain ownership: when, by what the clients were told, something was somebody's beyond doubt.

An answer proves that its hold stood at some moment between the request and the answer. From the answer on it
stands for certain until its deadline as last told, or until somebody may have begun to end it. Two proofs of
one hold prove all the time between them, for what has ended does not come back. An operation whose answer
never came may end what it names at any time from then on; nothing is certain after it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

FOREVER: Final = 1 << 62


class Proof(NamedTuple):
    """The thing stood at some moment of [since, known]; from then on until `until`, if nothing ends it.

    A `shared` one tells only the deadline of a whole cart, and proves nothing of a hold that had ended. One
    that `resets` puts its deadline in the place of what was told before, also of a later one.
    """

    known: int
    since: int
    until: int
    shared: bool = False
    resets: bool = False


class Span(NamedTuple):
    """Certain at every moment of [since, until]."""

    since: int
    until: int


class Ends:
    """What may end something: by (invoked, ended by), the second FOREVER where nobody knows."""

    __slots__ = ("_invoked", "_latest")

    def __init__(self, ends: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(ends)
        self._invoked = [invoked for invoked, _ in ordered]
        self._latest = list(accumulate((ended for _, ended in ordered), max))

    def touches(self, since: int, until: int) -> bool:
        """Whether one of them was under way at any moment of [since, until]."""
        place = bisect_right(self._invoked, until)
        return place > 0 and self._latest[place - 1] >= since

    def next(self, moment: int) -> int:
        """When the next one begins, from `moment` on."""
        place = bisect_left(self._invoked, moment)
        return self._invoked[place] if place < len(self._invoked) else FOREVER


def certain(proofs: Iterable[Proof], ends: Sequence[Ends]) -> Span | None:
    """When something was there for certain, if ever."""
    since = until = last = -1
    for proof in sorted(proofs):
        if proof.shared:
            if last >= 0 and _lasts(last, until, proof, ends):
                until, last = max(until, _end_of(proof, ends)), proof.known
            continue
        since = proof.known if since < 0 else since
        until = max(until, proof.since)
        if any(each.touches(proof.since, proof.known) for each in ends):
            continue
        until = max(proof.since if proof.resets else until, _end_of(proof, ends))
        last = proof.known
    return Span(since, until) if until >= since >= 0 else None


def _lasts(last: int, until: int, proof: Proof, ends: Sequence[Ends]) -> bool:
    """Whether what was proven at `last` until a deadline stood when a proof of its cart was given."""
    return proof.since <= until and not any(each.touches(last, proof.known) for each in ends)


def _end_of(proof: Proof, ends: Sequence[Ends]) -> int:
    return min(proof.until, *(each.next(proof.known) for each in ends), FOREVER)
