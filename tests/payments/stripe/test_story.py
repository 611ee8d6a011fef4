"""Both our ways to pay by Stripe, from the first call to the last, against a Stripe of our own."""

import time
from typing import Any

import msgspec
import pytest

from server.payments.provider import Intent, Order, Provider, ProviderRefused, ProviderUnavailable
from server.payments.stripe.checkout import StripeCheckout
from server.payments.stripe.intents import Stripe
from tests.fake_stripe import Entry, FakeStripe
from tests.fake_stripe import Refused as NotPayable

DECLINED = "4000000000000002"
NO_FUNDS = "4000000000009995"
CHALLENGED = "4000002500003155"


def order(**more: Any) -> Order:
    usual = Order(
        payment="p1",
        booking="b1",
        reference="BK-1",
        amount=4300,
        currency="usd",
        return_path="/bookings/b1",
        created_at=time.time_ns() // 1_000_000,
    )
    return msgspec.structs.replace(usual, **more)


def entry(fake: FakeStripe, intent: Intent) -> Entry:
    return fake.ledger[fake.intent(intent.id).id]


async def made(provider: Provider, **more: Any) -> Intent:
    return await provider.create(order(**more), "create:p1")


async def paid(provider: Provider, fake: FakeStripe, card: str = "4242424242424242") -> Intent:
    intent = await made(provider)
    await fake.pay(intent.id, card)
    return await provider.fetch(intent.id)


async def taken(provider: Provider, fake: FakeStripe) -> Intent:
    intent = await paid(provider, fake)
    return await provider.capture(intent.id, 4300, "capture:p1")


async def test_a_card_is_authorised_and_then_taken(provider: Provider, fake: FakeStripe) -> None:
    intent = await paid(provider, fake)
    assert (intent.status, intent.amount, entry(fake, intent).held) == ("authorised", 4300, 4300)
    intent = await provider.capture(intent.id, 4300, "capture:p1")
    assert (intent.status, intent.captured, entry(fake, intent).captured) == ("captured", 4300, 4300)
    again = await provider.capture(intent.id, 4300, "capture:p1")
    assert (again.captured, entry(fake, intent).captured) == (4300, 4300)


async def test_asked_twice_there_is_one(provider: Provider, fake: FakeStripe) -> None:
    asked = order()
    first = await provider.create(asked, "create:p1")
    await fake.pay(first.id)
    second = await provider.create(asked, "create:p1")
    assert (second.id, second.status) == (first.id, "authorised")


async def test_a_late_loser_pays_nothing(provider: Provider, fake: FakeStripe) -> None:
    intent = await paid(provider, fake)
    assert (await provider.cancel(intent.id, "cancel:p1")).status == "cancelled"
    assert (await provider.cancel(intent.id, "cancel:p1")).status == "cancelled"
    assert (await provider.capture(intent.id, 4300, "capture:p1")).status == "cancelled"
    assert (entry(fake, intent).held, entry(fake, intent).captured) == (0, 0)


async def test_nobody_can_pay_what_was_cancelled(provider: Provider, fake: FakeStripe) -> None:
    intent = await made(provider)
    assert (await provider.cancel(intent.id, "cancel:p1")).status == "cancelled"
    with pytest.raises(NotPayable):
        await fake.pay(intent.id)


