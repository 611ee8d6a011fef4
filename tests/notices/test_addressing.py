"""By which ways, to which addresses, in how many messages."""

from collections import Counter
from typing import Any

import pytest

from tests.notices.conftest import Desk

CUSTOMER = "ann@example.org"
BREATH = 2.0


async def test_a_buyer_without_a_user_is_written_to_in_one_mail_of_all_that_happened_at_once(
    desk: Desk,
) -> None:
    await desk.happens("booking_created")
    await desk.happens("payment_succeeded")
    await desk.tells()
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.passes(BREATH)
    (mail,) = desk.post.took
    assert mail.recipient.address == CUSTOMER
    assert [part.kind for part in mail.parts] == ["booking_created", "payment_succeeded", "booking_confirmed"]
    assert await desk.deliveries_of("email") == [(CUSTOMER, "sent")] * 3


async def test_that_mail_is_on_its_way_after_a_breath(desk: Desk) -> None:
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.passes(0)
    assert desk.post.took == []
    await desk.passes(BREATH)
    assert [mail.title for mail in desk.post.took] == ["Confirmed"]


async def test_a_user_has_as_usual_a_mail_of_what_matters_and_pushes_of_all(desk: Desk) -> None:
    phone = await desk.subscribes("ann")
    await desk.happens("booking_created", user="ann")
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    assert await desk.deliveries_of("email") == [(CUSTOMER, "waiting")]
    assert [address for address, _ in await desk.deliveries_of("push")] == [phone, phone]


async def test_an_owner_who_has_to_answer_is_told_by_every_way_there_is(desk: Desk) -> None:
    await desk.prefers("olga", email="olga@example.org", phone="+44 20 7946 0018")
    await desk.happens("booking_created", user="ann", actions=["confirm", "cancel"])
    await desk.tells()
    assert await desk.deliveries_of("email") == [("olga@example.org", "waiting")]
    assert await desk.deliveries_of("sms") == [("+44 20 7946 0018", "waiting")]


async def test_what_a_user_has_asked_for_counts(desk: Desk) -> None:
    await desk.subscribes("ann")
    await desk.prefers(
        "ann", email="home@example.org", channels={"booking_confirmed": ["email"], "booking_cancelled": []}
    )
    await desk.happens("booking_confirmed", user="ann")
    await desk.happens("booking_cancelled", user="ann")
    await desk.tells()
    assert await desk.deliveries_of("email") == [("home@example.org", "waiting")]
    assert await desk.deliveries_of("push") == []
    assert len(await desk.notices("ann")) == 2


async def test_an_owners_webhooks_hear_of_each_event_they_want(desk: Desk) -> None:
    every, some = await desk.hooks("olga"), await desk.hooks("olga", ["booking_cancelled"])
    gone = await desk.hooks("olga")
    await desk.hooks("ann")
    await desk.execute("update webhook_endpoint set disabled_at = now() where id::text = $1", gone)
    await desk.happens("booking_confirmed", count=3, user="ann")
    await desk.happens("booking_cancelled", user="ann")
    await desk.tells()
    addresses = [address for address, _ in await desk.deliveries_of("webhook")]
    assert (addresses.count(every), addresses.count(some), len(addresses)) == (4, 1, 5)
    await desk.passes(0)
    assert len({message.key for message in desk.post.took}) == 5
    assert all(message.kind != "digest" for message in desk.post.took)


async def test_who_handed_a_booking_over_is_not_written_to_at_the_new_ones_address(desk: Desk) -> None:
    await desk.happens("booking_changed", user="ben", was_user="ann")
    await desk.tells()
    assert await desk.deliveries_of("email") == [(CUSTOMER, "waiting")]
    assert await desk.rows("select user_id, message->>'name' from delivery") == [("ben", "Ann Example")]
    await desk.happens("booking_changed", user="ben", was_email="former@example.org")
    await desk.tells()
    told = "select user_id, message->>'title', message->>'name' from delivery where address = $1"
    assert await desk.rows(told, "former@example.org") == [(None, "Handed over", "")]


async def test_who_handed_it_over_without_a_user_to_nobody_is_told_too(desk: Desk) -> None:
    await desk.happens("booking_changed", was_email="former@example.org")
    await desk.tells()
    assert {address for address, _ in await desk.deliveries_of("email")} == {CUSTOMER, "former@example.org"}


