"""Certain ownership: when, by what the clients were told, something was somebody's beyond doubt.

An answer proves that its hold stood at some moment between the request and the answer. From the first
answer on it stands for certain until its deadline as last told, or until somebody's act may have ended it.
What was proven later was there all the time before, for what has ended does not come back. An operation whose
answer never came may end what it names at any time from then on.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

FOREVER: Final = 1 << 62


class Proof(NamedTuple):
    """The thing stood at some moment of [since, known]; from then on until `until`, if no act ends it.

    A `shared` one is its cart's: the deadline had not come, and is the new one from now on; whether an act
    had ended this hold it does not say. One that `resets` puts its deadline in the place of a later one, too.
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
    """What may end something: (invoked, ended by), the second FOREVER where nobody knows."""

    __slots__ = ("_invoked", "_latest")

    def __init__(self, ends: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(ends)
        self._invoked = [invoked for invoked, _ in ordered]
        self._latest = list(accumulate((ended for _, ended in ordered), max))

    def __bool__(self) -> bool:
        return bool(self._invoked)

    def first(self, moment: int) -> int:
        """The first moment, from this one on, at which one of them may have its effect."""
        place = bisect_left(self._invoked, moment)
        if place > 0 and self._latest[place - 1] >= moment:
            return moment
        return self._invoked[place] if place < len(self._invoked) else FOREVER


def certain(proofs: Iterable[Proof], ends: Sequence[Ends]) -> Span | None:
    """When something was there in every case that fits its proofs, if ever; exact but for `resets`."""
    own = [proof for proof in proofs if not proof.shared]
    known, last = min(proof.known for proof in own), max(proof.since for proof in own)
    until = max(last, min(_due(proofs), *(each.first(last) for each in ends), FOREVER))
    return Span(known, until) if known <= until else None


def _due(proofs: Iterable[Proof]) -> int:
    """The deadline: the highest told, since it was put anew."""
    resets = [proof for proof in proofs if proof.resets]
    if not resets:
        return max(proof.until for proof in proofs)
    last = max(resets)
    put = min(proof.until for proof in resets if proof.known >= last.since)
    return max(put, *(proof.until for proof in proofs if proof.since >= last.known), 0)
