"""The calls about Checkout Sessions, and what the buyer does on the hosted page."""

from typing import Any, Final

from tests.fake_stripe.core import amount as amounts
from tests.fake_stripe.core import attempt, checkout, intents
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.form import Params
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.method import chosen
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.core.session import Line, Session

SHORTEST: Final = 30 * 60
LONGEST: Final = 24 * 3600
# Parameters of the session that its PaymentIntent gets.
_PASSED_ON: Final = ("payment_method_options", "payment_method_types")


def create(account: Account, params: Params) -> Session:
    """POST /v1/checkout/sessions, mode `payment` on the hosted page."""
    if params.get("mode", "payment") != "payment":
        raise Refused("Only mode `payment` is served here.", param="mode")
    if "success_url" not in params:
        raise Refused("Missing required param: success_url.", code="parameter_missing", param="success_url")
    lines, currency = _lines(account, params)
    session_id = account.new_id("cs_live" if account.livemode else "cs_test")
    plan = _plan(params, sum(line.total for line in lines), currency)
    draft = intents.drafted(account, plan)
    session = account.keep(
        Session(
            id=session_id,
            currency=currency,
            created=account.now,
            expires_at=_expires_at(account, params),
            url=f"{account.pages_url}/c/pay/{session_id}",
            lines=lines,
            plan=plan,
            methods=draft.methods,
            success_url=params["success_url"],
            cancel_url=params.get("cancel_url"),
            metadata=dict(params.get("metadata") or {}),
            client_reference_id=params.get("client_reference_id"),
            customer_email=params.get("customer_email"),
            livemode=account.livemode,
        )
    )
    account.later(session.expires_at, lambda: checkout.expire(account, session))
    return session


def expire(account: Account, session_id: str) -> Session:
    """POST /v1/checkout/sessions/{session}/expire: only what is open; what is complete is a payment."""
    session = account.get(Session, session_id, "session")
    if session.status != "open":
        raise Refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session.status}`."
        )
    checkout.expire(account, session)
    return session


def update(account: Account, session_id: str, params: Params) -> Session:
    """POST /v1/checkout/sessions/{session}: its metadata."""
    session = account.get(Session, session_id, "session")
    intents.merge_metadata(session.metadata, params)
    return session


def pay(account: Account, session_id: str, card: str) -> Intent:
    """The buyer presses the button of the page; raises Refused after a decline, and the page stays open."""
    session = account.get(Session, session_id, "session")
    if session.status != "open":
        raise Refused(f"This Checkout Session is {session.status}.", code="checkout_session_not_open")
    intent = account.get(Intent, session.intent) if session.intent else _make_intent(account, session)
    method = chosen(card, intent.currency, account.new_id("pm"))
    attempt.confirm(account, intent, method, session.success_url)
    return intent


def _make_intent(account: Account, session: Session) -> Intent:
    intent = account.keep(intents.drafted(account, session.plan))
    intent.session = session.id
    session.intent = intent.id
    account.emit("payment_intent.created", intent)
    return intent


def _plan(params: Params, amount: int, currency: str) -> Params:
    passed_on = {name: params[name] for name in _PASSED_ON if name in params}
    return {**passed_on, **params.get("payment_intent_data", {}), "amount": amount, "currency": currency}


def _expires_at(account: Account, params: Params) -> int:
    if "expires_at" not in params:
        return account.now + LONGEST
    expires_at = amounts.whole(params["expires_at"], "expires_at")
    if expires_at < account.now + SHORTEST:
        raise Refused(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if expires_at > account.now + LONGEST:
        raise Refused(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return expires_at


def _lines(account: Account, params: Params) -> tuple[list[Line], str]:
    given: list[dict[str, Any]] = params.get("line_items", [])
    if not given:
        raise Refused("Missing required param: line_items.", code="parameter_missing", param="line_items")
    currencies = {str(item["price_data"]["currency"]).lower() for item in given}
    if len(currencies) > 1:
        raise Refused("All line items must have the same currency.", param="line_items")
    return [_line(account, item) for item in given], currencies.pop()


def _line(account: Account, item: dict[str, Any]) -> Line:
    price = item["price_data"]
    return Line(
        id=account.new_id("li"),
        name=str(price.get("product_data", {}).get("name", "")),
        unit_amount=amounts.whole(price["unit_amount"], "line_items[0][price_data][unit_amount]"),
        quantity=amounts.whole(item.get("quantity", 1), "line_items[0][quantity]"),
        price=account.new_id("price"),
        product=account.new_id("prod"),
    )
