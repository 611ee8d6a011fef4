"""Who paid in time has what was paid for (I6, I4): money that comes back is no excuse.

Sound: a payment that was answered as made before the deadline that its payer had been told (it only ever
moves on) is judged, unless somebody ended the booking. The ledger is one at rest.
"""

from collections.abc import Mapping
from typing import Final

from tests.torture.checkers.bookings import ended_bookings
from tests.torture.checkers.ledger import Ledger
from tests.torture.checkers.stories import ended_by
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.checkers.violation import Violation
from tests.torture.history import History

UNPAID: Final = frozenset({"expired", "hold_expired"})
"""Why a booking ends that nobody has paid."""


def in_vain(history: History, ledger: Ledger, terms: Terms) -> list[Violation]:
    """Every payment in time whose booking ended as if nobody had paid it."""
    due, ended = _deadlines(history), ended_bookings(history)
    found: dict[str, Violation] = {}
    for operation in history.operations:
        if operation.kind != "pay" or operation.outcome != "ok":
            continue
        name, paid = operation.arguments["booking"], ended_by(operation)[1]
        row = ledger.bookings.get(name)
        if operation.arguments.get("outcome", "succeed") != "succeed" or row is None or name in ended:
            continue
        early = due.get(name, 0) - terms.clocks_ms * MILLISECOND - paid
        if early > 0 and row.status == "cancelled" and row.reason in UNPAID:
            text = f"{name} was paid {early // MILLISECOND} ms before its deadline, and has {row.reason}"
            found.setdefault(name, Violation("I6", text, (operation, row)))
    return list(found.values())


def _deadlines(history: History) -> Mapping[str, int]:
    """By booking, the first deadline that was told of it."""
    found: dict[str, int] = {}
    for operation in history.operations:
        told = operation.result
        if operation.outcome == "ok" and "booking" in told and "expires_at" in told:
            found.setdefault(told["booking"], history.moment(told["expires_at"]))
    return found
