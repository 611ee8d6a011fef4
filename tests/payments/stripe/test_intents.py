"""Payment intents: what is sent, what is made of the answers, and what a refusal means."""

import pytest

from server.payments.provider import Order, ProviderRefused, ProviderUnavailable
from server.payments.stripe.client import API_VERSION
from server.payments.stripe.intents import Stripe
from server.payments.stripe.methods import AUTHORISABLE
from server.payments.stripe.remembered import Remembered
from tests.payments.stripe.wire import SECRET, Wire, charge, listed, ok, pi, refusal

ORDER = Order(
    payment="p1",
    booking="b1",
    reference="BK-1",
    amount=4300,
    currency="usd",
    title="Stalls A-12",
    email="ann@example.com",
    created_at=1_700_000_000_000,
)


async def test_an_intent_is_made_with_our_key_version_and_ids() -> None:
    wire = Wire(ok(pi()))
    intent = await Stripe(wire.calls).create(ORDER, "create:p1")
    request, sent = wire.requests[0], wire.sent()
    assert wire.told == ["POST /v1/payment_intents"]
    assert (intent.id, intent.status, intent.client_secret) == ("pi_1", "open", "pi_1_secret_2")
    assert request.headers["idempotency-key"] == "create:p1"
    assert request.headers["stripe-version"] == API_VERSION
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "x-stripe-client-telemetry" not in request.headers
    assert (sent["amount"], sent["currency"], sent["description"]) == ("4300", "usd", "Stalls A-12")
    assert sent["automatic_payment_methods[enabled]"] == "true"
    assert sent["capture_method"] == "automatic_async"
    assert {f"payment_method_options[{name}][capture_method]" for name in AUTHORISABLE} <= set(sent)
    assert [sent[f"metadata[{name}]"] for name in ("payment", "booking", "reference")] == ["p1", "b1", "BK-1"]


async def test_the_buyers_address_is_not_given_away_for_nothing() -> None:
    wire = Wire(ok(pi()))
    await Stripe(wire.calls).create(ORDER, "create:p1")
    assert "ann@example.com" not in wire.sent().values()


async def test_an_old_answer_to_a_key_is_looked_at_anew() -> None:
    wire = Wire(ok(pi(), replayed=True), ok(pi("requires_capture")))
    intent = await Stripe(wire.calls).create(ORDER, "create:p1")
    assert wire.told == ["POST /v1/payment_intents", "GET /v1/payment_intents/pi_1"]
    assert intent.status == "authorised"


async def test_what_is_taken_is_what_was_agreed() -> None:
    taken = pi("succeeded", amount_received=4300, latest_charge=charge())
    wire = Wire(ok(pi("requires_capture")), ok(taken))
    stripe = Stripe(wire.calls)
    await stripe.fetch("pi_1")
    intent = await stripe.capture("pi_1", 4300, "capture:p1")
    assert wire.told[1] == "POST /v1/payment_intents/pi_1/capture"
    assert wire.sent()["amount_to_capture"] == "4300"
    assert wire.keys[1] == "capture:p1"
    assert (intent.status, intent.captured, intent.refunded) == ("captured", 4300, 0)


async def test_the_currency_is_asked_for_where_it_is_not_known() -> None:
    isk = pi("requires_capture", currency="isk", amount=430_000)
    wire = Wire(ok(isk), ok(isk | {"status": "succeeded", "amount_received": 430_000}))
    intent = await Stripe(wire.calls).capture("pi_1", 4300, "capture:p1")
    assert wire.sent()["amount_to_capture"] == "430000"
    assert (intent.captured, intent.amount, intent.currency) == (4300, 4300, "isk")


async def test_an_authorisation_that_lapsed_is_a_cancelled_intent() -> None:
    wire = Wire(
        ok(pi("requires_capture")),
        refusal(400, "charge_expired_for_capture"),
        ok(pi("requires_capture")),
        ok(pi("canceled")),
    )
    intent = await Stripe(wire.calls).capture("pi_1", 4300, "capture:p1")
    assert intent.status == "cancelled"
    assert wire.told[-1] == "POST /v1/payment_intents/pi_1/cancel"
    assert wire.keys[-1] == "capture:p1/lapsed"


@pytest.mark.parametrize(
    ("status", "expected"),
    [("canceled", "cancelled"), ("succeeded", "captured"), ("processing", "processing")],
)
async def test_a_capture_that_comes_too_late_answers_the_intent_as_it_is(status: str, expected: str) -> None:
    wire = Wire(ok(pi("requires_capture")), refusal(400, "payment_intent_unexpected_state"), ok(pi(status)))
    assert (await Stripe(wire.calls).capture("pi_1", 4300, "capture:p1")).status == expected


async def test_an_intent_is_cancelled() -> None:
    wire = Wire(ok(pi("canceled")))
    assert (await Stripe(wire.calls).cancel("pi_1", "cancel:p1")).status == "cancelled"
    assert (wire.told, wire.keys) == (["POST /v1/payment_intents/pi_1/cancel"], ["cancel:p1"])


async def test_what_was_paid_meanwhile_is_answered_as_paid() -> None:
    paid = pi("succeeded", amount_received=4300, latest_charge=charge())
    wire = Wire(refusal(400, "payment_intent_unexpected_state"), ok(paid))
    assert (await Stripe(wire.calls).cancel("pi_1", "cancel:p1")).has_money