async def test_what_was_taken_can_not_be_cancelled(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    intent = await provider.cancel(intent.id, "cancel:p1")
    assert (intent.status, intent.captured, intent.has_money) == ("captured", 4300, True)


async def test_a_method_that_takes_at_once_is_refunded(provider: Provider, fake: FakeStripe) -> None:
    intent = await paid(provider, fake, "bank")
    assert intent.status == "processing"
    assert (await provider.cancel(intent.id, "cancel:p1")).status == "processing"
    await fake.succeed(fake.intent(intent.id).id)
    intent = await provider.fetch(intent.id)
    assert (intent.status, intent.captured) == ("captured", 4300)
    await provider.refund(intent.id, 4300, "refund:p1:full")
    assert entry(fake, intent).kept == 0


async def test_a_debit_that_fails_has_paid_nothing(intents: Stripe, fake: FakeStripe) -> None:
    intent = await paid(intents, fake, "bank")
    assert (await intents.cancel(intent.id, "cancel:p1")).status == "processing"
    await fake.fail(intent.id)
    assert (await intents.fetch(intent.id)).status == "declined"
    assert (await intents.cancel(intent.id, "cancel:p1")).status == "cancelled"


async def test_a_debit_of_a_session_that_fails_ends_it(checkout: StripeCheckout, fake: FakeStripe) -> None:
    intent = await paid(checkout, fake, "bank")
    await fake.fail(intent.inner or "")
    assert (await checkout.fetch(intent.id)).status == "cancelled"


async def test_a_decline_tells_why_and_leaves_another_try(intents: Stripe, fake: FakeStripe) -> None:
    intent = await paid(intents, fake, NO_FUNDS)
    assert (intent.status, intent.failure) == ("declined", "insufficient_funds")
    await fake.pay(intent.id)
    assert (await intents.fetch(intent.id)).status == "authorised"


async def test_a_decline_on_stripes_page_stays_there(checkout: StripeCheckout, fake: FakeStripe) -> None:
    intent = await paid(checkout, fake, DECLINED)
    assert intent.status == "open"


async def test_a_challenge_is_waited_for(provider: Provider, fake: FakeStripe) -> None:
    intent = await paid(provider, fake, CHALLENGED)
    assert intent.status == "open"
    await fake.authenticate(fake.intent(intent.id).id, ok=True)
    assert (await provider.fetch(intent.id)).status == "authorised"


async def test_an_authorisation_that_lapsed_is_gone(provider: Provider, fake: FakeStripe) -> None:
    intent = await paid(provider, fake)
    fake.dashboard.expire_authorisation(fake.intent(intent.id).id)
    assert (await provider.capture(intent.id, 4300, "capture:p1")).status == "cancelled"


async def test_money_goes_back_in_parts_and_never_twice(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    first = await provider.refund(intent.id, 300, "refund:p1:1")
    again = await provider.refund(intent.id, 300, "refund:p1:1")
    assert (first.id, first.status) == (again.id, "succeeded")
    await provider.refund(intent.id, 4000, "refund:p1:2")
    intent = await provider.fetch(intent.id)
    assert (intent.refunded, intent.has_money, entry(fake, intent).kept) == (4300, False, 0)
    with pytest.raises(ProviderRefused):
        await provider.refund(intent.id, 1, "refund:p1:3")


async def test_a_refund_that_fails_later_is_owed_again(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    refund = await provider.refund(intent.id, 4300, "refund:p1:full")
    fake.dashboard.refund_fails(refund.id)
    failed = await provider.fetch_refund(refund.id)
    assert failed.status == "failed"
    assert failed.failure
    assert (await provider.fetch(intent.id)).refunded == 0


async def test_a_dispute_is_seen_and_its_end_too(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    dispute = fake.dashboard.dispute(fake.intent(intent.id).id)
    intent = await provider.fetch(intent.id)
    assert (intent.dispute, intent.reversed) == ("open", 0)
    with pytest.raises(ProviderRefused):
        await provider.refund(intent.id, 4300, "refund:p1:full")
    fake.dashboard.close_dispute(dispute, "lost")
    intent = await provider.fetch(intent.id)
    assert (intent.dispute, intent.reversed, intent.has_money) == ("lost", 4300, False)


async def test_a_dispute_that_is_won_leaves_the_money(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    dispute = fake.dashboard.dispute(fake.intent(intent.id).id)
    fake.dashboard.close_dispute(dispute, "won")
    intent = await provider.fetch(intent.id)
    assert (intent.dispute, intent.reversed, intent.has_money) == ("won", 0, True)


@pytest.mark.parametrize(
    ("currency", "amount"), [("jpy", 4300), ("isk", 4300), ("ugx", 43_000), ("kwd", 5120), ("mga", 430_000)]
)
async def test_every_currency_comes_back_as_it_went(
    provider: Provider, fake: FakeStripe, currency: str, amount: int
) -> None:
    intent = await made(provider, currency=currency, amount=amount)
    await fake.pay(intent.id)
    intent = await provider.capture(intent.id, amount, "capture:p1")
    assert (intent.amount, intent.captured, intent.currency) == (amount, amount, currency)
    await provider.refund(intent.id, amount, "refund:p1:full")
    assert (await provider.fetch(intent.id)).refunded == amount


async def test_what_was_paid_of_late_is_listed(
    intents: Stripe, checkout: StripeCheckout, fake: FakeStripe
) -> None:
    since = time.time_ns() // 1_000_000 - 60_000
    intent = await intents.create(order(), "create:p1")
    session = await checkout.create(order(payment="p2"), "create:p2")
    for each in (intent, session):
        await fake.pay(each.id)
    assert [(found.id, found.has_money) for found in await intents.recent(since)] == [(intent.id, True)]
    assert [(found.id, found.has_money) for found in await checkout.recent(since)] == [(session.id, True)]


FAULTS = [
    "cut_before_effect",
    "cut_after_effect",
    "half_body",
    "500_before",
    "500_after",
    "502_before",
    "502_after",
    "503_before",
    "429",
    "409",
    "html",
    "html_after",
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_charges_or_refunds_twice(provider: Provider, fake: FakeStripe, fault: Any) -> None:
    fake.faults.next("POST *", fault)
    intent = await made(provider)
    await fake.pay(intent.id)
    fake.faults.next("POST *", fault)
    intent = await provider.capture(intent.id, 4300, "capture:p1")
    assert (intent.status, entry(fake, intent).captured) == ("captured", 4300)
    fake.faults.next("POST *", fault)
    refund = await provider.refund(intent.id, 300, "refund:p1:1")
    assert refund.status == "succeeded"
    assert (await provider.refund(intent.id, 300, "refund:p1:1")).id == refund.id
    assert entry(fake, intent).refunded == 300


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_leaves_a_page_open(provider: Provider, fake: FakeStripe, fault: Any) -> None:
    intent = await made(provider)
    fake.faults.next("POST *", fault)
    assert (await provider.cancel(intent.id, "cancel:p1")).status == "cancelled"


async def test_a_stripe_that_is_away_is_said_to_be(provider: Provider, fake: FakeStripe) -> None:
    intent = await made(provider)
    await fake.goes_away()
    with pytest.raises(ProviderUnavailable, match="no connection"):
        await provider.fetch(intent.id)
    await fake.comes_back()
    assert (await provider.fetch(intent.id)).id == intent.id


async def test_every_post_has_a_key_of_ours(provider: Provider, fake: FakeStripe) -> None:
    intent = await taken(provider, fake)
    await provider.refund(intent.id, 4300, "refund:p1:full")
    keys = [asked.key for asked in fake.requests if asked.method == "POST"]
    assert keys == ["create:p1", "capture:p1", "refund:p1:full"]
