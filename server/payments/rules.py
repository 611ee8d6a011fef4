"""Payments as values, and the one decision about each: what is to be done next. Pure."""

from collections.abc import Iterable
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from server.bookings.moves import way_to
from server.bookings.rules import Booking, PaymentStatus
from server.inventory.rules import DisputePolicy
from server.payments.provider import Intent


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay a booking, or a share of it. Amounts in minor units, times in milliseconds."""

    id: UUID
    booking: UUID
    attempt: int
    """Its number among the attempts of its booking, from 1."""

    provider: str
    status: PaymentStatus
    amount: int
    currency: str
    created_at: int
    updated_at: int
    share: UUID | None = None
    """The id of its share's first attempt; None for the booking's own payment."""

    extra: bool = False
    """A success that nobody asked for: a page was sent twice."""

    accepted: bool = False
    """The booking was confirmed by this money."""

    unwanted: bool = False
    """Decided for good: this money goes back."""

    withdrawn: bool = False
    """Its share was taken back, and is not tried again."""

    flag: str | None = None
    """What a person has to look at."""

    intent: str | None = None
    """The provider's id of it, None until that is known."""

    inner: str | None = None
    """The provider's id of the payment itself, where `intent` is a page around it."""

    client_secret: str | None = None
    redirect_url: str | None = None
    requested_at: int | None = None
    """Written before the provider is first asked for an intent; None: it never was."""

    refunded: int = 0
    """What went back of it, as its provider last told."""

    outstanding: int = 0
    """What our own unfinished refunds will give back of it; 0 in lists, which do not look."""

    rivalled: bool = False
    """Another payment of the same share has brought its money already; False in lists, which do not look."""

    stopping_until: int | None = None
    """Until then nobody accepts its money: a call is under way to its provider that may take the money away.

    Once the provider has cancelled it, the moment of that.
    """

    closed: bool = False
    """At its provider nobody can ever pay by it any more."""

    kept: int = 0
    """What stays of it by its resource's policy, though its booking was cancelled."""

    change: UUID | None = None
    """The change of its booking that it was begun for; its provider knows it as a payment of that one."""

    check_at: int | None = None
    """When the reconciler looks at it next; None: nothing more is expected of it."""

    @property
    def is_live(self) -> bool:
        """Whether a buyer may be paying by it, or its money is promised and not taken."""
        return self.status in LIVE

    @property
    def is_secured(self) -> bool:
        """Whether its money counts for the booking."""
        return self.status in SECURED and not self.unwanted

    @property
    def share_key(self) -> UUID:
        """Which share it pays: the attempts of one share have this in common, as have the booking's own."""
        return self.share or self.booking


LIVE: Final = frozenset({"pending", "authorized"})
TAKEN: Final = frozenset({"paid", "partially_refunded", "refunded", "disputed"})
SECURED: Final = frozenset({"authorized", "paid", "partially_refunded", "disputed"})
LOOK_MS: Final = 15_000
LOOK_SLOWEST_PENDING_MS: Final = 60_000
LOOK_SLOWEST_MS: Final = 3_600_000
LATE_MS: Final = 3 * 86_400_000
FLAG_AMOUNT: Final = "amount_differs"
FLAG_CURRENCY: Final = "currency_differs"


class Step(Enum):
    """What settle does next; each but WAIT and DONE changes something, after which it decides anew."""

    WAIT = "the buyer, the bank or the provider has to act"
    DONE = "nothing is left to do"
    FAIL = "write down that this attempt took nothing"
    FLAG = "write down that the money does not match"
    SECURE = "write down that a share's money is there; others are missing yet"
    CONFIRM = "all the money is there, and the booking's lines are: confirm it"
    AWAIT = "all the money is there, and the owner is to be asked: take the places for good until then"
    RETAKE = "the booking expired and has not begun: take its places again if nobody has them"
    REJECT = "write down that this money is not wanted"
    CAPTURE = "take what was authorised"
    NOTE = "write down what became of the money that was taken"
    VOID = "make it impossible to pay"
    REFUND = "owe the buyer all that is left"
    COLLAPSE = "the booking was confirmed, or awaits its owner, on a promise that broke: give it up"
    GIVE_UP = "the money of a confirmed booking, or one that awaits its owner, went back: give it up"


