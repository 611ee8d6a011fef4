"""Our tables of Stripe's words, held to the types of the installed library."""

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec
import pytest
import stripe
from stripe import checkout
from stripe.params import PaymentIntentCreateParamsPaymentMethodOptions as IntentMethods
from stripe.params.checkout import SessionCreateParamsPaymentMethodOptions as SessionMethods
from typing_extensions import get_type_hints

from server.currencies import EXPONENTS
from server.payments.stripe import http, objects
from server.payments.stripe.amounts import from_stripe, refusal_of, to_stripe
from server.payments.stripe.methods import AUTHORISABLE
from server.payments.stripe.objects import DISPUTES, STATUSES
from tests.payments.stripe.wire import charge, cs, pi

if TYPE_CHECKING:
    from collections.abc import Mapping


def literals(kind: Any) -> set[str]:
    """Every literal somewhere in a type."""
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    return {literal for part in get_args(kind) for literal in literals(part)}


def authorisable(methods: type) -> set[str]:
    """The methods whose parameters let the capture wait."""
    found = set()
    for method, kind in get_type_hints(methods).items():
        for part in (kind, *get_args(kind)):
            options: Mapping[str, Any] = get_type_hints(part) if isinstance(part, type) else {}
            if "manual" in literals(options.get("capture_method")):
                found.add(method)
    return found


def test_money_is_authorised_first_by_every_method_that_can() -> None:
    assert authorisable(SessionMethods) == set(AUTHORISABLE)
    assert authorisable(IntentMethods) - {"card_present"} == set(AUTHORISABLE)


def test_every_status_of_an_intent_is_known() -> None:
    assert literals(stripe.PaymentIntent.__annotations__["status"]) == set(STATUSES)


def test_every_status_of_a_dispute_is_known() -> None:
    assert literals(stripe.Dispute.__annotations__["status"]) == set(DISPUTES)


def test_every_status_of_a_session_is_known() -> None:
    assert literals(checkout.Session.__annotations__["status"]) == {"open", "complete", "expired"}


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_amounts_come_back_as_they_went(currency: str) -> None:
    for amount in (2_000_000, 3_500_100):
        if refusal_of(amount, currency) is None:
            assert from_stripe(to_stripe(amount, currency), currency) == amount


OURS: "Mapping[str, tuple[type[msgspec.Struct], Any, dict[str, Any]]]" = {
    "PaymentIntent": (objects.PaymentIntent, stripe.PaymentIntent, pi("succeeded")),
    "LastError": (objects.LastError, stripe.PaymentIntent.LastPaymentError, {}),
    "Charge": (objects.Charge, stripe.Charge, charge()),
    "Session": (objects.Session, checkout.Session, cs("complete")),
    "StripeDispute": (
        objects.StripeDispute,
        stripe.Dispute,
        {"status": "won", "amount": 1, "currency": "usd"},
    ),
    "StripeRefund": (objects.StripeRefund, stripe.Refund, {"id": "re_1", "status": "succeeded"}),
}


@pytest.mark.parametrize("name", OURS)
def test_whatever_may_be_null_is_read_as_null(name: str) -> None:
    """The library says which fields may be; an object of another shop in the same account has such."""
    ours, theirs, whole = OURS[name]
    fields = [field.name for field in msgspec.structs.fields(ours)]
    optional = [field for field in fields if type(None) in get_args(theirs.__annotations__[field])]
    for empty in (*([field] for field in optional), optional):
        found: Any = msgspec.convert(whole | dict.fromkeys(empty), ours)
        if isinstance(found, objects.PaymentIntent):
            assert objects.intent_of(found).id == "pi_1"
        elif isinstance(found, objects.Session):
            assert objects.intent_of_session(found, None).id == "cs_1"
        elif isinstance(found, objects.StripeRefund):
            assert objects.refund_of(found).id == "re_1"


def test_a_library_that_is_not_there_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx would on every path, four times a request."""
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    http._note_absences.__wrapped__()
    with pytest.raises(ModuleNotFoundError, match="halted"):
        importlib.import_module("sniffio")
