"""What a Checkout Session learns from its PaymentIntent, and what it forbids it."""

from tests.fake_stripe.core import releases
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.core.session import Session


def can_pay(account: Account, intent: Intent) -> None:
    """Raise Refused where the intent's page is closed."""
    session = _of(account, intent)
    if session and session.status != "open":
        raise Refused(f"This Checkout Session is {session.status}.", code="checkout_session_not_open")


def can_cancel(account: Account, intent: Intent) -> None:
    """The intent of an open page is not cancelled directly: the page is expired instead."""
    session = _of(account, intent)
    if session and intent.status != "requires_capture":
        raise Refused(
            "You cannot cancel this PaymentIntent because it was created by Checkout; "
            "expire the Checkout Session instead."
        )


def paid(account: Account, intent: Intent) -> None:
    """The buyer is through. What is only authorised, or still processing, is `unpaid`."""
    session = _of(account, intent)
    if session is None:
        return
    session.status = "complete"
    if intent.status == "succeeded":
        session.payment_status = "paid"
    account.emit("checkout.session.completed", session)


def captured(account: Account, intent: Intent) -> None:
    """What was authorised on the page has been taken; no event tells of it."""
    session = _of(account, intent)
    if session is not None:
        session.payment_status = "paid"


def settled(account: Account, intent: Intent, *, ok: bool) -> None:
    """The outcome of a payment that took days."""
    session = _of(account, intent)
    if session is None:
        return
    if ok:
        session.payment_status = "paid"
    account.emit(f"checkout.session.async_payment_{'succeeded' if ok else 'failed'}", session)


def expire(account: Account, session: Session) -> None:
    """Nobody can pay there any more, and what was begun there is cancelled."""
    if session.status != "open":
        return
    session.status = "expired"
    intent = account.get(Intent, session.intent) if session.intent else None
    if intent and intent.status in {"requires_payment_method", "requires_action", "requires_confirmation"}:
        releases.cancel(account, intent, "automatic")
    account.emit("checkout.session.expired", session)


def _of(account: Account, intent: Intent) -> Session | None:
    return account.get(Session, intent.session) if intent.session else None