ACCEPTING: Final = frozenset({Step.SECURE, Step.CONFIRM, Step.AWAIT, Step.RETAKE})


class Case(msgspec.Struct, frozen=True):
    """A payment, its booking, what the provider says (None: never asked), what disputes do, and the time.

    `approval_ms` is how long the owner has to approve of such a booking, None if nobody asks.
    """

    payment: Payment
    booking: Booking
    intent: Intent | None
    policy: DisputePolicy
    now: int
    approval_ms: int | None = None

    @property
    def step(self) -> Step:
        """What is to be done next."""
        if self.intent is None:
            return without_intent(self.payment, self.booking)
        asks = self.approval_ms is not None
        step = decide(self.payment, self.booking, self.intent, self.policy, asks=asks)
        if step is Step.RETAKE and self.booking.has_begun(self.now):
            return Step.REJECT
        return Step.WAIT if step in ACCEPTING and is_being_stopped(self.payment, self.now) else step

    def bears_out(self, seen: "Case") -> bool:
        """Whether what was decided by `seen`, before the rows were locked, is still the thing to do.

        Nothing is accepted on an answer from before somebody stopped the payment.
        """
        ours = {self.payment.booking, self.booking.id, seen.booking.id}
        if len(ours) > 1:  # it has come to another booking by a change
            return False
        if self.payment.refunded != seen.payment.refunded:  # what was answered may be older than that
            return False
        accepts, since = self.step in ACCEPTING, seen.payment.stopping_until
        return self.step is seen.step and not (accepts and self.payment.stopping_until != since)

    @property
    def money(self) -> Intent:
        """What the provider says where it was asked."""
        assert self.intent is not None, "there is money"
        return self.intent


def decide(
    payment: Payment,
    booking: Booking,
    intent: Intent,
    policy: DisputePolicy = "release_when_lost",
    *,
    asks: bool = False,
) -> Step:
    """The next step, from what is written and what the provider says; the order of events plays no part.

    `asks`: the owner has to approve of such a booking before it is confirmed.
    """
    if intent.captured:
        return _of_the_taken(payment, booking, intent, policy, asks=asks)
    if not intent.has_money:
        return _without_money(payment, booking, intent)
    if _is_kept(payment, booking):
        return _of_the_confirmed(payment, intent)
    if payment.unwanted:
        return Step.DONE if intent.is_free else Step.VOID
    return _of_the_offered(payment, booking, intent, asks=asks)


def is_failure(payment: Payment, booking: Booking) -> bool:
    """Whether its buyer hears that an attempt took nothing: not where we ended it, or the booking did."""
    return booking.status == "pending" and not payment.withdrawn and payment.stopping_until is None


def is_being_stopped(payment: Payment, now: int) -> bool:
    """Whether a call is on its way that may take its money away."""
    return payment.stopping_until is not None and payment.stopping_until > now


def mismatch(payment: Payment, intent: Intent) -> str | None:
    """How the money differs from what was asked for, None if it does not."""
    if intent.currency != payment.currency:
        return FLAG_CURRENCY
    offered = left_of(intent) if intent.status == "captured" else intent.amount
    return FLAG_AMOUNT if offered != payment.amount else None


def left_of(intent: Intent) -> int:
    """What was taken and has not gone back, in minor units."""
    return intent.captured - went_back(intent)


def went_back(intent: Intent) -> int:
    """What the buyer has again, by refunds or by the bank."""
    return intent.refunded + intent.reversed


def status_of(payment: Payment, intent: Intent) -> PaymentStatus:
    """The status that its provider's word gives to a payment whose money is there, or was.

    While a refund of ours is under way, what was taken keeps its status. Two state machines meet here, one
    letter apart: an intent that is `authorised` makes its payment `authorized`.
    """
    if not intent.captured:
        return "paid" if intent.is_free else "authorized"
    if intent.dispute == "open":
        return "disputed"
    if payment.outstanding and payment.status in TAKEN - {"disputed"}:
        return payment.status
    if left_of(intent) <= 0 and not payment.outstanding:
        return "refunded"
    return "partially_refunded" if went_back(intent) else "paid"


