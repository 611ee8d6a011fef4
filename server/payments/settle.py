"""One idempotent `settle`: whatever happened to a payment, it ends here as one booking or one refund (I4).

Read what is written, ask the provider, decide (rules.py), write the step down (ledger.py), do it, begin
again. Events, the return page, deadlines and the reconciler all call it, together if they like: a step counts
only if, with the rows locked, the decision is still the same.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog

from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Database
from server.errors import Unavailable
from server.inventory.rules import DisputePolicy
from server.payments import store
from server.payments.ledger import Ledger, Written
from server.payments.provider import Intent, ProviderRefused
from server.payments.providers import Providers, made
from server.payments.reading import Reading
from server.payments.rules import Case, Payment, Step, is_closed, is_over, next_look, went_back
from server.times import Clock

STEPS_AT_MOST: Final = 12
# How long a confirmation waits for its money to be captured, so that both are told at once.
CAPTURE_WAIT_SECONDS: Final = 0.05
_AT_PROVIDER: Final = frozenset({Step.CAPTURE, Step.VOID})
_AT_REST: Final = frozenset({Step.WAIT, Step.DONE})

OnWritten = Callable[[Case], None]


@dataclass(slots=True)
class _Course:
    """What one call leaves to be done: other payments to be settled, a booking that was not applied yet."""

    others: list[UUID] = field(default_factory=list)
    untold: UUID | None = None


_log = structlog.get_logger(__name__)


class Settle:
    """`await settle(payment_id)` brings one payment as far as it can be brought now.

    Raises Unavailable where the provider, Redis or PostgreSQL is away: nothing is lost by that, and the
    reconciler calls again. Other payments of the same booking that a step concerns are settled after it.
    """

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        providers: Providers,
        ledger: Ledger,
        *,
        reading: Reading,
        clock: Clock,
    ) -> None:
        self._database = database
        self._reading = reading
        self.on_written: OnWritten = lambda _case: None
        """Told of each step that was written down."""
        self._bookings = bookings
        self._providers = providers
        self._ledger = ledger
        self._clock = clock

    async def __call__(self, payment_id: UUID, known: tuple[Payment, Booking] | None = None) -> Step:
        """The step at which it rests: WAIT, DONE, or REFUND where a refund is owed.

        `known` is the payment with its booking where they were read just now.
        """
        course = _Course()
        try:
            return await self._one(payment_id, course, known)
        finally:
            await self._tell(course)
            await asyncio.gather(*(self._other(each) for each in set(course.others) - {payment_id}))

    async def _one(self, payment_id: UUID, course: _Course, known: tuple[Payment, Booking] | None) -> Step:
        """Read, ask, decide and do, again and again, until the payment rests; answers the step it rests at.

        `known` saves a reading, and `intent` a question, where what they say is as new as it has to be. What
        is done at the provider is asked for once: if the same step comes up again, the payment rests there.
        """
        asked: set[Step] = set()
        intent: Intent | None = None
        for _ in range(STEPS_AT_MOST):
            payment, booking = known or await self._reading.whole(payment_id)
            known = None
            # Money does not grow old, other answers do; and what is known to be back since makes it old.
            if intent is None or not intent.has_money or went_back(intent) < payment.refunded:
                intent = await self._intent(payment, booking)
            if payment.intent is None and intent is not None and intent.id:
                payment = made(payment, intent)  # learned just now
            policy = await self._policy(booking, intent)
            asks = await self._approval_ms(booking, intent)
            case = Case(payment, booking, intent, policy, self._clock(), asks)
            step = case.step
            if step in _AT_REST or step in asked:
                await self._look_later(case, step)
                return step
            if step in _AT_PROVIDER:
                asked.add(step)
                intent = await self._ask(payment, step, course)
                if intent is not None:  # the provider changed nothing of ours
                    known = payment, booking
            else:
                written = await self._write(case, course)
                if written is None:  # something changed since it was asked
                    intent = None
                    continue
                course.others += written.others
                known = written.after
                if step is Step.REFUND:
                    await self._look_later(case, step)
                    return step
        raise Unavailable("the payment changes faster than it can be settled", retry_after=1)

    async def _other(self, payment_id: UUID) -> None:
        """It is due at the reconciler too, so nothing is lost if it can't be settled now."""
        try:
            await self(payment_id)
        except Unavailable as error:
            _log.info("settled_later", payment=str(payment_id), reason=error.detail)
        except Exception:  # noqa: BLE001  # one payment's trouble is not another's
            _log.exception("not_settled", payment=str(payment_id))

    async def _intent(self, payment: Payment, booking: Booking) -> Intent | None:
        """What the provider says; after what is written was read, so that it is never older than that."""
        if payment.intent is not None:
            return await self._providers.fetch(payment)
        if payment.requested_at is not None:  # asked for, and then we never heard: ask again, same key
            return await self._providers.learn(payment, booking)
        return None

    async def _policy(self, booking: Booking, intent: Intent | None) -> DisputePolicy:
        if intent is None or intent.dispute == "none":
            return "keep"
        return await self._bookings.dispute_policy(booking)

    async def _approval_ms(self, booking: Booking, intent: Intent | None) -> int | None:
        """How long its owner has to approve, where it is the question whether one is to be asked."""
        offered = intent is not None and intent.has_money
        open_to_it = (booking.is_open and booking.change_of is None) or booking.may_revive()
        if not offered or not open_to_it:
            return None
        return await self._bookings.approval_ms(booking)

    async def _ask(self, payment: Payment, step: Step, course: _Course) -> Intent | None:
        """What the provider made of it; None if it would not."""
        asked = self._providers.capture if step is Step.CAPTURE else self._providers.cancel
        try:
            return await self._meanwhile(asked(payment), course)
        except ProviderRefused as refused:
            _log.warning("provider_refused", payment=str(payment.id), step=step.name, reason=str(refused))
            return None

    async def _meanwhile(self, asked: Coroutine[Any, Any, Intent], course: _Course) -> Intent:
        """The provider's answer; where it takes a while, what is untold is told meanwhile."""
        if course.untold is None:
            return await asked
        answer = asyncio.create_task(asked)
        try:
            await asyncio.wait({answer}, timeout=CAPTURE_WAIT_SECONDS)
            if not answer.done():
                await self._tell(course)
            return await answer
        finally:
            answer.cancel()

    async def _tell(self, course: _Course) -> None:
        """Have Redis and the listeners follow what was written."""
        untold, course.untold = course.untold, None
        if untold is not None:
            await self._bookings.apply(untold)

    async def _write(self, case: Case, course: _Course) -> Written | None:
        """Write a step down; answers what it changed, None where all is to be read and asked anew.

        A booking that is confirmed plainly has its money taken next, and Redis and the listeners know that as
        soon as it is written: they hear of both at once, unless that takes a while.
        """
        written: Written | None = None
        if case.step is Step.RETAKE:
            await self._ledger.retake(case)
        else:
            written = await self._ledger.write(case)
        self.on_written(case)
        course.untold = None if written is not None and written.known else case.booking.id
        if case.step is not Step.CONFIRM or written is None or written.after is None:
            await self._tell(course)
        return written

    async def _look_later(self, case: Case, step: Step) -> None:
        payment, now = case.payment, self._clock()
        finished = step is Step.DONE and payment.status != "failed" and payment.flag is None
        over = finished or is_over(payment, case.intent, now)
        when = None if over else next_look(payment, case.booking, now)
        closes = is_closed(payment, case.intent) and not payment.closed
        if when is None and payment.check_at is None and not closes:
            return  # it is known to be over
        async with self._database.connection() as connection:
            await store.check_later(connection, payment, when)
            if closes:
                await store.close(connection, payment.id)
