"""Pushes, from a page's subscription to what its browser reads, over a push service that checks."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.vapid import VapidKey, new_private_key
from server.notices.channels.web_push import TTL_SECONDS, WebPush, plain_of, topic_of
from server.notices.push_store import MOST
from server.notices.pushes import Pushes
from tests.notices.channels.conftest import House
from tests.notices.channels.examples import BOOKING, message
from tests.notices.channels.push_service import Browser, PushService, b64
from tests.support.receiver import Receiver, open_receiver, response

PATH = "/api/push-subscriptions"
SUBJECT = "mailto:tickets@example.org"


@pytest.fixture
async def service(house: House) -> AsyncIterator[tuple[PushService, Receiver]]:
    made = PushService(server_key=house.key.public, now=house.clock() / 1000)
    async with open_receiver(made) as receiver:
        made.origin = f"http://127.0.0.1:{receiver.port}"
        yield made, receiver


def browser(service: tuple[PushService, Receiver], name: str = "1") -> Browser:
    return Browser(f"{service[0].origin}/push/{name}")


async def subscribed(house: House, one: Browser, user: str = "ann") -> str:
    answer = await house.calls(user, "POST", PATH, one.subscription(), roles=("buyer",))
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["push_subscription"]["id"]
    return name


async def listed(house: House, user: str = "ann") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await house.calls(user, "GET", PATH)).json()["items"]
    return items


def pushes(house: House, key: VapidKey | None = None) -> WebPush:
    return WebPush(house.database, house.outgoing, key or house.key, subject=SUBJECT, clock=house.clock)


async def fails(house: House, one: Message, kind: type[Exception]) -> Exception:
    with pytest.raises(kind) as caught:
        await pushes(house).send(one)
    return caught.value


async def test_the_browser_reads_what_happened(house: House, service: tuple[PushService, Receiver]) -> None:
    ann = browser(service)
    await pushes(house).send(message(await subscribed(house, ann), key="k1"))
    (request,) = service[1].received
    assert ann.reads(request) == {
        "id": "0190a0b0-0000-7000-8000-0000000000ee",
        "kind": "booking_confirmed",
        "title": "Your booking is confirmed",
        "message": "Driveway 4, Sat 21 Nov, 09:00 to 17:00.\n\nSee you there.",
        "data": {"booking": BOOKING, "reference": "BK-7F3K"},
        "created_at": "2026-11-21T09:20:00.123Z",
    }
    assert b"BK-7F3K" not in request.body
    assert (request.path, request.headers["ttl"], request.headers["urgency"]) == (
        "/push/1",
        str(TTL_SECONDS),
        "normal",
    )
    assert request.headers["topic"] == topic_of("k1")
    (claims,) = service[0].claims
    assert claims["sub"] == SUBJECT
    assert claims["exp"] == house.clock() // 1000 + 12 * 3600


async def test_what_wants_an_answer_is_urgent_and_of_no_use_afterwards(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    name = await subscribed(house, browser(service))
    data = {"booking": BOOKING, "respond_by": house.clock() + 600_000}
    await pushes(house).send(message(name, kind="booking_created", data=data))
    await pushes(house).send(message(name, kind="hold_expired"))
    urgent, short = (request.headers for request in service[1].received)
    assert (urgent["urgency"], urgent["ttl"]) == ("high", "600")
    assert (short["urgency"], short["ttl"]) == ("normal", "900")


async def test_a_push_of_another_server_is_refused_and_nobody_loses_a_subscription(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    name = await subscribed(house, browser(service))
    with pytest.raises(Permanent) as refused:
        await pushes(house, VapidKey.read(new_private_key())).send(message(name))
    assert not refused.value.gone
    assert len(await listed(house)) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_no_more_is_forgotten(
    house: House, service: tuple[PushService, Receiver], status: int
) -> None:
    name = await subscribed(house, browser(service))
    service[0].trouble = response(status)
    gone = await fails(house, message(name), Permanent)
    assert isinstance(gone, Permanent)
    assert gone.gone
    assert await listed(house) == []


async def test_a_push_service_that_is_busy_is_asked_again(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    name = await subscribed(house, browser(service))
    for status in (408, 429, 500, 503):
        service[0].trouble = response(status, Retry_After="7")
        error = await fails(house, message(name), Temporary)
        assert isinstance(error, Temporary)
        assert error.retry_after == 7
    assert len(await listed(house)) == 1


async def test_a_push_service_that_is_away_is_asked_again(house: House) -> None:
    one = Browser("http://127.0.0.1:9/push/s3cret")
    error = await fails(house, message(await subscribed(house, one)), Temporary)
    assert "s3cret" not in str(error)


async def test_a_subscription_whose_keys_were_spoilt_is_a_dead_letter(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    name = await subscribed(house, browser(service))
    async with house.database.connection() as connection:
        await connection.execute("update push_subscription set auth = 'x'")
    with pytest.raises(Permanent, match=r"keys.auth") as refused:
        await pushes(house).send(message(name))
    assert not refused.value.gone


async def test_a_subscription_that_has_expired_is_forgotten(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    body = {**browser(service).subscription(), "expirationTime": house.clock() + 1000.5}
    name = (await house.calls("ann", "POST", PATH, body)).json()["push_subscription"]["id"]
    await pushes(house).send(message(name))
    house.clock.move(1)
    await fails(house, message(name), Permanent)
    assert (len(service[1].received), await listed(house)) == (1, [])


async def test_who_signs_in_at_the_browser_of_another_gets_no_pushes_of_theirs(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    ann = browser(service)
    name = await subscribed(house, ann)
    assert await subscribed(house, ann, user="ben") == name
    gone = await fails(house, message(name, user="ann"), Permanent)
    assert isinstance(gone, Permanent)
    assert gone.gone
    assert service[1].received == []
    assert (await listed(house), len(await listed(house, "ben"))) == ([], 1)
    await pushes(house).send(message(name, user="ben"))


async def test_a_push_service_inside_is_not_called(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    """Row 105 of the bad inputs."""
    name = await subscribed(house, browser(service))
    house.outgoing.loopback = False
    await fails(house, message(name), Permanent)
    assert service[1].connections == 0


async def test_a_long_message_is_cut_to_what_a_push_carries(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    ann = browser(service)
    long = message(await subscribed(house, ann), title="ü" * 500, text="ü" * 9000, data={"a": "x" * 9000})
    await pushes(house).send(long)
    shown = ann.reads(service[1].received[0])
    assert shown["title"] == "ü" * 200
    assert shown["message"].startswith("ü" * 100)
    assert shown["message"].endswith("…")
    assert shown["data"] == {}
    assert json.loads(plain_of(message(data={"booking": "b", "a": "x" * 9000})))["data"] == {"booking": "b"}


async def test_a_topic_is_what_a_push_service_takes() -> None:
    assert len(topic_of("k")) == 32
    assert topic_of("k") == topic_of("k") != topic_of("l")


async def test_a_page_learns_the_key_and_who_is_subscribed(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    one = browser(service)
    name = await subscribed(house, one)
    assert await subscribed(house, one) == name
    answer = await house.calls("ann", "GET", PATH)
    assert answer.json()["public_key"] == house.key.public
    (item,) = answer.json()["items"]
    assert item["id"] == name
    assert item["agent"].startswith("python-httpx")
    keys = one.subscription()["keys"]
    assert not any(secret in answer.text for secret in (one.endpoint, keys["auth"], keys["p256dh"]))


async def test_a_browser_takes_itself_away(house: House, service: tuple[PushService, Receiver]) -> None:
    one, other = browser(service), browser(service, "2")
    await subscribed(house, one)
    name = await subscribed(house, other)
    body = {"endpoint": one.endpoint}
    assert (await house.calls("ben", "DELETE", PATH, body)).status_code == 404
    assert (await house.calls("ann", "DELETE", PATH, body)).status_code == 204
    assert (await house.calls("ann", "DELETE", PATH, body)).status_code == 404
    assert (await house.calls("ben", "DELETE", f"{PATH}/{name}")).status_code == 404
    assert (await house.calls("ann", "DELETE", f"{PATH}/x")).status_code == 404
    assert (await house.calls("ann", "DELETE", f"{PATH}/{name}")).status_code == 204
    gone = await fails(house, message(name), Permanent)
    assert isinstance(gone, Permanent)
    assert gone.gone


async def test_of_many_browsers_those_longest_unused_are_forgotten(
    house: House, service: tuple[PushService, Receiver]
) -> None:
    first = await subscribed(house, browser(service, "first"))
    second = await subscribed(house, browser(service, "second"))
    house.clock.move(1)
    await pushes(house).send(message(first))
    for index in range(MOST - 1):
        house.clock.move(1)
        await subscribed(house, browser(service, str(index)))
    names = {item["id"] for item in await listed(house)}
    assert len(names) == MOST
    assert first in names
    assert second not in names


GOOD = Browser("https://push.example/1").subscription()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": "http://10.0.0.1/"}, "endpoint"),
    ({"endpoint": "https://169.254.169.254/"}, "endpoint"),
    ({"endpoint": ""}, "endpoint"),
    ({"endpoint": "https://push.example/" + "x" * 2000}, "endpoint"),
    ({"keys": {"p256dh": "AAAA", "auth": GOOD["keys"]["auth"]}}, "keys.p256dh"),
    ({"keys": {"p256dh": GOOD["keys"]["p256dh"], "auth": b64(b"short")}}, "keys.auth"),
    ({"keys": {"p256dh": "x" * 201, "auth": ""}}, "keys.p256dh"),
    ({"keys": {"auth": ""}}, "keys.p256dh"),
    ({"expirationTime": -1}, "expirationTime"),
    ({"expirationTime": 1e300}, "expirationTime"),
    ({"expirationTime": "soon"}, "expirationTime"),
]


async def test_a_subscription_that_no_browser_makes_is_refused(house: House) -> None:
    for change, field in BAD:
        answer = await house.calls("ann", "POST", PATH, {**GOOD, **change})
        assert answer.status_code == 422, change
        assert answer.json()["errors"][0]["field"] == field


async def test_without_a_key_there_are_no_pushes(house: House) -> None:
    house.parts.pushes = Pushes(house.database, house.outgoing, None, house.clock)
    assert (await house.calls("ann", "GET", PATH)).json()["public_key"] is None
    answer = await house.calls("ann", "POST", PATH, GOOD)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_only_users_have_pushes(house: House) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert (await house.client.request(method, PATH, json=GOOD)).status_code == 401
