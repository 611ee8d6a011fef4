"""Authorisations let go: by a cancel, by a smaller capture, by time. No money was taken, yet Stripe tells
of it as of a refund: the charge becomes `refunded`, with a refund that nobody asked for."""

from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.refund import Refund


def release(account: Account, charge: Charge, amount: int, reason: str | None) -> None:
    """Let go of `amount`."""
    charge.released += amount
    account.move(charge.intent, "released", amount, charge.id)
    account.keep(
        Refund(
            id=account.new_id("re"),
            intent=charge.intent,
            charge=charge.id,
            amount=amount,
            currency=charge.currency,
            created=account.now,
            way=charge.method.way.name,
            reason=reason,
            release=True,
        )
    )
    account.emit("charge.refunded", charge)


def cancel(account: Account, intent: Intent, reason: str | None, refund_reason: str | None = None) -> None:
    """It can't be paid any more."""
    if intent.status == "requires_capture" and intent.latest_charge:
        release(account, account.get(Charge, intent.latest_charge), intent.capturable, refund_reason)
    intent.capturable = 0
    intent.next_action = None
    intent.canceled_at = account.now
    intent.cancellation_reason = reason
    intent.goes("canceled")
    account.emit("payment_intent.canceled", intent)


def expire(account: Account, intent: Intent) -> None:
    """The authorisation's time is over; Stripe cancels what was not captured by then."""
    if intent.status == "requires_capture" and intent.latest_charge:
        cancel(account, intent, "automatic", "expired_uncaptured_charge")
        account.emit("charge.expired", account.get(Charge, intent.latest_charge))