async def test_a_refusal_of_old_does_not_keep_an_intent_open() -> None:
    wire = Wire(refusal(400, "payment_intent_unexpected_state"), ok(pi("processing")))
    stripe = Stripe(wire.calls)
    assert (await stripe.cancel("pi_1", "cancel:p1")).status == "processing"
    wire.then(
        refusal(400, "payment_intent_unexpected_state", replayed=True),
        ok(pi(last_payment_error={"code": "payment_intent_payment_attempt_failed"})),
        ok(pi("canceled")),
    )
    assert (await stripe.cancel("pi_1", "cancel:p1")).status == "cancelled"
    assert wire.keys[-1] == "cancel:p1/2"


async def test_a_refusal_that_nothing_explains_is_told() -> None:
    wire = Wire(refusal(400, "some_new_code"), ok(pi()))
    with pytest.raises(ProviderRefused, match="some_new_code"):
        await Stripe(wire.calls).cancel("pi_1", "cancel:p1")


async def test_disputes_are_asked_for_where_there_are_any() -> None:
    taken = pi("succeeded", amount_received=4300, latest_charge=charge(disputed=True, amount_refunded=300))
    lost = {"id": "dp_1", "object": "dispute", "status": "lost", "amount": 4300, "currency": "usd"}
    wire = Wire(ok(taken), listed(lost))
    intent = await Stripe(wire.calls).fetch("pi_1")
    assert wire.told == ["GET /v1/payment_intents/pi_1", "GET /v1/disputes"]
    assert wire.sent() == {"payment_intent": "pi_1", "limit": "100"}
    assert (intent.captured, intent.refunded, intent.reversed) == (4300, 300, 4000)
    assert (intent.dispute, intent.has_money) == ("lost", False)


def refund(status: str = "succeeded", **more: object) -> dict[str, object]:
    return {"id": "re_1", "object": "refund", "status": status, "metadata": {"key": "refund:p1:full"}, **more}


async def test_a_refund_is_made_once() -> None:
    wire = Wire(ok(pi("succeeded")), listed(), ok(refund("pending")))
    stripe = Stripe(wire.calls)
    made = await stripe.refund("pi_1", 4300, "refund:p1:full")
    assert (made.id, made.status) == ("re_1", "pending")
    assert wire.sent() == {"payment_intent": "pi_1", "amount": "4300", "metadata[key]": "refund:p1:full"}
    assert wire.keys[-1] == "refund:p1:full"
    wire.then(listed(refund()))
    assert (await stripe.refund("pi_1", 4300, "refund:p1:full")).status == "succeeded"
    assert wire.told[-1] == "GET /v1/refunds"


async def test_a_refund_refused_yesterday_is_asked_for_anew() -> None:
    wire = Wire(
        ok(pi("succeeded")),
        listed(),
        refusal(400, "balance_insufficient", replayed=True),
        listed(),
        ok(refund()),
    )
    assert (await Stripe(wire.calls).refund("pi_1", 4300, "refund:p1:full")).status == "succeeded"
    assert wire.keys[-3:] == ["refund:p1:full", None, "refund:p1:full/2"]


async def test_an_old_answer_about_a_refund_is_looked_at_anew() -> None:
    wire = Wire(
        ok(pi()), listed(), ok(refund("pending"), replayed=True), ok(refund("failed", failure_reason="x"))
    )
    made = await Stripe(wire.calls).refund("pi_1", 4300, "refund:p1:full")
    assert (made.status, made.failure) == ("failed", "x")


async def test_a_refund_that_is_refused_says_so() -> None:
    wire = Wire(ok(pi()), listed(), refusal(400, "charge_already_refunded"))
    with pytest.raises(ProviderRefused, match="charge_already_refunded"):
        await Stripe(wire.calls).refund("pi_1", 4300, "refund:p1:full")


async def test_an_amount_stripe_can_not_take_is_never_asked_for() -> None:
    wire = Wire()
    stripe = Stripe(wire.calls)
    order = Order(payment="p1", booking="b1", reference="BK-1", amount=5124, currency="kwd")
    assert stripe.refuses(5124, "kwd")
    with pytest.raises(ProviderRefused):
        await stripe.create(order, "create:p1")


async def test_an_answer_that_is_no_intent_is_no_answer() -> None:
    wire = Wire(ok({"id": "pi_1", "object": "payment_intent"}))
    with pytest.raises(ProviderUnavailable):
        await Stripe(wire.calls).fetch("pi_1")


async def test_an_account_that_does_not_know_a_method_still_authorises_first() -> None:
    unknown = refusal(400, "parameter_unknown", "payment_method_options[sunbit]")
    wire = Wire(unknown, ok(pi()))
    assert (await Stripe(wire.calls).create(ORDER, "create:p1")).id == "pi_1"
    assert wire.keys == ["create:p1", "create:p1/manual"]
    assert wire.sent()["capture_method"] == "manual"
    assert not any(name.startswith("payment_method_options") for name in wire.sent())


async def test_an_order_that_stripe_refuses_is_refused() -> None:
    with pytest.raises(ProviderRefused, match="amount_too_small"):
        await Stripe(Wire(refusal(400, "amount_too_small", "amount")).calls).create(ORDER, "create:p1")


async def test_a_capture_that_nothing_explains_is_told() -> None:
    wire = Wire(ok(pi("requires_capture")), refusal(402, "card_declined"), ok(pi("requires_capture")))
    with pytest.raises(ProviderRefused, match="card_declined"):
        await Stripe(wire.calls).capture("pi_1", 4300, "capture:p1")


def test_facts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.payments.stripe.remembered.MOST", 2)
    known = Remembered()
    for number in range(3):
        known[f"pi_{number}"] = "usd"
    assert list(known) == ["pi_1", "pi_2"]
