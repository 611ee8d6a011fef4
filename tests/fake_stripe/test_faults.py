"""What goes wrong on the way: each fault as the library meets it, and what it leaves behind."""

import asyncio

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.orders import key, order
from tests.fake_stripe.rim.faults import Name

CREATE = "POST /v1/payment_intents"


@pytest.mark.parametrize(
    ("fault", "error", "had_its_effect"),
    [
        ("cut_before_effect", library.APIConnectionError, False),
        ("cut_after_effect", library.APIConnectionError, True),
        ("half_body", library.APIConnectionError, True),
        ("500_before", library.APIError, False),
        ("502_before", library.APIError, False),
        ("502_after", library.APIError, True),
        ("503_before", library.APIError, False),
        ("409", library.APIError, False),
        ("429", library.RateLimitError, False),
        ("html", library.APIError, False),
        ("html_after", library.APIError, True),
    ],
)
async def test_a_repeat_under_the_same_key_makes_it_right(
    stripe: FakeStripe, api: V1Services, fault: Name, error: type[Exception], had_its_effect: bool
) -> None:
    stripe.faults.next(CREATE, fault)
    with pytest.raises(error):
        await api.payment_intents.create_async(order(), key("k1"))
    assert len(stripe.ledger) == had_its_effect
    intent = await api.payment_intents.create_async(order(), key("k1"))
    assert list(stripe.ledger) == [intent.id]


async def test_a_500_is_kept_under_its_key_though_the_call_had_its_effect(
    stripe: FakeStripe, api: V1Services
) -> None:
    stripe.faults.next(CREATE, "500_after")
    for _ in range(3):
        with pytest.raises(library.APIError):
            await api.payment_intents.create_async(order(), key("k1"))
    found = await api.payment_intents.list_async()
    assert [intent.metadata.to_dict() for intent in found.data] == [{"payment": "p1"}]


@pytest.mark.parametrize(("fault", "so_far"), [("stall", 0), ("stall_after_effect", 1)])
async def test_a_stall_lasts_until_it_is_ended(
    stripe: FakeStripe, api: V1Services, fault: Name, so_far: int
) -> None:
    stripe.faults.next(CREATE, fault)
    call = asyncio.create_task(api.payment_intents.create_async(order(), key("k1")))
    await stripe.faults.stalling()
    assert (len(stripe.ledger), call.done()) == (so_far, False)
    stripe.faults.resume()
    assert (await call).status == "requires_payment_method"


async def test_faults_meet_the_calls_they_are_meant_for(stripe: FakeStripe, api: V1Services) -> None:
    stripe.faults.next("POST /v1/payment_intents/{id}/capture", "500_before", times=2)
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    for _ in range(2):
        with pytest.raises(library.APIError):
            await api.payment_intents.capture_async(intent.id, {}, key("k2"))
    await api.payment_intents.capture_async(intent.id, {}, key("k2"))
    assert stripe.ledger[intent.id].captured == 5000


async def test_the_same_seed_brings_the_same_rain(stripe: FakeStripe) -> None:
    def rain() -> list[Name | None]:
        stripe.faults.at_random({"500_before": 0.2, "cut_after_effect": 0.2}, seed=7)
        return [stripe.faults.of(CREATE) for _ in range(50)]

    first = rain()
    assert rain() == first
    assert len(set(first)) == 3


async def test_it_goes_away_and_comes_back_with_all_it_knows(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.goes_away()
    with pytest.raises(library.APIConnectionError):
        await api.payment_intents.retrieve_async(intent.id)
    await stripe.comes_back()
    assert (await api.payment_intents.retrieve_async(intent.id)).id == intent.id
