"""Checkers decide from a recorded history whether the promises were kept, in O(n log n)."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.torture.checkers import (
    bookings,
    changed,
    converged,
    deadlines,
    holds,
    money,
    owners,
    paid,
    refusals,
    versions,
)
from tests.torture.checkers.ledger import Intent, Ledger
from tests.torture.checkers.stories import Stories
from tests.torture.checkers.terms import Terms
from tests.torture.checkers.violation import Violation
from tests.torture.history import History

__all__ = ["Intent", "Ledger", "Terms", "Violation", "check_all"]


def check_all(
    history: History,
    ledger: Ledger | None = None,
    stripe_ledger: Sequence[Intent] | None = None,
    *,
    terms: Terms | None = None,
) -> list[Violation]:
    """Every promise that the history, and the ledgers read when all was quiet after it, show broken."""
    with _without_collecting():
        return _check(history, ledger, stripe_ledger, terms or Terms())


@contextmanager
def _without_collecting() -> Iterator[None]:
    """The checkers make no cycles; looking for some among millions of records takes half of their time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(
    history: History, ledger: Ledger | None, stripe_ledger: Sequence[Intent] | None, terms: Terms
) -> list[Violation]:
    stories = Stories(history, terms)
    found = [
        *holds.double_holds(stories),
        *holds.double_bookings(stories),
        *deadlines.ended_early(history, stories),
        *deadlines.ended_late(history, stories),
        *deadlines.revived(history, stories),
        *owners.seen_by_others(history, stories),
        *owners.denied(history),
        *refusals.unexplained(history, stories),
        *versions.rising(history),
        *versions.monotone(history),
        *converged.converged(history),
        *converged.agreeing(history),
    ]
    if ledger is not None:
        found += bookings.lost_confirmations(history, ledger)
        found += bookings.oversold(ledger)
        found += bookings.unresolved(history, ledger)
        found += changed.kept_whole(history, ledger)
        found += paid.in_vain(history, ledger, terms)
    if ledger is not None and stripe_ledger is not None:
        found += money.conserved(ledger, stripe_ledger)
        found += money.each_paid_once(ledger, stripe_ledger)
    return found