def combined_status(statuses: Iterable[PaymentStatus]) -> PaymentStatus:
    """The payment status of a booking that has several payments."""
    has = set(statuses)
    taken = has & TAKEN
    if "disputed" in has:
        return "disputed"
    if not taken or "authorized" in has:
        return "authorized" if "authorized" in has else "failed"
    if taken == {"refunded"}:
        return "refunded"
    return "paid" if taken == {"paid"} else "partially_refunded"


def shown_status(
    payment: Payment, booking: Booking, status: PaymentStatus, others: Iterable[Payment]
) -> PaymentStatus | None:
    """The payment status that the booking is to show when this payment's becomes `status`; None: as it was.

    A confirmed booking shows all that it was confirmed by; a pending one only that its own latest attempt
    failed; one that was never confirmed, the money that came for it all the same.
    """
    if booking.confirmed_by is not None:
        accepted = [each.status for each in others if each.accepted]
        return combined_status([status, *accepted]) if payment.accepted else None
    if booking.status == "pending":
        own = payment.share is None and booking.payment == payment.id and booking.is_open
        return "failed" if own and status == "failed" else None
    if status not in TAKEN:
        return None
    return combined_status([status, *(each.status for each in others if each.status in TAKEN)])


def next_look(payment: Payment, booking: Booking, now: int) -> int:
    """When to ask the provider again about an attempt that is not finished: seldomer as it ages.

    What waits for its owner's word needs no news of its money.
    """
    waits = booking.status == "pending" and not booking.is_awaited
    slowest = LOOK_SLOWEST_PENDING_MS if waits else LOOK_SLOWEST_MS
    return now + min(max((now - payment.updated_at) // 4, LOOK_MS), slowest)


def look_after(status: PaymentStatus, now: int) -> int | None:
    """When to look at a payment that has just become that; None: it is finished."""
    return now + LOOK_MS if status in LIVE or status == "failed" else None


def is_over(payment: Payment, intent: Intent | None, now: int) -> bool:
    """Whether nothing more is expected of an attempt that took nothing; at once if it is closed.

    Never while its outcome is unknown: a bank may take many days for a debit.
    """
    if payment.status != "failed" or (intent is not None and intent.status == "processing"):
        return False
    return is_closed(payment, intent) or now - payment.updated_at > LATE_MS


def is_closed(payment: Payment, intent: Intent | None) -> bool:
    """Whether nobody can ever pay by it any more."""
    return payment.closed or (intent is not None and intent.final)


def without_intent(payment: Payment, booking: Booking) -> Step:
    """The provider was never asked, so there is nothing to be paid by."""
    if not payment.is_live:
        return Step.DONE
    return Step.WAIT if booking.is_open and not payment.withdrawn else Step.FAIL


def _is_relied_on(payment: Payment, booking: Booking) -> bool:
    """Whether the booking's owner was asked, or has said yes, on the strength of this money."""
    return booking.status == "pending" and not booking.is_open and payment.is_secured


def _is_kept(payment: Payment, booking: Booking) -> bool:
    """Whether a booking that stands was confirmed by this money."""
    return payment.accepted and booking.status in {"confirmed", "completed"}


def _without_money(payment: Payment, booking: Booking, intent: Intent) -> Step:
    """The provider has nothing of the buyer's: not yet, not any more, or never.

    A booking that stands on this money collapses, unless the outcome is unknown yet. Else the attempt fails,
    or is made impossible to pay where nobody is to pay by it any more, or waits for its buyer.
    """
    if (payment.accepted and booking.status == "confirmed") or _is_relied_on(payment, booking):
        return Step.WAIT if intent.status == "processing" else Step.COLLAPSE
    if intent.status == "cancelled":
        return Step.FAIL if payment.is_live else Step.DONE
    if not booking.is_open or payment.withdrawn:
        return Step.VOID
    if intent.status == "declined" and payment.is_live:
        return Step.FAIL
    return Step.WAIT


def _of_the_confirmed(payment: Payment, intent: Intent) -> Step:
    """A promise, or a price of nothing, by which a booking was confirmed: capture it, or note it."""
    if intent.status == "authorised":
        return Step.CAPTURE
    return Step.DONE if payment.status == "paid" else Step.NOTE


def _of_the_offered(payment: Payment, booking: Booking, intent: Intent, *, asks: bool) -> Step:
    """Money that nobody has accepted yet.

    What came too late takes no places for an owner who would have to be asked about it.
    """
    wrong = mismatch(payment, intent)
    if booking.status == "pending":
        if wrong is not None and payment.is_secured:
            return Step.REJECT if booking.is_open else Step.GIVE_UP
        if wrong is not None and booking.is_open:
            return Step.DONE if payment.flag == wrong else Step.FLAG
        return _of_the_pending(payment, booking, asks=asks)
    whole = wrong is None and _with_others(payment, booking) == booking.total
    return Step.RETAKE if whole and booking.may_revive() and not asks else Step.REJECT


def _of_the_pending(payment: Payment, booking: Booking, *, asks: bool) -> Step:
    together_with = _with_others(payment, booking)
    if payment.rivalled or together_with > booking.total:
        return Step.REJECT
    if together_with == booking.total:
        return _of_the_whole(booking, asks=asks)
    return Step.WAIT if payment.is_secured else Step.SECURE


def _of_the_whole(booking: Booking, *, asks: bool) -> Step:
    """All of the money is there: the owner's word counts, where it is asked for."""
    if booking.is_awaited:
        return Step.WAIT
    return Step.AWAIT if asks and booking.is_open else Step.CONFIRM


def _with_others(payment: Payment, booking: Booking) -> int:
    """What is secured with this payment, whether it counts already or not."""
    return booking.secured + (0 if payment.is_secured else payment.amount)


def _of_the_taken(
    payment: Payment, booking: Booking, intent: Intent, policy: DisputePolicy, *, asks: bool
) -> Step:
    """Money that was captured: a confirmed booking keeps it unless it is lost, what is unwanted goes back.

    The rest is still to be accepted, as a promise is; but not while the bank asks for it, or once it is gone.
    """
    if _is_kept(payment, booking):
        if booking.status == "confirmed" and _is_lost(payment, booking, intent, policy):
            return Step.GIVE_UP
        if _is_news(payment, intent):
            return Step.NOTE
        return Step.WAIT if intent.dispute == "open" or payment.outstanding else Step.DONE
    if payment.unwanted or (left_of(intent) <= 0 and not _is_relied_on(payment, booking)):
        return _of_the_unwanted(payment, intent)
    if intent.dispute == "open" or left_of(intent) <= 0:
        return Step.GIVE_UP if _is_relied_on(payment, booking) else Step.REJECT
    return _of_the_offered(payment, booking, intent, asks=asks)


def _of_the_unwanted(payment: Payment, intent: Intent) -> Step:
    """First it is known as taken, then it is owed; from there the refund's own row leads."""
    if _is_news(payment, intent):
        return Step.NOTE
    if intent.dispute == "open" or payment.outstanding:
        return Step.WAIT
    return Step.REFUND if left_of(intent) > payment.kept else Step.DONE


def _is_news(payment: Payment, intent: Intent) -> bool:
    stands = status_of(payment, intent)
    moves = stands != payment.status and bool(way_to(payment.status, stands))
    return moves or payment.refunded != went_back(intent)


def _is_lost(payment: Payment, booking: Booking, intent: Intent, policy: DisputePolicy) -> bool:
    """Whether the booking is not to stand any more, as far as this payment's money goes."""
    if intent.dispute == "open":
        return policy == "release_at_once"
    if payment.outstanding:
        return False
    if intent.dispute == "lost" and intent.reversed and policy != "keep":
        return True
    back = booking.refunded - payment.refunded + went_back(intent)
    return bool(intent.refunded) and back >= booking.total
