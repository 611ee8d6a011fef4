"""Idempotency keys: one call, however often it is made."""

import asyncio

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.conftest import Clock
from tests.fake_stripe.orders import at_once, key, order


async def test_a_repeat_gets_the_first_answer_whatever_came_after(
    stripe: FakeStripe, api: V1Services
) -> None:
    first = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(first.id)
    again = await api.payment_intents.create_async(order(), key("k1"))
    assert (again.id, again.status) == (first.id, "requires_payment_method")
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(stripe.ledger) == 1


async def test_another_call_under_the_same_key_is_refused(api: V1Services) -> None:
    await api.payment_intents.create_async(order(), key("k1"))
    with pytest.raises(library.IdempotencyError):
        await api.payment_intents.create_async(order(6000), key("k1"))


async def test_a_refusal_is_kept_but_what_was_not_valid_never_began(
    stripe: FakeStripe, api: V1Services
) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    for _ in range(2):
        with pytest.raises(library.InvalidRequestError, match="could not be captured"):
            await api.payment_intents.capture_async(intent.id, {}, key("k2"))
        if stripe.intent(intent.id).status == "requires_payment_method":
            await stripe.pay(intent.id)
    with pytest.raises(library.InvalidRequestError, match="at least"):
        await api.payment_intents.create_async(order(1), key("k3"))
    assert (await api.payment_intents.create_async(order(2000), key("k3"))).amount == 2000


async def test_a_key_is_forgotten_after_a_day_and_then_acts_again(
    stripe: FakeStripe, api: V1Services, clock: Clock
) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    await stripe.pay(intent.id)
    await api.refunds.create_async({"payment_intent": intent.id, "amount": 100}, key("r1"))
    clock.moves(24 * 3600)
    await api.refunds.create_async({"payment_intent": intent.id, "amount": 100}, key("r1"))
    assert stripe.ledger[intent.id].refunded == 200


async def test_two_at_once_are_told_apart(stripe: FakeStripe, api: V1Services) -> None:
    stripe.faults.next("POST /v1/payment_intents", "stall")
    first = asyncio.create_task(api.payment_intents.create_async(order(), key("k1")))
    await stripe.faults.stalling()
    with pytest.raises(library.APIError) as refused:
        await api.payment_intents.create_async(order(), key("k1"))
    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    stripe.faults.resume()
    assert (await first).id == (await api.payment_intents.create_async(order(), key("k1"))).id
