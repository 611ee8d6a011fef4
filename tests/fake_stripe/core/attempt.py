"""One try to pay an intent: from the button that the buyer presses to its outcome, with all events."""

from typing import Any

from tests.fake_stripe.core import card as cards
from tests.fake_stripe.core import checkout, disputes, releases
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.card import Decline
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.method import PaymentMethod
from tests.fake_stripe.core.refusal import Refused, unexpected_state


def confirm(
    account: Account, intent: Intent, method: PaymentMethod, return_url: str | None, *, by_page: bool = False
) -> None:
    """Try to pay. `by_page`: Stripe's script is there to show a challenge over the page.

    Raises Refused (402) after a decline: the intent has changed all the same.
    """
    _can_confirm(account, intent, method)
    intent.method = account.methods[method.id] = method
    intent.last_error = None
    intent.next_action = None
    if method.challenge:
        overlay = by_page and method.challenge == "overlay"
        intent.next_action = _challenge(account, intent, return_url, overlay=overlay)
        intent.goes("requires_action")
        account.emit("payment_intent.requires_action", intent)
    else:
        _try(account, intent, method)


def authenticate(account: Account, intent: Intent, *, ok: bool) -> None:
    """The buyer has passed the challenge, or has not."""
    if intent.status != "requires_action" or intent.method is None:
        raise unexpected_state(f"There is no challenge to answer: {intent.status}.", intent.json())
    intent.next_action = None
    if ok:
        _try(account, intent, intent.method, authenticated=True)
    else:
        _declined(account, intent, intent.method, cards.NOT_AUTHENTICATED, None)


def settle(account: Account, intent: Intent, *, ok: bool) -> None:
    """The bank has answered at last: the debit was paid, or it was not."""
    if intent.status != "processing" or intent.latest_charge is None or intent.method is None:
        raise unexpected_state(f"Nothing is processing: {intent.status}.", intent.json())
    charge = account.get(Charge, intent.latest_charge)
    if ok:
        _taken(account, intent, charge)
        checkout.settled(account, intent, ok=True)
        return
    charge.status, charge.decline = "failed", cards.BANK_FAILED
    account.emit("charge.failed", charge)
    _failed(account, intent, intent.method, cards.BANK_FAILED, charge)
    checkout.settled(account, intent, ok=False)


def _can_confirm(account: Account, intent: Intent, method: PaymentMethod) -> None:
    if intent.status == "succeeded":
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it has already succeeded "
            "after being previously confirmed.",
            intent.json(),
        )
    if intent.status not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {intent.status}. "
            "Only a PaymentIntent with one of the following statuses may be confirmed: "
            "requires_confirmation, requires_action.",
            intent.json(),
        )
    if method.way.name not in intent.methods:
        allowed = ", ".join(intent.methods)
        raise Refused(
            f"The PaymentMethod provided ({method.way.name}) is not allowed for this PaymentIntent. "
            f"Allowed payment method types: {allowed}.",
            param="payment_method",
        )
    checkout.can_pay(account, intent)


def _challenge(account: Account, intent: Intent, return_url: str | None, *, overlay: bool) -> dict[str, Any]:
    page = f"{account.pages_url}/3ds/{intent.id}"
    if overlay:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "stripe_3ds2_challenge", "url": page}}
    if return_url is None:
        raise Refused(
            "This PaymentIntent needs a `return_url` because its payment method redirects.",
            param="return_url",
        )
    return {"type": "redirect_to_url", "redirect_to_url": {"url": page, "return_url": return_url}}


def _try(account: Account, intent: Intent, method: PaymentMethod, *, authenticated: bool = False) -> None:
    decline = method.card.decline if method.card else None
    charge = _charge(account, intent, method, decline)
    charge.authenticated = authenticated
    intent.latest_charge = charge.id
    if decline:
        account.emit("charge.failed", charge)
        _declined(account, intent, method, decline, charge)
    elif method.way.outcome == "after_days":
        charge.status = "pending"
        intent.goes("processing")
        account.emit("charge.pending", charge)
        account.emit("payment_intent.processing", intent)
        checkout.paid(account, intent)
    elif intent.is_manual(method.way.name):
        _authorised(account, intent, charge)
        checkout.paid(account, intent)
    else:
        _taken(account, intent, charge)
        checkout.paid(account, intent)


def _charge(account: Account, intent: Intent, method: PaymentMethod, decline: Decline | None) -> Charge:
    return account.keep(
        Charge(
            id=account.new_id("ch"),
            intent=intent.id,
            amount=intent.amount,
            currency=intent.currency,
            created=account.now,
            method=method,
            metadata=dict(intent.metadata),
            description=intent.description,
            status="failed" if decline else "succeeded",
            decline=decline,
            receipt_email=intent.receipt_email,
            livemode=intent.livemode,
        )
    )


def _authorised(account: Account, intent: Intent, charge: Charge) -> None:
    charge.capture_before = account.now + account.authorisation_seconds
    account.later(charge.capture_before, lambda: releases.expire(account, intent))
    intent.capturable = intent.amount
    intent.goes("requires_capture")
    account.move(intent.id, "authorised", intent.amount, charge.id)
    account.emit("charge.succeeded", charge)
    account.emit("payment_intent.amount_capturable_updated", intent)
    disputes.maybe(account, charge)


def _taken(account: Account, intent: Intent, charge: Charge) -> None:
    charge.status = "succeeded"
    charge.captured = True
    charge.amount_captured = intent.received = intent.amount
    intent.goes("succeeded")
    account.move(intent.id, "authorised", intent.amount, charge.id)
    account.move(intent.id, "captured", intent.amount, charge.id)
    account.emit("charge.succeeded", charge)
    account.emit("payment_intent.succeeded", intent)
    disputes.maybe(account, charge)


def _declined(
    account: Account, intent: Intent, method: PaymentMethod, decline: Decline, charge: Charge | None
) -> None:
    _failed(account, intent, method, decline, charge)
    error = dict(intent.last_error or {})
    kind = error.pop("type")
    raise Refused(error.pop("message"), status=402, kind=kind, payment_intent=intent.json(), **error)


def _failed(
    account: Account, intent: Intent, method: PaymentMethod, decline: Decline, charge: Charge | None
) -> None:
    authentication = decline is cards.NOT_AUTHENTICATED
    error = {
        "type": "invalid_request_error" if authentication else "card_error",
        "code": decline.code,
        "decline_code": decline.decline_code,
        "message": decline.message,
        "charge": charge.id if charge else None,
        "payment_method": method.json(account.now),
    }
    intent.last_error = {name: value for name, value in error.items() if value is not None}
    intent.method = None
    intent.goes("requires_payment_method")
    account.emit("payment_intent.payment_failed", intent)
