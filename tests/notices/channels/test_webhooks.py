"""Owners' own systems: who may have one, what they are sent, and what happens while they are away."""

import json
from typing import Any

import pytest

from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.rests import REST_MS
from server.notices.channels.webhooks import GIVEN_UP_MS, Webhooks
from server.notices.webhook_endpoints import MOST, ROTATION_MS
from tests.notices.channels.conftest import House
from tests.notices.channels.examples import BOOKING, message
from tests.notices.channels.standard_webhooks import Refused, verify
from tests.support.receiver import Received, always, open_receiver, response

DAY = 24 * 3600


async def made(house: House, url: str, **fields: Any) -> dict[str, Any]:
    answer = await house.calls("olivia", "POST", "/api/webhooks", {"url": url, **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()["webhook"]
    return webhook


async def shown(house: House, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = await house.calls("olivia", "GET", f"/api/webhooks/{webhook['id']}")
    found: dict[str, Any] = answer.json()["webhook"]
    return found


def sender(house: House) -> Webhooks:
    return Webhooks(house.database, house.outgoing, house.clock)


def event(webhook: dict[str, Any], **fields: Any) -> Message:
    return message(webhook["id"], user="olivia", **fields)


async def fails(house: House, webhook: dict[str, Any], kind: type[Exception] = Temporary) -> Exception:
    with pytest.raises(kind) as caught:
        await sender(house).send(event(webhook))
    return caught.value


async def test_a_secret_is_shown_once(house: House) -> None:
    webhook = await made(house, "https://hooks.example/in", kinds=["booking_created"], description="Mine")
    assert webhook.pop("secret").startswith("whsec_")
    assert await shown(house, webhook) == webhook
    listed = (await house.calls("olivia", "GET", "/api/webhooks")).json()
    assert listed == {"items": [webhook], "next": None}
    assert webhook["kinds"] == ["booking_created"]
    assert webhook["disabled_at"] is None


async def test_one_goes_by_its_id_in_the_path_or_in_the_body(house: House) -> None:
    first, second = [await made(house, f"https://hooks.example/{name}") for name in ("a", "b")]
    assert (await house.calls("olivia", "DELETE", f"/api/webhooks/{first['id']}")).status_code == 204
    for user, named, expected in (("olga", second, 404), ("olivia", first, 404), ("olivia", second, 204)):
        answer = await house.calls(user, "DELETE", "/api/webhooks", {"id": named["id"]})
        assert answer.status_code == expected, (user, answer.text)
    assert (await house.calls("olivia", "GET", "/api/webhooks")).json()["items"] == []


async def test_an_event_is_signed_and_says_what_happened(house: House) -> None:
    async with open_receiver() as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        await sender(house).send(event(webhook, key="k1"))
    (request,) = owner.received
    verify(request.body, request.headers, webhook["secret"], now=house.clock() / 1000)
    with pytest.raises(Refused):
        verify(request.body, request.headers, "whsec_" + "A" * 44, now=house.clock() / 1000)
    assert request.headers["webhook-id"] == "k1"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "type": "booking_confirmed",
        "timestamp": "2026-11-21T09:20:00.123Z",
        "data": {
            "id": "0190a0b0-0000-7000-8000-0000000000ee",
            "booking": BOOKING,
            "reference": "BK-7F3K",
            "title": "Your booking is confirmed",
            "message": "Driveway 4, Sat 21 Nov, 09:00 to 17:00.\n\nSee you there.",
        },
    }


async def test_each_try_has_the_same_id_and_body_and_a_time_of_its_own(house: House) -> None:
    async with open_receiver(always(500)) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        await fails(house, webhook)
        house.clock.move(3600)
        await fails(house, webhook)
    first, again = owner.received
    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert int(again.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    verify(again.body, again.headers, webhook["secret"], now=house.clock() / 1000)


async def test_a_rotated_secret_signs_beside_the_one_before_for_a_day(house: House) -> None:
    async with open_receiver() as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        answer = await house.calls("olivia", "POST", f"/api/webhooks/{webhook['id']}/secret")
        new = answer.json()["webhook"]["secret"]
        assert new != webhook["secret"]
        assert "secret" not in await shown(house, webhook)
        await sender(house).send(event(webhook))
        house.clock.move(ROTATION_MS / 1000)
        await sender(house).send(event(webhook))
    both, later = owner.received
    for secret in (webhook["secret"], new):
        verify(both.body, both.headers, secret, now=house.clock() / 1000 - DAY)
    verify(later.body, later.headers, new, now=house.clock() / 1000)
    with pytest.raises(Refused):
        verify(later.body, later.headers, webhook["secret"], now=house.clock() / 1000)


async def test_what_is_not_taken_is_tried_again(house: House) -> None:
    statuses = [301, 400, 404, 429, 500, 503]
    answers = [response(status, Retry_After="60") for status in statuses]
    async with open_receiver(lambda _request: answers.pop(0)) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        for status in statuses:
            error = await fails(house, webhook)
            assert isinstance(error, Temporary)
            assert error.retry_after == 60
            now = await shown(house, webhook)
            assert now["last_error"] == f"answered {status}"
            assert now["failing_since"] is not None
            assert now["disabled_at"] is None


async def test_a_system_that_is_away_is_tried_again(house: House) -> None:
    async with open_receiver() as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in?token=s3cret")
    await fails(house, webhook)
    assert (await shown(house, webhook))["last_error"] == "no connection: ConnectError"


async def test_one_that_does_not_answer_holds_nobody_else_up(house: House) -> None:
    answers = [b"", response(200), response(200)]
    async with open_receiver(lambda _request: answers.pop(0)) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        other = await made(house, f"http://127.0.0.1:{owner.port}/other")
        hooks = sender(house)
        with pytest.raises(Temporary, match="no answer"):
            await hooks.send(event(webhook))
        with pytest.raises(Temporary, match="a moment ago") as rests:
            await hooks.send(event(webhook))
        assert rests.value.retry_after == REST_MS / 1000
        await hooks.send(event(other))
        house.clock.move(REST_MS / 1000)
        await hooks.send(event(webhook))
    assert [request.path for request in owner.received] == ["/in", "/other", "/in"]


async def test_one_that_is_back_has_never_been_away(house: House) -> None:
    answers = [response(500), response(200)]
    async with open_receiver(lambda _request: answers.pop(0)) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        await fails(house, webhook)
        await sender(house).send(event(webhook))
    now = await shown(house, webhook)
    assert (now["failing_since"], now["last_error"]) == (None, None)


async def test_one_that_takes_nothing_for_days_is_given_up_until_it_is_enabled(house: House) -> None:
    ok = False

    def answer(_request: Received) -> bytes:
        return response(200 if ok else 500)

    async with open_receiver(answer) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        await fails(house, webhook)
        house.clock.move(GIVEN_UP_MS / 1000 - 1)
        await fails(house, webhook)
        assert (await shown(house, webhook))["disabled_at"] is None
        house.clock.move(2)
        await fails(house, webhook)
        assert (await shown(house, webhook))["disabled_at"] is not None
        gone = await fails(house, webhook, Permanent)
        assert isinstance(gone, Permanent)
        assert gone.gone
        assert len(owner.received) == 3
        ok = True
        answered = await house.calls("olivia", "POST", f"/api/webhooks/{webhook['id']}/enable")
        assert answered.json()["webhook"]["disabled_at"] is None
        await sender(house).send(event(webhook))


async def test_gone_is_taken_at_its_word(house: House) -> None:
    async with open_receiver(always(410)) as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        gone = await fails(house, webhook, Permanent)
        assert isinstance(gone, Permanent)
        assert gone.gone
    assert (await shown(house, webhook))["disabled_at"] is not None


async def test_one_that_was_deleted_is_sent_nothing_more(house: House) -> None:
    async with open_receiver() as owner:
        webhook = await made(house, f"http://127.0.0.1:{owner.port}/in")
        path = f"/api/webhooks/{webhook['id']}"
        assert (await house.calls("olivia", "DELETE", path)).status_code == 204
        gone = await fails(house, webhook, Permanent)
        assert isinstance(gone, Permanent)
        assert gone.gone
        assert (await house.calls("olivia", "DELETE", path)).status_code == 404
    assert owner.received == []


async def test_a_name_that_leads_inside_later_is_not_called(house: House) -> None:
    """Row 105 of the bad inputs: the name was fine when the owner gave it."""
    webhook = await made(house, "https://hooks.example/in")

    async def inside(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    house.outgoing._resolve = inside
    error = await fails(house, webhook)
    assert str(error) == "is reachable from the internet"


BAD_URLS = [
    "",
    "hooks.example",
    "http://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://ann:s3cret@hooks.example/",
    "https://hooks.example/#x",
    "x" * 2001,
]


async def test_an_address_that_would_not_be_called_is_refused(house: House) -> None:
    for url in BAD_URLS:
        answer = await house.calls("olivia", "POST", "/api/webhooks", {"url": url})
        assert answer.status_code == 422, url
        assert [each["field"] for each in answer.json()["errors"]] == ["url"], url


async def test_a_name_that_leads_inside_is_refused_at_once(house: House) -> None:
    async def inside(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    house.outgoing._resolve_checked = inside
    answer = await house.calls("olivia", "POST", "/api/webhooks", {"url": "https://hooks.example/"})
    assert answer.status_code == 422


BAD_FIELDS: list[dict[str, Any]] = [
    {"kinds": []},
    {"kinds": ["everything"]},
    {"kinds": "booking_created"},
    {"description": "x" * 201},
]


async def test_fields_that_do_not_hold_are_named(house: House) -> None:
    for fields in BAD_FIELDS:
        body = {"url": "https://hooks.example/", **fields}
        answer = await house.calls("olivia", "POST", "/api/webhooks", body)
        assert answer.status_code == 422, fields
        (name,) = fields
        assert answer.json()["errors"][0]["field"].startswith(name), fields


async def test_what_is_ours_to_say_is_not_taken(house: House) -> None:
    for field in ("secret", "user_id", "disabled_at", "id"):
        body = {"url": "https://hooks.example/", field: "x"}
        assert (await house.calls("olivia", "POST", "/api/webhooks", body)).status_code == 400, field


async def test_a_user_has_so_many_and_no_more(house: House) -> None:
    for index in range(MOST):
        await made(house, f"https://hooks.example/{index}")
    answer = await house.calls("olivia", "POST", "/api/webhooks", {"url": "https://hooks.example/x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "limit_exceeded")
    other = await house.calls("otto", "POST", "/api/webhooks", {"url": "https://hooks.example/x"})
    assert other.status_code == 201


async def test_others_webhooks_are_not_there(house: House) -> None:
    webhook = await made(house, "https://hooks.example/in")
    path = f"/api/webhooks/{webhook['id']}"
    nobodys = "/api/webhooks/0190a0b0-0000-7000-8000-000000000099"
    for method, tail in [("GET", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/enable")]:
        answers = [
            await house.calls("otto", method, f"{each}{tail}")
            for each in (path, nobodys, "/api/webhooks/x", f"/api/webhooks/{webhook['id'].upper()}")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
    assert (await house.calls("otto", "GET", "/api/webhooks")).json()["items"] == []
    assert await shown(house, webhook) == {key: webhook[key] for key in webhook if key != "secret"}


async def test_a_buyer_has_none(house: House) -> None:
    body = {"url": "https://hooks.example/"}
    answer = await house.calls("ann", "POST", "/api/webhooks", body, roles=("buyer",))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    anybody = await house.client.post("/api/webhooks", json=body)
    assert anybody.status_code == 401
