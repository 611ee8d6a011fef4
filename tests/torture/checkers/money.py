"""Every payment taken is one confirmed booking's or went back; nobody paid twice (I4).

Exact for a ledger at rest. What the test Stripe says and what PostgreSQL says are compared by the intent's
metadata, so that money of which PostgreSQL knows nothing is found, too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.torture.checkers.ledger import Booking, Intent, Ledger, Payment
from tests.torture.checkers.violation import Violation


def conserved(ledger: Ledger, intents: Sequence[Intent]) -> list[Violation]:
    """Per currency: what was taken, less what went back, is what the bookings that stand have."""
    due: Counter[str] = Counter()
    for booking in ledger.bookings.values():
        due[booking.currency] += booking.price if booking.stands else 0
    for payment in ledger.payments:
        due[payment.currency] += payment.kept
    there: Counter[str] = Counter()
    for intent in intents:
        there[intent.currency] += _left(intent)
    return [
        Violation("I4", f"{there[currency]} {currency} was taken and not given back, {due[currency]} is due")
        for currency in sorted(due.keys() | there.keys())
        if due[currency] != there[currency]
    ]


def each_paid_once(ledger: Ledger, intents: Sequence[Intent]) -> list[Violation]:
    """Each booking that stands has its money, from one intent of each who pays; the rest went back."""
    payments = {payment.id: payment for payment in ledger.payments}
    by_booking: dict[str, list[Intent]] = defaultdict(list)
    for intent in intents:
        by_booking[_whose(intent, payments)].append(intent)
    found: list[Violation] = []
    for name in by_booking.keys() | ledger.bookings.keys():
        found += _booking(name, ledger.bookings.get(name), by_booking[name], payments)
    return found


def _left(intent: Intent) -> int:
    """What neither the shop nor the buyer's bank has given back."""
    return intent.captured - intent.refunded - intent.reversed


def _whose(intent: Intent, payments: Mapping[str, Payment]) -> str:
    """Its booking; of what was paid for a change, the one that was changed."""
    payment = payments.get(intent.payment)
    came_over = payment is not None and payment.change == intent.booking
    return payment.booking if payment is not None and came_over else intent.booking


def _booking(
    name: str, booking: Booking | None, intents: Sequence[Intent], payments: Mapping[str, Payment]
) -> Iterator[Violation]:
    for intent in intents:
        yield from _bounds(intent)
    if booking is None or not booking.stands:
        yield from _kept(name, booking, intents, payments)
        return
    left = sum(map(_left, intents))
    if left != booking.price:
        yield Violation(
            "I4",
            f"{booking.reference} is {booking.status} for {booking.price}, {left} is there",
            tuple(intents),
        )
    payers = Counter(
        payments[intent.payment].share if intent.payment in payments else intent.payment
        for intent in intents
        if _left(intent) > 0
    )
    for payer, count in payers.items():
        if count > 1:
            yield Violation("I4", f"{booking.reference} was paid {count} times by {payer}", tuple(intents))
    for intent in intents:
        if intent.currency != booking.currency:
            yield Violation("I4", f"{booking.reference} was paid in {intent.currency}", (intent,))


def _bounds(intent: Intent) -> Iterator[Violation]:
    if not 0 <= intent.refunded <= intent.refunded + intent.reversed <= intent.captured <= intent.amount:
        text = f"{intent.id} of {intent.amount} took {intent.captured}, gave back {intent.refunded}"
        yield Violation("I4", text, (intent,))
    if intent.held:
        yield Violation("I4", f"{intent.id} still keeps {intent.held} promised", (intent,))


def _kept(
    name: str, booking: Booking | None, intents: Sequence[Intent], payments: Mapping[str, Payment]
) -> Iterator[Violation]:
    status = "not in the ledger" if booking is None else booking.status
    for intent in intents:
        stays = payments[intent.payment].kept if intent.payment in payments else 0
        if _left(intent) != stays:
            text = f"{name} is {status}, and {_left(intent)} of {intent.id} is kept"
            yield Violation("I4", text, (intent,))
