"""Buyers' tries: declines, challenges, debits that take days."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe, Refused
from tests.fake_stripe.orders import at_once, key, order


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    ],
)
async def test_a_decline_leaves_the_intent_to_be_paid_again(
    stripe: FakeStripe, api: V1Services, card: str, code: str, decline: str
) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    assert await stripe.pay(intent.id, card) == "requires_payment_method"
    seen = await api.payment_intents.retrieve_async(intent.id)
    assert seen.last_payment_error is not None
    assert (seen.last_payment_error.code, seen.last_payment_error.decline_code) == (code, decline)
    assert [event["type"] for event in stripe.events[-2:]] == [
        "charge.failed",
        "payment_intent.payment_failed",
    ]
    assert await stripe.pay(intent.id) == "requires_capture"
    assert (await api.payment_intents.retrieve_async(intent.id)).last_payment_error is None
    charges = await api.charges.list_async({"payment_intent": intent.id})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]


async def test_a_server_hears_of_a_decline_by_a_402(stripe: FakeStripe, api: V1Services) -> None:
    with pytest.raises(library.CardError) as declined:
        await api.payment_intents.create_async(
            order(confirm=True, payment_method="pm_card_chargeDeclined", return_url="http://127.0.0.1:1/"),
            key("k1"),
        )
    assert declined.value.code == "card_declined"
    assert declined.value.error is not None
    assert declined.value.error.payment_intent is not None
    assert declined.value.error.payment_intent.status == "requires_payment_method"
    assert stripe.ledger[declined.value.error.payment_intent.id].captured == 0


@pytest.mark.parametrize(("ok", "status"), [(True, "requires_capture"), (False, "requires_payment_method")])
async def test_a_challenge_is_answered(stripe: FakeStripe, api: V1Services, ok: bool, status: str) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    assert await stripe.pay(intent.id, "4000002500003155") == "requires_action"
    waiting = await api.payment_intents.retrieve_async(intent.id)
    assert waiting.next_action is not None
    assert waiting.next_action.type == "use_stripe_sdk"
    assert await stripe.authenticate(intent.id, ok=ok) == status
    seen = await api.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    if ok:
        assert isinstance(seen.latest_charge, library.Charge)
        assert seen.latest_charge.payment_method_details is not None
        assert seen.latest_charge.payment_method_details.card is not None
        assert seen.latest_charge.payment_method_details.card.three_d_secure is not None
    else:
        assert seen.last_payment_error is not None
        assert seen.last_payment_error.code == "payment_intent_authentication_failure"


async def test_a_server_without_the_script_is_led_to_the_bank(api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    confirmed = await api.payment_intents.confirm_async(
        intent.id,
        {"payment_method": "pm_card_authenticationRequired", "return_url": "http://127.0.0.1:1/back"},
        key("k2"),
    )
    assert confirmed.next_action is not None
    assert confirmed.next_action.redirect_to_url is not None
    assert confirmed.next_action.redirect_to_url.return_url == "http://127.0.0.1:1/back"


async def test_a_challenged_intent_can_be_cancelled(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id, "4000002500003155")
    await api.payment_intents.cancel_async(intent.id, {}, key("k2"))
    with pytest.raises(Refused):
        await stripe.authenticate(intent.id)
    with pytest.raises(Refused, match="a status of canceled"):
        await stripe.pay(intent.id)


@pytest.mark.parametrize("paid", [True, False])
async def test_a_debit_takes_days(stripe: FakeStripe, api: V1Services, paid: bool) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    assert await stripe.pay(intent.id, "bank") == "processing"
    assert stripe.ledger[intent.id].captured == 0
    assert await (stripe.succeed if paid else stripe.fail)(intent.id) == (
        "succeeded" if paid else "requires_payment_method"
    )
    assert stripe.ledger[intent.id].captured == (5000 if paid else 0)
    told = [event["type"] for event in stripe.events if event["type"].startswith("payment_intent")]
    end = "payment_intent.succeeded" if paid else "payment_intent.payment_failed"
    assert told == ["payment_intent.created", "payment_intent.processing", end]


async def test_a_paid_intent_is_not_paid_twice(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    await stripe.pay(intent.id)
    with pytest.raises(Refused, match="already succeeded"):
        await stripe.pay(intent.id)
    assert stripe.ledger[intent.id].captured == 5000


async def test_only_test_cards_are_known(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    assert await stripe.pay(intent.id, "4111111111111111") == "requires_payment_method"
