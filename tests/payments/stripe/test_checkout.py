"""Checkout sessions: a page of Stripe's that we close ourselves, with the money of the intent inside it."""

from typing import Any

import msgspec
import pytest

from server.payments.provider import ProviderRefused
from server.payments.stripe.checkout import StripeCheckout
from tests.payments.stripe.test_intents import ORDER
from tests.payments.stripe.wire import Wire, charge, cs, listed, ok, pi, refusal

PAGE = "https://tickets.example"
UNEXPECTED = "checkout_session_not_open"


def checkout(wire: Wire, payment_seconds: int = 1800) -> StripeCheckout:
    return StripeCheckout(wire.calls, public_url=PAGE, payment_seconds=payment_seconds)


def authorised(**more: Any) -> dict[str, Any]:
    return cs("complete", payment_intent=pi("requires_capture"), **more)


def captured(**more: Any) -> dict[str, Any]:
    inner = pi("succeeded", amount_received=4300, latest_charge=charge(**more))
    return cs("complete", payment_intent=inner)


async def test_a_session_has_one_line_our_ids_and_the_way_back() -> None:
    wire = Wire(ok(cs()))
    order = msgspec.structs.replace(ORDER, return_path="/bookings/b1")
    intent = await checkout(wire).create(order, "create:p1")
    sent = wire.sent()
    assert (wire.told, wire.keys) == (["POST /v1/checkout/sessions"], ["create:p1"])
    assert (intent.id, intent.status, intent.redirect_url) == ("cs_1", "open", "https://stripe.test/c/cs_1")
    assert (intent.client_secret, intent.inner) == (None, None)
    assert sent["mode"] == "payment"
    assert sent["success_url"] == sent["cancel_url"] == f"{PAGE}/bookings/b1"
    assert sent["line_items[0][price_data][unit_amount]"] == "4300"
    assert sent["line_items[0][price_data][currency]"] == "usd"
    assert sent["line_items[0][price_data][product_data][name]"] == "Stalls A-12"
    assert sent["customer_email"] == "ann@example.com"
    assert sent["adaptive_pricing[enabled]"] == "false"
    assert sent["payment_method_options[card][capture_method]"] == "manual"
    assert sent["payment_intent_data[metadata][payment]"] == sent["metadata[payment]"] == "p1"
    assert sent["payment_intent_data[metadata][via]"] == "checkout"


@pytest.mark.parametrize(
    ("payment_seconds", "life"), [(1800, 3 * 3600), (4 * 3600, 5 * 3600), (7 * 86_400, 23 * 3600)]
)
async def test_its_end_is_told_from_the_orders_beginning(payment_seconds: int, life: int) -> None:
    wire = Wire(ok(cs()), ok(cs()))
    provider = checkout(wire, payment_seconds)
    for _ in range(2):
        await provider.create(ORDER, "create:p1")
    assert int(wire.sent()["expires_at"]) == 1_700_000_000 + life
    assert wire.requests[0].content == wire.requests[1].content


@pytest.mark.parametrize(
    ("session", "status"),
    [
        (cs("open"), "open"),
        (cs("open", payment_intent=pi("requires_action")), "open"),
        (cs("open", payment_intent=pi(last_payment_error={"code": "card_declined"})), "open"),
        (cs("expired"), "cancelled"),
        (cs("expired", payment_intent=pi("canceled")), "cancelled"),
        (authorised(), "authorised"),
        (captured(), "captured"),
        (captured(amount_refunded=4300), "captured"),
        (cs("complete", payment_intent=pi("processing")), "processing"),
        (cs("complete", payment_intent=pi("canceled")), "cancelled"),
        (cs("complete", payment_intent=pi(last_payment_error={"code": "x"})), "cancelled"),
    ],
)
async def test_a_session_is_what_the_money_inside_it_is(session: dict[str, Any], status: str) -> None:
    intent = await checkout(Wire(ok(session))).fetch("cs_1")
    assert (intent.id, intent.status, intent.amount, intent.currency) == ("cs_1", status, 4300, "usd")
    assert intent.metadata["payment"] == "p1"


