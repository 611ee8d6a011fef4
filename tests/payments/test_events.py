"""Events twice, late, out of order, lost: the end is the same."""

import itertools
import random

import pytest

from server.payments import inbox
from server.payments.provider import Event
from tests.payments.house import HALL, PRICE, Buyer, House


async def _events_of(house: House) -> list[Event]:
    """What the sandbox has told of and nobody has taken."""
    async with house.database.connection() as connection:
        rows = await connection.fetch("select id, kind, intent_id from sandbox.event order by created_at, id")
    return [Event(id=row["id"], kind=row["kind"], object_id=row["intent_id"]) for row in rows]


async def _story(name: str, ann: Buyer, slot: str, resource: str = HALL) -> tuple[str, str]:
    """What happens at the provider while we hear nothing of it; how it has to end."""
    await ann.holds(slot, resource=resource)
    await ann.books()
    if name == "declined, then paid":
        await ann.acts("decline")
        await ann.acts("succeed")
    elif name == "declined":
        await ann.acts("decline")
        return "pending", "failed"
    elif name == "cancelled":
        await ann.acts("cancel")
        return "pending", "failed"
    elif name == "paid twice":
        await ann.acts("succeed", twice=True)
    elif name == "paid":
        await ann.acts("succeed")
    return "confirmed", "paid"


STORIES = ["paid", "declined, then paid", "declined", "cancelled", "paid twice"]


@pytest.mark.parametrize("story", STORIES)
async def test_all_orders_and_repeats_of_events_end_the_same(house: House, story: str) -> None:
    await house.office.hears_nothing()
    names = [f"P-{number}" for number in range(12)]
    await house.sells(names, resource="plenty")
    seen: set[str] = set()
    chance = random.Random(7)
    for slot in names:
        ann = house.buyer(slot)
        end = await _story(story, ann, slot, "plenty")
        new = [event for event in await _events_of(house) if event.id not in seen]
        seen |= {event.id for event in new}
        orders = list(itertools.permutations(new))
        order = chance.choice(orders)
        await _deliver(house, [*order, *chance.choices(order, k=2)])
        assert await ann.status() == end, order
        # What our own capture made the provider say.
        await _deliver(house, [event for event in await _events_of(house) if event.id not in seen])
        seen |= {event.id for event in await _events_of(house)}
        assert await ann.status() == end, order
    await house.is_whole(resources=["plenty"])


async def _deliver(house: House, events: list[Event]) -> None:
    for event in events:
        await house.office.payments.inbox.receive("sandbox", event)
        await house.office.payments.inbox.worker._work()
        await house.office.payments.refunds.worker._work()


@pytest.mark.parametrize("story", STORIES)
async def test_with_every_event_lost_all_is_right_within_90_seconds(house: House, story: str) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    end = await _story(story, ann, "A-1")

    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run()

    assert await ann.status() == end
    await house.is_whole()


async def test_an_event_replayed_a_hundred_times_has_one_effect(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    version = (await ann.sees()).version
    async with house.database.connection() as connection:
        kept = await connection.fetchrow(
            "select event_id, kind, object_id from inbox order by event_id limit 1"
        )
    assert kept is not None
    event = Event(id=kept["event_id"], kind=kept["kind"], object_id=kept["object_id"])

    for _ in range(100):
        assert not await house.office.payments.inbox.receive("sandbox", event)
    await house.office.loops_run()

    assert (await ann.sees()).version == version
    assert await house.value("select count(*) from sandbox.movement") == 1
    await house.is_whole()


async def test_an_event_of_nothing_we_know_is_worked_off_and_ignored(house: House) -> None:
    await house.execute(
        """
        insert into sandbox.intent values (
          'sbx_other', 's', 'k', 5, 'eur', 'manual', '{"payment": "no"}', 'open', null, null, now(), now())
        """
    )
    await house.office.payments.inbox.receive("sandbox", Event(id="e1", kind="", object_id="sbx_other"))
    await house.office.loops_run()
    assert await house.value("select done_at is not null from inbox where event_id = 'e1'")


async def test_a_payment_for_anothers_booking_is_not_believed(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    for buyer, slot in ((ann, "A-1"), (ben, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    await house.execute(
        """
        update sandbox.intent set metadata = jsonb_set(metadata, '{booking}', to_jsonb($1::text)),
          id = 'sbx_foreign', status = 'authorised' where metadata->>'payment' = $2
        """,
        str(ben.own.id),
        str(ann.attempt.id),
    )
    await house.office.payments.inbox.receive("sandbox", Event(id="e1", kind="", object_id="sbx_foreign"))
    await house.office.payments.inbox.worker._work()

    assert await ann.status() == ("pending", "pending")
    assert await ben.status() == ("pending", "pending")


async def test_an_event_before_the_reply_to_our_own_call_finds_its_payment(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await house.execute("update payment set provider_id = null")
    await ann.office.sandbox.act(str(await house.value("select id from sandbox.intent")), "succeed")

    await house.office.loops_run()

    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from payment") == 1
    await house.is_whole()


async def test_an_event_that_fails_is_tried_again_and_in_the_end_kept_as_a_dead_letter(house: House) -> None:
    await house.office.payments.inbox.receive("sandbox", Event(id="e1", kind="", object_id="sbx_none"))
    for attempt in range(1, inbox.ATTEMPTS + 1):
        await house.office.loops_run(1)
        assert await house.value("select attempts from inbox") == attempt
        house.clock.passes(inbox.SLOWEST_MS / 1000)
    await house.office.loops_run()
    assert await house.value("select attempts from inbox") == inbox.ATTEMPTS
    assert await house.value("select dead_at is not null and last_error like '%no such%' from inbox")


async def test_a_delivery_that_nobody_took_is_made_again(house: House) -> None:
    deliver = house.office.sandbox._deliver
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("pending", "pending")
    assert await house.value("select min(attempts) from sandbox.event") == 1

    house.office.sandbox._deliver = deliver
    house.clock.passes(10)
    await house.office.loops_run()

    assert await ann.status() == ("confirmed", "paid")
    assert await _events_of(house) == []
    await house.is_whole()


async def test_an_amount_that_differs_is_not_confirmed_but_kept_and_flagged_and_goes_back_in_the_end(
    house: House,
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await house.execute("update sandbox.intent set amount = amount - 1")

    await ann.pays()
    assert await ann.status() == ("pending", "pending")
    assert await house.value("select flag from payment") == "amount_differs"
    assert await house.booked_and_free("A-1") == (1, 0)

    await house.expires(ann)
    assert await ann.status() == ("cancelled", "failed")
    assert await house.refunds() == []
    await house.is_whole()


async def test_a_currency_that_differs_is_flagged_and_taken_money_is_refunded_in_full(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", twice=True)
    await house.execute("update sandbox.intent set currency = 'usd'")
    await house.office.loops_run()
    assert await house.value("select array_agg(distinct flag) from payment") == ["currency_differs"]
    assert await ann.status() == ("pending", "pending")

    await house.expires(ann)

    assert (await ann.sees()).status == "cancelled"
    assert await house.refunds() == [("currency_differs", PRICE)]
    await house.is_whole()
