"""The contract bites: what the library would not let one type is noticed on the wire."""

import uuid
from typing import Any

import httpx
import pytest
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.contract.contract import JSON
from tests.fake_stripe.contract.routes import routes
from tests.fake_stripe.core.account import API_VERSION
from tests.fake_stripe.core.calls import CALLS
from tests.fake_stripe.orders import key, order

GOOD = {"amount": "5000", "currency": "eur"}


async def post(
    stripe: FakeStripe, form: dict[str, str], path: str = "payment_intents", **headers: str
) -> int:
    sent = {"Authorization": f"Bearer {stripe.secret_key}", "Stripe-Version": API_VERSION, **headers}
    async with httpx.AsyncClient(verify=False) as client:
        return (await client.post(f"{stripe.base_url}/v1/{path}", data=form, headers=sent)).status_code


def taken(stripe: FakeStripe) -> list[str]:
    """The violations so far, which are then forgotten."""
    found = list(stripe.contract.violations)
    stripe.contract.violations.clear()
    return found


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"capture_methd": "manual"}, ".capture_methd: unknown"),
        ({"capture_method": "by_hand"}, ".capture_method: 'by_hand' is none of"),
        ({"amount": "10.5"}, ".amount: '10.5' is no int"),
        ({"amount": ""}, ".amount: '' is no int"),
        ({"confirm": "yes"}, ".confirm: 'yes' is no bool"),
        ({"payment_method_options[card][capture_method]": "automatic"}, "'automatic' is none of"),
        ({"payment_method_options[cards][capture_method]": "manual"}, ".cards: unknown"),
        ({"metadata": "p1"}, ".metadata: 'p1' is no map"),
        ({"expand": "latest_charge"}, ".expand: 'latest_charge' is no list"),
    ],
)
async def test_a_wrong_parameter_is_noticed(stripe: FakeStripe, more: dict[str, str], complaint: str) -> None:
    assert await post(stripe, GOOD | more) == 400
    (found,) = taken(stripe)
    assert complaint in found


async def test_what_is_missing_is_noticed(stripe: FakeStripe) -> None:
    assert await post(stripe, {"amount": "5000"}) == 400
    assert taken(stripe) == ["POST /v1/payment_intents.currency: missing"]


async def test_other_calls_versions_and_random_keys_are_noticed(stripe: FakeStripe) -> None:
    assert await post(stripe, {}, "subscriptions") == 404
    assert await post(stripe, GOOD, **{"Stripe-Version": "2020-08-27"}) == 200
    assert await post(stripe, GOOD, **{"Idempotency-Key": str(uuid.uuid4())}) == 200
    first, second, third = taken(stripe)
    assert "no such call" in first
    assert "2020-08-27" in second
    assert "random key" in third


async def test_wrong_replies_would_be_noticed(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    good: dict[str, Any] = stripe.intent(intent.id).json()
    wrong = good | {"status": "paid", "amount": "5000", "colour": "blue", "currency": None}
    route = routes()["GET /v1/payment_intents/{id}"]
    assert list(JSON.problems(good, route.reply, route.module, "intent")) == []
    found = "\n".join(JSON.problems(wrong, route.reply, route.module, "intent"))
    for name in ("status", "amount", "colour", "currency"):
        assert f"intent.{name}:" in found


def test_every_call_that_is_served_is_one_of_the_librarys() -> None:
    assert {call.name for call in CALLS} <= routes().keys()