async def test_why_a_try_was_declined_is_told() -> None:
    inner = pi(last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"})
    intent = await checkout(Wire(ok(cs(payment_intent=inner)))).fetch("cs_1")
    assert (intent.failure, intent.inner) == ("insufficient_funds", "pi_1")


async def test_an_intent_that_is_told_by_its_id_alone_is_fetched() -> None:
    wire = Wire(ok(cs("complete", payment_intent="pi_1")), ok(pi("requires_capture")))
    assert (await checkout(wire).fetch("cs_1")).status == "authorised"


async def test_the_money_inside_is_taken() -> None:
    wire = Wire(ok(authorised()), ok(pi("succeeded")), ok(captured()))
    intent = await checkout(wire).capture("cs_1", 4300, "capture:p1")
    assert (intent.id, intent.status, intent.captured) == ("cs_1", "captured", 4300)
    assert wire.told[1] == "POST /v1/payment_intents/pi_1/capture"
    assert wire.keys[1] == "capture:p1"


async def test_nothing_is_taken_from_an_open_page() -> None:
    wire = Wire(ok(cs()), ok(cs()))
    assert (await checkout(wire).capture("cs_1", 4300, "capture:p1")).status == "open"


async def test_an_open_page_is_closed() -> None:
    wire = Wire(ok(cs()), ok(cs("expired")))
    assert (await checkout(wire).cancel("cs_1", "cancel:p1")).status == "cancelled"
    assert (wire.told[1], wire.keys[1]) == ("POST /v1/checkout/sessions/cs_1/expire", "cancel:p1")


async def test_a_page_completed_this_moment_is_a_payment() -> None:
    wire = Wire(ok(cs()), refusal(400, UNEXPECTED), ok(authorised()))
    assert (await checkout(wire).cancel("cs_1", "cancel:p1")).status == "authorised"


async def test_an_authorisation_nobody_wants_is_given_back() -> None:
    wire = Wire(ok(authorised()), ok(pi("canceled")), ok(cs("complete", payment_intent=pi("canceled"))))
    assert (await checkout(wire).cancel("cs_1", "cancel:p1")).status == "cancelled"
    assert (wire.told[1], wire.keys[1]) == ("POST /v1/payment_intents/pi_1/cancel", "cancel:p1/inner")


@pytest.mark.parametrize(
    "session", [cs("expired"), captured(), cs("complete", payment_intent=pi("processing"))]
)
async def test_what_can_not_be_closed_is_answered_as_it_is(session: dict[str, Any]) -> None:
    wire = Wire(ok(session))
    await checkout(wire).cancel("cs_1", "cancel:p1")
    assert len(wire.requests) == 1


async def test_a_refusal_of_old_does_not_keep_a_page_open() -> None:
    wire = Wire(ok(cs()), refusal(400, "x", replayed=True), ok(cs()), ok(cs()), ok(cs("expired")))
    assert (await checkout(wire).cancel("cs_1", "cancel:p1")).status == "cancelled"
    assert wire.keys[-1] == "cancel:p1/2"


async def test_an_old_answer_about_closing_is_looked_at_anew() -> None:
    wire = Wire(ok(cs()), ok(cs("expired"), replayed=True), ok(captured()))
    assert (await checkout(wire).cancel("cs_1", "cancel:p1")).status == "captured"


async def test_a_refund_is_of_the_intent_inside() -> None:
    made = {"id": "re_1", "object": "refund", "status": "succeeded"}
    wire = Wire(ok(captured()), listed(), ok(made))
    refund = await checkout(wire).refund("cs_1", 4300, "refund:p1:full")
    assert (refund.id, refund.status) == ("re_1", "succeeded")
    assert wire.sent()["payment_intent"] == "pi_1"


async def test_of_an_unpaid_page_there_is_nothing_to_refund() -> None:
    with pytest.raises(ProviderRefused):
        await checkout(Wire(ok(cs()))).refund("cs_1", 4300, "refund:p1:full")


async def test_a_refund_is_fetched() -> None:
    wire = Wire(ok({"id": "re_1", "object": "refund", "status": "requires_action"}))
    assert (await checkout(wire).fetch_refund("re_1")).status == "pending"


def test_amounts_are_refused_as_by_any_way_of_paying() -> None:
    provider = checkout(Wire())
    assert provider.refuses(1, "usd")
    assert provider.refuses(4300, "usd") is None


async def test_an_address_stripe_does_not_like_is_asked_for_there() -> None:
    wire = Wire(refusal(400, "email_invalid", "customer_email"), ok(cs()))
    assert (await checkout(wire).create(ORDER, "create:p1")).id == "cs_1"
    assert wire.keys == ["create:p1", "create:p1/anonymous"]
    assert "customer_email" not in wire.sent()


async def test_an_order_of_long_ago_still_gets_its_page() -> None:
    wire = Wire(refusal(400, "parameter_invalid_integer", "expires_at"), ok(cs()))
    assert (await checkout(wire).create(ORDER, "create:p1")).id == "cs_1"
    assert wire.keys == ["create:p1", "create:p1/late"]
    assert "expires_at" not in wire.sent()


async def test_an_account_that_does_not_know_a_method_still_authorises_first() -> None:
    wire = Wire(refusal(400, "parameter_unknown", "payment_method_options[sunbit]"), ok(cs()))
    await checkout(wire).create(ORDER, "create:p1")
    assert wire.keys == ["create:p1", "create:p1/manual"]
    assert wire.sent()["payment_intent_data[capture_method]"] == "manual"
    assert wire.sent()["payment_intent_data[metadata][via]"] == "checkout"


async def test_an_order_that_stripe_refuses_is_refused() -> None:
    with pytest.raises(ProviderRefused, match="amount_too_small"):
        await checkout(Wire(refusal(400, "amount_too_small", "amount"))).create(ORDER, "create:p1")
