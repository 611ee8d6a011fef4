"""The calls that change a PaymentIntent: create, update, confirm, capture, cancel."""

from typing import Any, Final

from tests.fake_stripe.core import amount as amounts
from tests.fake_stripe.core import attempt, checkout, releases
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.form import Params, truth
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.method import WAYS, PaymentMethod, chosen, suitable
from tests.fake_stripe.core.refusal import Refused, unexpected_state

CANCELLABLE: Final = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
)
# Stripe's message names `processing` too; in truth a debit under way can be cancelled in rare cases only.
_NAMED: Final = ", ".join((*CANCELLABLE, "processing"))


def create(account: Account, params: Params) -> Intent:
    """POST /v1/payment_intents"""
    intent = account.keep(drafted(account, params))
    account.emit("payment_intent.created", intent)
    if "payment_method" in params or "payment_method_data" in params:
        intent.method = method_of(account, params, intent.currency)
        intent.status = "requires_confirmation"
    if truth(params.get("confirm")):
        confirm(account, intent.id, params)
    return intent


def drafted(account: Account, params: Params) -> Intent:
    """An intent that nobody has heard of yet."""
    amount = amounts.whole(params["amount"], "amount")
    currency = str(params["currency"]).lower()
    amounts.check(amount, currency)
    capture = params.get("capture_method", "automatic_async")
    intent_id = account.new_id("pi")
    return Intent(
        id=intent_id,
        amount=amount,
        currency=currency,
        created=account.now,
        client_secret=account.secret_of(intent_id),
        methods=_methods(params, currency, manual=capture == "manual"),
        automatic=_automatic(params),
        capture_method=capture,
        options=params.get("payment_method_options", {}),
        metadata=dict(params.get("metadata") or {}),
        description=params.get("description"),
        receipt_email=params.get("receipt_email"),
        statement_descriptor=params.get("statement_descriptor"),
        statement_descriptor_suffix=params.get("statement_descriptor_suffix"),
        livemode=account.livemode,
    )


def update(account: Account, intent_id: str, params: Params) -> Intent:
    """POST /v1/payment_intents/{intent}: before it is paid; its metadata and description at any time."""
    intent = account.get(Intent, intent_id, "intent")
    if {"amount", "currency"} & params.keys():
        if intent.status not in {"requires_payment_method", "requires_confirmation"}:
            raise unexpected_state(
                f"This PaymentIntent's amount could not be updated at the status {intent.status}.",
                intent.json(),
            )
        currency = str(params.get("currency", intent.currency)).lower()
        amount = amounts.whole(params.get("amount", intent.amount), "amount")
        amounts.check(amount, currency)
        intent.amount, intent.currency = amount, currency
    merge_metadata(intent.metadata, params)
    intent.description = params.get("description", intent.description)
    intent.receipt_email = params.get("receipt_email", intent.receipt_email)
    return intent


def confirm(account: Account, intent_id: str, params: Params, *, by_page: bool = False) -> Intent:
    """POST /v1/payment_intents/{intent}/confirm"""
    intent = account.get(Intent, intent_id, "intent")
    if "payment_method" in params or "payment_method_data" in params:
        method = method_of(account, params, intent.currency)
    elif intent.method:
        method = intent.method
    else:
        raise Refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    attempt.confirm(account, intent, method, params.get("return_url"), by_page=by_page)
    return intent


def capture(account: Account, intent_id: str, params: Params) -> Intent:
    """POST /v1/payment_intents/{intent}/capture: once; what is not captured is let go."""
    intent = account.get(Intent, intent_id, "intent")
    if intent.status != "requires_capture" or intent.latest_charge is None:
        raise unexpected_state(
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent.status}. Only a PaymentIntent with one of the following statuses may be captured: "
            "requires_capture.",
            intent.json(),
        )
    taken = amounts.whole(params.get("amount_to_capture", intent.capturable), "amount_to_capture")
    if not 0 < taken <= intent.capturable:
        raise Refused(
            "The provided capture amount is greater than the amount that was authorized.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    _capture(account, intent, account.get(Charge, intent.latest_charge), taken)
    return intent


def _capture(account: Account, intent: Intent, charge: Charge, taken: int) -> None:
    rest = intent.capturable - taken
    charge.captured, charge.amount_captured = True, taken
    intent.capturable, intent.received = 0, taken
    intent.goes("succeeded")
    account.move(intent.id, "captured", taken, charge.id)
    if rest:
        releases.release(account, charge, rest, reason=None)
    checkout.captured(account, intent)
    account.emit("charge.captured", charge)
    account.emit("payment_intent.succeeded", intent)


def cancel(account: Account, intent_id: str, params: Params) -> Intent:
    """POST /v1/payment_intents/{intent}/cancel: it can't be paid any more; what was promised is let go."""
    intent = account.get(Intent, intent_id, "intent")
    if intent.status not in CANCELLABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}. "
            f"Only a PaymentIntent with one of the following statuses may be canceled: {_NAMED}.",
            intent.json(),
        )
    checkout.can_cancel(account, intent)
    releases.cancel(account, intent, params.get("cancellation_reason"))
    return intent


def merge_metadata(metadata: dict[str, str], params: Params) -> None:
    """Keys are added; an empty value takes one away; empty metadata takes all."""
    changes = params.get("metadata", {})
    if changes == "":
        metadata.clear()
        return
    metadata.update(changes)
    for name in [name for name, value in changes.items() if value == ""]:
        del metadata[name]


def method_of(account: Account, params: Params, currency: str) -> PaymentMethod:
    """The payment method that is named, or the one that is described."""
    name = params.get("payment_method")
    if name is not None:
        return account.methods.get(name) or chosen(name, currency, name)
    described: dict[str, Any] = params["payment_method_data"]
    way = str(described.get("type", "card"))
    number = described.get("card", {}).get("number") if way == "card" else None
    return chosen(number or way, currency, account.new_id("pm"))


def _automatic(params: Params) -> dict[str, Any] | None:
    wanted = params.get("automatic_payment_methods")
    if wanted is None:
        # Without a list of types this is what an intent of this version gets.
        wanted = {"enabled": "true"} if "payment_method_types" not in params else None
    if wanted is None or not truth(wanted.get("enabled")):
        return None
    return {"enabled": True, "allow_redirects": wanted.get("allow_redirects", "always")}


def _methods(params: Params, currency: str, *, manual: bool) -> tuple[str, ...]:
    automatic = _automatic(params)
    if automatic is None:
        return tuple(_known(name) for name in params.get("payment_method_types", ["card"]))
    found = suitable(currency, manual=manual)
    stays = automatic["allow_redirects"] == "never"
    return tuple(name for name in found if not (stays and WAYS[name].redirects))


def _known(name: str) -> str:
    if name not in WAYS:
        raise Refused(
            f"The payment method type `{name}` is not known to this account.", param="payment_method_types"
        )
    return name
