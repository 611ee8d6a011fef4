"""PaymentIntents, as the library sees them."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.conftest import Clock
from tests.fake_stripe.orders import at_once, key, order


async def test_a_card_is_authorised_and_then_captured(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    assert (intent.status, intent.capture_method) == ("requires_payment_method", "automatic_async")
    assert await stripe.pay(intent.id) == "requires_capture"
    assert (stripe.ledger[intent.id].held, stripe.ledger[intent.id].captured) == (5000, 0)
    captured = await api.payment_intents.capture_async(intent.id, {}, key("k2"))
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 5000, 0)
    assert (stripe.ledger[intent.id].held, stripe.ledger[intent.id].captured) == (0, 5000)
    assert [event["type"] for event in stripe.events] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_money_is_taken_at_once_without_capture_by_hand(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    assert await stripe.pay(intent.id) == "succeeded"
    assert stripe.ledger[intent.id].kept == 5000


async def test_a_way_without_authorisation_takes_at_once(stripe: FakeStripe, api: V1Services) -> None:
    manual = {"card": {"capture_method": "manual"}, "klarna": {"capture_method": "manual"}}
    intent = await api.payment_intents.create_async(order(payment_method_options=manual), key("k1"))
    assert "ideal" in intent.payment_method_types
    assert await stripe.pay(intent.id, "ideal") == "requires_action"
    assert await stripe.authenticate(intent.id) == "succeeded"


async def test_capture_by_hand_for_all_ways_leaves_out_those_without(api: V1Services) -> None:
    by_hand = at_once() | {"capture_method": "manual"}
    intent = await api.payment_intents.create_async(by_hand, key("k1"))
    assert intent.payment_method_types == ["card", "link", "klarna"]


async def test_a_part_is_captured_and_the_rest_let_go(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    await api.payment_intents.capture_async(intent.id, {"amount_to_capture": 3000}, key("k2"))
    entry = stripe.ledger[intent.id]
    assert (entry.held, entry.captured, entry.refunded) == (0, 3000, 0)
    charge = await api.charges.retrieve_async(str(stripe.intent(intent.id).latest_charge))
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (3000, 2000, False)


async def test_a_capture_beyond_the_authorisation_is_refused(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.payment_intents.capture_async(intent.id, {"amount_to_capture": 5001}, key("k2"))
    assert refused.value.code == "amount_too_large"


async def test_an_authorisation_that_is_cancelled_looks_refunded(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    cancelled = await api.payment_intents.cancel_async(
        intent.id, {"cancellation_reason": "abandoned", "expand": ["latest_charge.refunds"]}, key("k2")
    )
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    charge = cancelled.latest_charge
    assert isinstance(charge, library.Charge)
    assert (charge.captured, charge.amount_refunded, charge.refunded) == (False, 5000, True)
    assert charge.refunds is not None
    assert len(charge.refunds.data) == 1
    entry = stripe.ledger[intent.id]
    assert (entry.held, entry.captured, entry.refunded) == (0, 0, 0)
    assert [event["type"] for event in stripe.events[-2:]] == ["charge.refunded", "payment_intent.canceled"]


@pytest.mark.parametrize("status", ["succeeded", "canceled", "processing"])
async def test_what_is_over_is_neither_cancelled_nor_captured(
    stripe: FakeStripe, api: V1Services, status: str
) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    if status == "canceled":
        await api.payment_intents.cancel_async(intent.id, {}, key("k2"))
    else:
        await stripe.pay(intent.id, "bank" if status == "processing" else "4242424242424242")
    for call in (api.payment_intents.cancel_async, api.payment_intents.capture_async):
        with pytest.raises(library.InvalidRequestError, match=f"a status of {status}") as refused:
            await call(intent.id, {}, key(f"{call.__name__} {status}"))
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.error is not None
        assert refused.value.error.payment_intent is not None
        assert refused.value.error.payment_intent.status == status


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (100_000_000, "eur", "amount_too_large"),
        (5001, "kwd", "parameter_invalid_integer"),
        (5050, "isk", "parameter_invalid_integer"),
        (5000, "zzz", None),
    ],
)
async def test_amounts_have_limits(api: V1Services, amount: int, currency: str, code: str | None) -> None:
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.payment_intents.create_async(order(amount, currency), key("k1"))
    assert refused.value.code == code


async def test_the_amount_is_changed_until_it_is_paid(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    changed = await api.payment_intents.update_async(
        intent.id, {"amount": 7000, "metadata": {"payment": "", "booking": "b1"}}, key("k2")
    )
    assert (changed.amount, changed.metadata.to_dict()) == (7000, {"booking": "b1"})
    await stripe.pay(intent.id)
    with pytest.raises(library.InvalidRequestError, match="could not be updated"):
        await api.payment_intents.update_async(intent.id, {"amount": 5000}, key("k3"))


async def test_an_authorisation_expires(stripe: FakeStripe, api: V1Services, clock: Clock) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    charge = await api.charges.retrieve_async(str(stripe.intent(intent.id).latest_charge))
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    before = charge.payment_method_details.card.capture_before
    assert before == clock() // 1000 + 7 * 24 * 3600
    clock.moves(7 * 24 * 3600)
    seen = await api.payment_intents.retrieve_async(intent.id)
    assert (seen.status, seen.cancellation_reason) == ("canceled", "automatic")
    assert stripe.ledger[intent.id].held == 0
    assert stripe.events[-1]["type"] == "charge.expired"
    assert stripe.events[-1]["created"] == before


async def test_what_is_not_there_is_said_so(api: V1Services) -> None:
    with pytest.raises(library.InvalidRequestError, match="No such payment_intent: 'pi_none'") as refused:
        await api.payment_intents.retrieve_async("pi_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


async def test_a_wrong_key_is_refused(stripe: FakeStripe, transport: library.HTTPXClient) -> None:
    stranger = library.StripeClient(
        "sk_test_another", base_addresses={"api": stripe.base_url}, http_client=transport
    )
    with pytest.raises(library.AuthenticationError):
        await stranger.v1.payment_intents.list_async()
