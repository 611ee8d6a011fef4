"""The two steps that nearly every payment takes, those of many bookings in one transaction.

A booking is confirmed by the one payment of all of it, and that money is taken. As with every step it counts
only if it is still the one to do with the rows locked. Whatever is less plain, or is locked by somebody else,
goes the longer way, by itself: nobody's money waits for another's.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from server.bookings import moves
from server.bookings.outbox import NoticeKind, event_of, told_as
from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.bookings.store import Told
from server.database.coalescing import Coalescer
from server.database.pool import Database
from server.payments import store
from server.payments.rules import TAKEN, Case, Payment, Step, look_after, status_of, went_back
from server.times import Clock


class Settled(msgspec.Struct, frozen=True):
    """A payment and its booking as a step leaves them, and what is told of it.

    `stood`: the booking was confirmed before. `known`: Redis and the listeners know all of it.
    """

    payment: Payment
    booking: Booking
    told: Sequence[Told]
    stood: bool = False
    known: bool = False


class Plainly:
    """`await plainly(case)` does a plain step; None, with nothing changed: it goes the longer way."""

    def __init__(self, database: Database, bookings: Bookings, clock: Clock) -> None:
        self._database = database
        self._bookings = bookings
        self._clock = clock
        self._coalesced: Coalescer[Case, Settled | None] = Coalescer(self._write_all)

    async def __call__(self, case: Case) -> Settled | None:
        return None if settled(case, case.now) is None else await self._coalesced(case)

    async def _write_all(self, cases: list[Case]) -> list[Settled | None]:
        now = self._clock()
        async with self._database.transaction() as connection:
            found = await store.lock_with_bookings(connection, [case.payment.id for case in cases])
            answers = _decided(cases, found, now)
            done = [each for each in answers if each is not None]
            known: set[UUID] = set()
            if done:
                await store.set_statuses(connection, [each.payment for each in done], now)
                told = [(told_as(each.booking), news) for each in done for news in each.told]
                standing = [(each.booking, found[each.payment.id][2]) for each in done if each.stood]
                bookings = [each.booking for each in done]
                known = await self._bookings.write_paid(connection, bookings, told, standing)
        self._bookings.committed()
        return [each and msgspec.structs.replace(each, known=each.booking.id in known) for each in answers]


def settled(case: Case, now: int) -> Settled | None:
    """What a step writes; None unless it is a plain one. Pure."""
    payment, booking = case.payment, case.booking
    alone = payment.share is None and payment.amount == booking.total and not payment.unwanted
    if not alone or case.intent is None or went_back(case.money) or payment.refunded:
        return None
    step = case.step
    if step is Step.CONFIRM:
        return _confirmed(case, now)
    return _noted(case, now) if step is Step.NOTE else None


def news_of_money(case: Case, status: str) -> list[tuple[NoticeKind, str, int]]:
    """What its people hear of a payment that becomes `status`: (kind, key, amount).

    Of money that is wanted or had a booking confirmed, though that was cancelled before it was taken; and of
    all that goes back.
    """
    payment, booking, name = case.payment, case.booking, str(case.payment.id)
    back = went_back(case.money)
    news: list[tuple[NoticeKind, str, int]] = []
    taken = status in TAKEN and payment.status not in TAKEN
    if taken and payment.amount and (payment.accepted or not payment.unwanted):
        news.append(("payment_succeeded", name, payment.amount))
    if status == "disputed" != payment.status and payment.accepted:
        news.append(("booking_disputed", f"{name}:{booking.version}", payment.amount))
    if back > payment.refunded:
        news.append(("payment_refunded", f"{name}:{back}", back - payment.refunded))
    return news


def _decided(
    cases: Sequence[Case], found: Mapping[UUID, tuple[Payment, Booking, Mapping[str, str]]], now: int
) -> list[Settled | None]:
    """What each writes, decided by what is locked; of a booking only the first is plain."""
    answers: list[Settled | None] = []
    had: set[UUID] = set()
    for case in cases:
        payment, booking, _ = found.get(case.payment.id, (None, None, None))
        answer = None
        if payment is not None and booking is not None and booking.id not in had:
            locked = Case(payment, booking, case.intent, case.policy, now, case.approval_ms)
            answer = settled(locked, now) if locked.bears_out(case) else None
        if answer is not None:
            had.add(answer.booking.id)
        answers.append(answer)
    return answers


def _confirmed(case: Case, now: int) -> Settled:
    payment, status = case.payment, status_of(case.payment, case.money)
    booking = moves.confirmed(case.booking, payment.id, status, now)
    told = [*_told_of_money(case), event_of("booking_confirmed", booking)]
    paid = msgspec.structs.replace(
        payment, status=status, accepted=True, updated_at=now, check_at=look_after(status, now)
    )
    return Settled(paid, _raised(booking, secured=booking.total), [each for each in told if each is not None])


def _noted(case: Case, now: int) -> Settled | None:
    """Where what was promised is taken, and the booking shows it."""
    payment, booking = case.payment, case.booking
    is_plain = payment.accepted and payment.status == "authorized" and booking.status == "confirmed"
    if not is_plain or booking.payment_status != "authorized" or status_of(payment, case.money) != "paid":
        return None
    told = [each for each in _told_of_money(case) if each is not None]
    paid = msgspec.structs.replace(payment, status="paid", updated_at=now, check_at=None)
    raised = _raised(moves.paid(booking, "paid"), secured=booking.secured)
    return Settled(paid, raised, told, stood=True)


def _told_of_money(case: Case) -> list[Told | None]:
    status = status_of(case.payment, case.money)
    return [
        event_of(kind, case.booking, key=key, amount=amount)
        for kind, key, amount in news_of_money(case, status)
    ]


def _raised(booking: Booking, *, secured: int) -> Booking:
    return msgspec.structs.replace(booking, version=booking.version + 1, secured=secured)
