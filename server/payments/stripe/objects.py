"""Stripe's objects, as far as we read them, and what they are to us. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from server.payments.provider import Dispute, Intent, IntentStatus, Refund, RefundStatus
from server.payments.stripe.amounts import from_stripe


class Charge(msgspec.Struct, frozen=True):
    """`amount_refunded` counts refunds under way too, and no longer those that failed."""

    amount_refunded: int = 0
    disputed: bool = False


class LastError(msgspec.Struct, frozen=True):
    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct, frozen=True):
    """`latest_charge` is an id where it was not asked for whole."""

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int = 0
    client_secret: str | None = None
    latest_charge: Charge | str | None = None
    last_payment_error: LastError | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def is_disputed(self) -> bool:
        return isinstance(self.latest_charge, Charge) and self.latest_charge.disputed


class Session(msgspec.Struct, frozen=True):
    """A Checkout Session. Its payment intent comes into being when the buyer confirms."""

    id: str
    status: str | None
    amount_total: int | None
    currency: str | None
    payment_intent: PaymentIntent | str | None = None
    url: str | None = None
    metadata: Mapping[str, str] | None = None


class StripeDispute(msgspec.Struct, frozen=True):
    status: str
    amount: int
    currency: str


class StripeRefund(msgspec.Struct, frozen=True):
    id: str
    status: str | None
    failure_reason: str | None = None
    metadata: Mapping[str, str] | None = None


class ListedDisputes(msgspec.Struct, frozen=True):
    data: list[StripeDispute]


class ListedRefunds(msgspec.Struct, frozen=True):
    data: list[StripeRefund]


# In the metadata of the intent inside a checkout session: it is the session that is somebody's payment.
VIA: Final = "via"
CHECKOUT: Final = "checkout"

# What an intent's status is to us; requires_payment_method is open, or declined after a try.
STATUSES: Final[Mapping[str, IntentStatus]] = {
    "requires_payment_method": "open",
    "requires_confirmation": "open",
    "requires_action": "open",
    "processing": "processing",
    "requires_capture": "authorised",
    "succeeded": "captured",
    "canceled": "cancelled",
}
# Inquiries (warning_…) move no money, and a refund is their best answer; a prevented dispute never came.
DISPUTES: Final[Mapping[str, Dispute]] = {
    "needs_response": "open",
    "under_review": "open",
    "appeal_needs_response": "open",
    "appeal_under_review": "open",
    "lost": "lost",
    "won": "won",
    "prevented": "none",
    "warning_needs_response": "none",
    "warning_under_review": "none",
    "warning_closed": "none",
}
_WORST_FIRST: Final[tuple[Dispute, ...]] = ("open", "lost", "won", "none")
_REFUND: Final[Mapping[str | None, RefundStatus]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def intent_of(found: PaymentIntent, disputes: Sequence[StripeDispute] = ()) -> Intent:
    """A payment intent with its disputes. Of a status we do not know, nobody knows the outcome."""
    charge = found.latest_charge if isinstance(found.latest_charge, Charge) else Charge()
    lost = sum(dispute.amount for dispute in disputes if dispute.status == "lost")
    left = found.amount_received - charge.amount_refunded
    return Intent(
        id=found.id,
        status=_status_of(found),
        amount=from_stripe(found.amount, found.currency),
        currency=found.currency,
        captured=from_stripe(found.amount_received, found.currency),
        refunded=from_stripe(charge.amount_refunded, found.currency),
        reversed=from_stripe(min(lost, left), found.currency),
        dispute=_dispute_of(disputes),
        failure=_failure_of(found),
        metadata=dict(found.metadata or {}),
        client_secret=found.client_secret,
        final=found.status == "canceled",
    )


def intent_of_session(found: Session, inner: Intent | None) -> Intent:
    """A session with the payment inside it, if there is one yet.

    A try that was declined on Stripe's page leaves that page open: the next one is made there. A completed
    session whose payment failed later can't be paid any more.
    """
    currency = found.currency or (inner.currency if inner else "")
    shell = Intent(
        id=found.id,
        status=_status_of_session(found, inner),
        amount=from_stripe(found.amount_total or 0, currency),
        currency=currency,
        metadata=dict(found.metadata or {}),
        redirect_url=found.url,
        final=found.status == "expired" if inner is None else found.status != "open" and inner.final,
    )
    if inner is None:
        return shell
    money = ("captured", "refunded", "reversed", "dispute", "failure", "amount", "currency")
    return msgspec.structs.replace(shell, inner=inner.id, **{name: getattr(inner, name) for name in money})


def refund_of(found: StripeRefund) -> Refund:
    """A refund; what needs somebody's action first is pending."""
    return Refund(id=found.id, status=_REFUND.get(found.status, "pending"), failure=found.failure_reason)


def _status_of(found: PaymentIntent) -> IntentStatus:
    if found.status == "requires_payment_method" and found.last_payment_error:
        return "declined"
    return STATUSES.get(found.status, "processing")


def _status_of_session(found: Session, inner: Intent | None) -> IntentStatus:
    if inner is not None and (inner.status in {"processing", "captured"} or inner.has_money):
        return inner.status
    if found.status == "open":
        return "open"
    return "cancelled"


def _dispute_of(disputes: Sequence[StripeDispute]) -> Dispute:
    """The one that matters most. One of a status we do not know is open: no refund meets it by accident."""
    found = {DISPUTES.get(dispute.status, "open") for dispute in disputes}
    return next((dispute for dispute in _WORST_FIRST if dispute in found), "none")


def _failure_of(found: PaymentIntent) -> str | None:
    error = found.last_payment_error
    return (error.decline_code or error.code) if error else None