async def test_an_ended_subscription_gets_nothing(desk: Desk) -> None:
    phone = await desk.subscribes("olga")
    await desk.execute("update push_subscription set expires_at = to_timestamp(0) where id::text = $1", phone)
    await desk.happens("booking_confirmed")
    await desk.tells()
    assert await desk.deliveries_of("push") == []


async def test_nothing_is_written_for_a_channel_that_nobody_serves(desk: Desk) -> None:
    desk.senders = {"email": [desk.post]}
    desk.opens()
    await desk.subscribes("olga")
    await desk.hooks("olga")
    await desk.happens("booking_confirmed")
    await desk.tells()
    assert await desk.rows("select distinct channel from delivery") == [("email",)]


async def test_two_hundred_in_a_minute_are_a_handful_of_messages_and_all_in_the_inbox(desk: Desk) -> None:
    await desk.prefers("olga", email="olga@example.org", phone="+442079460018")
    await desk.subscribes("olga")
    for _ in range(10):
        await desk.happens("booking_confirmed", count=20, user="ann")
        await desk.tells()
        await desk.passes(6)
    for _ in range(8):
        await desk.passes(60)
    assert len(await desk.notices("olga")) == 200
    for address, most in (("olga@example.org", 6), ("+442079460018", 4)):
        sent = [message for message in desk.post.took if message.recipient.address == address]
        assert 2 <= len(sent) <= most
        assert sum(max(len(message.parts), 1) for message in sent) == 200
    pushed = [message for message in desk.post.took if message.recipient.address != CUSTOMER]
    assert len({message.key for message in pushed}) == len(pushed)
    assert await desk.rows("select count(*) from delivery where state <> 'sent'") == [(0,)]


@pytest.mark.parametrize("bookings", [2, 20])
async def test_with_one_address_a_buyer_without_a_user_is_told_soon_of_each_booking(
    desk: Desk, bookings: int
) -> None:
    for _ in range(bookings):
        await desk.happens("booking_created")
        await desk.tells()
        await desk.passes(4)
        await desk.happens("booking_confirmed")
        await desk.tells()
        await desk.passes(8)  # leaves two seconds for the way
        assert [row for row in await desk.deliveries_of("email") if row[1] != "sent"] == []
        await desk.passes(8)


async def test_of_one_address_nobody_waits_for_anothers_quiet_hours(desk: Desk) -> None:
    await desk.prefers("ann", quiet={"start": "00:00", "end": "23:59", "time_zone": "UTC"})
    await desk.happens("booking_confirmed", user="ann")
    await desk.tells()
    await desk.happens("booking_confirmed", user="ben")
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.passes(BREATH)
    told = [mail.recipient.user for mail in desk.post.took]  # side by side, in no order
    assert Counter(told) == Counter(["ben", None])
    assert await desk.rows("select count(*) from delivery where leader is not null") == [(0,)]
    assert await desk.rows("select user_id from delivery where state = 'waiting'") == [("ann",)]


async def test_who_has_two_parts_in_a_booking_is_written_to_once(desk: Desk) -> None:
    await desk.prefers("olga", email=CUSTOMER)
    await desk.happens("booking_cancelled")
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.passes(BREATH)
    assert len(desk.post.took) == 1
    assert len(desk.post.took[0].parts) == 2


async def test_what_is_being_sent_takes_nothing_more_along(desk: Desk) -> None:
    await desk.happens("booking_confirmed")
    await desk.tells()
    await desk.execute("update delivery set attempts = 1")
    await desk.happens("booking_cancelled")
    await desk.tells()
    assert await desk.rows("select leader from delivery order by position") == [(None,), (None,)]


@pytest.mark.parametrize(
    ("columns", "sent_soon"),
    [
        ({"batch_seconds": 3_600}, 1),
        ({"quiet": {"start": "00:00", "end": "23:59", "time_zone": "UTC"}}, 0),
    ],
)
async def test_a_user_may_have_it_quieter(desk: Desk, columns: dict[str, Any], sent_soon: int) -> None:
    await desk.prefers("olga", email="olga@example.org", **columns)
    for _ in range(2):
        await desk.happens("booking_confirmed", user="ann")
        await desk.tells()
        await desk.passes(10)
    sent = [each for each in desk.post.took if each.recipient.address == "olga@example.org"]
    assert len(sent) == sent_soon
    await desk.passes(86_400)
    sent = [each for each in desk.post.took if each.recipient.address == "olga@example.org"]
    assert sum(max(len(each.parts), 1) for each in sent) == 2
