"""Lists, their pages, and what is expanded."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.conftest import Clock
from tests.fake_stripe.orders import at_once, key


@pytest.fixture
async def intents(api: V1Services, clock: Clock) -> list[str]:
    """Five, a second apart."""
    made = []
    for number in range(5):
        made.append((await api.payment_intents.create_async(at_once(), key(f"k{number}"))).id)
        clock.moves(1)
    return made


async def test_lists_are_paged_from_the_newest_on(api: V1Services, intents: list[str]) -> None:
    first = await api.payment_intents.list_async({"limit": 2})
    assert ([item.id for item in first.data], first.has_more) == (intents[:2:-1], True)
    everything = [item.id async for item in first.auto_paging_iter()]
    assert everything == intents[::-1]
    back = await api.payment_intents.list_async({"limit": 1, "ending_before": intents[2]})
    assert ([item.id for item in back.data], back.has_more) == ([intents[3]], True)


async def test_lists_are_cut_by_time(api: V1Services, intents: list[str], clock: Clock) -> None:
    since = clock() // 1000 - 2
    found = await api.payment_intents.list_async({"created": {"gte": since}})
    assert [item.id for item in found.data] == [intents[4], intents[3]]


@pytest.mark.usefixtures("intents")
async def test_a_cursor_that_is_not_there_is_refused(api: V1Services) -> None:
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.payment_intents.list_async({"starting_after": "pi_none"})
    assert refused.value.param == "starting_after"


async def test_objects_are_shown_in_place_of_their_ids(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    await stripe.pay(intent.id)
    await api.refunds.create_async({"payment_intent": intent.id, "amount": 100}, key("r1"))
    (listed,) = (await api.payment_intents.list_async({"expand": ["data.latest_charge.refunds"]})).data
    charge = listed.latest_charge
    assert isinstance(charge, library.Charge)
    assert charge.refunds is not None
    assert charge.refunds.data[0].amount == 100
    refunds = await api.refunds.list_async({"expand": ["data.payment_intent"]})
    assert isinstance(refunds.data[0].payment_intent, library.PaymentIntent)


async def test_what_is_no_object_is_not_expanded(api: V1Services) -> None:
    with pytest.raises(library.InvalidRequestError, match="cannot be expanded"):
        await api.payment_intents.create_async(at_once() | {"expand": ["currency"]}, key("k1"))


async def test_an_event_is_fetched_as_it_was(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    await stripe.pay(intent.id)
    event = await api.events.retrieve_async(stripe.events[0]["id"])
    assert event.data.object.status == "requires_payment_method"
