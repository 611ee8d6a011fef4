"""What is said over a socket, and what is answered: docs/protocol.md in both codecs."""

import asyncio
from typing import Any

import pytest

from channels import pulse
from server.errors import Unavailable
from server.holds.scripts import Scripts
from server.live.conversation import QUEUE_LIMIT
from server.settings import Settings
from tests.live.conftest import eventually, hall, open_hall
from tests.support.buyer import CODECS, CodecName, Refused, visiting
from tests.support.door import jwt_of
from tests.support.house import House
from tests.support.waiting import until


@pytest.fixture
def house(either_house: House) -> House:
    return either_house


@pytest.mark.parametrize("codec", CODECS)
async def test_a_hold_in_one_browser_is_seen_in_another(house: House, codec: CodecName) -> None:
    async with visiting(house.base_url, codec) as ann, visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-1", "A-2")
        assert held["hold"]["status"] == "held"
        assert held["hold"]["items"] == [["A-1", 1], ["A-2", 1]]
        assert held["hold"]["price"] == {"amount": 10_000, "currency": "eur"}
        assert held["cart"]["reference"].startswith("BK-")
        assert held["cart"]["expires_at"] == held["hold"]["expires_at"]
        await ben.sees("A-1", available=0, held=1)
        with pytest.raises(Refused) as refused:
            await ben.holds("A-2", "A-3")
        assert (refused.value.code, refused.value.answer["retry"]) == ("slot_taken", "never")
        assert refused.value.answer["slots"] == ["A-2"]
        await ann.releases(held, "A-2")
        await ben.sees("A-2", available=1, held=0)
        await ben.sees("A-1", available=0, held=1)
        await ann.releases(held)
        await ben.sees("A-1", available=1, held=0)


@pytest.mark.parametrize("codec", CODECS)
async def test_a_welcome_says_who_and_where(house: House, codec: CodecName) -> None:
    async with visiting(house.base_url, codec) as ann:
        tab = await ann.opens_tab()
        assert tab.welcome["session"] == ann.session
        assert tab.welcome["node"] == house.parts.live.node
        assert tab.welcome["heartbeat_seconds"] == 1
        assert isinstance(tab.welcome["server_time"], int)
        assert (tab.welcome["cart"], tab.welcome["holds"]) == (None, [])


async def test_a_program_without_anything_gets_a_new_session_and_comes_back_to_it(house: House) -> None:
    async with visiting(house.base_url) as program:
        first = await (await program.connects()).says_hello()
        again = await (await program.connects()).says_hello(token=first["token"])
        assert again["session"] == first["session"]
        other = await (await program.connects()).says_hello()
        assert other["session"] != first["session"]


async def test_a_cookie_counts_from_our_own_page_alone(settings: Settings) -> None:
    elsewhere = "https://box-office.example"
    async with open_hall(settings, allowed_origins=(elsewhere,)) as house, visiting(house.base_url) as ann:
        await ann.opens_tab()
        assert ann.tab.welcome["session"] == ann.session
        own, ann.base_url = ann.base_url, elsewhere
        assert (await (await ann.connects()).says_hello())["session"] != ann.session
        ann.base_url = own


async def test_tokens_that_do_not_hold(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_session()
        for fields, code in (
            ({"token": ann.token[:-1]}, "unauthorized"),
            ({"token": "x"}, "unauthorized"),
            ({"token": jwt_of("ann", seconds=-60)}, "token_expired"),
            ({"session": ann.token}, "bad_request"),
            ({"token": ann.token, "session": ann.token}, "bad_request"),
        ):
            answer = await (await ann.connects()).ask("hello", **fields)
            assert (answer["type"], answer["code"]) == ("error", code), fields


async def test_hello_comes_first(house: House) -> None:
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        answer = await tab.ask("subscribe", channel="availability:hall")
        assert (answer["code"], answer["message"]) == ("bad_request", "say hello first")
        assert (await tab.says_hello())["session"]


async def test_a_user_binds_a_session_for_good(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as thief:
        before = await ann.opens_tab()
        token = ann.token
        ann.signs_in(jwt_of("ann"))
        signed_in = await ann.opens_tab()
        assert signed_in.welcome["session"] == ann.session
        refused = await (await thief.connects()).ask("hello", token=token)
        assert (refused["code"], refused["retry"]) == ("unauthorized", "refresh")
        stolen = await (await thief.connects()).ask("hello", token=jwt_of("ben"), session=token)
        assert stolen["code"] == "unauthorized"
        assert await before.is_closed() == 4401
        assert (await before.hears("error"))["code"] == "unauthorized"
        assert signed_in.closed_with is None


async def test_a_user_may_sign_in_on_an_open_socket(house: House) -> None:
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        welcome = await tab.says_hello(token=jwt_of("ann"), session=ann.token)
        assert welcome["session"] == ann.session
        house.parts.live.close_overdue(float("inf"))
        assert (await tab.ask("unsubscribe", channel="notifications:ann"))["type"] == "ok"
        assert tab.closed_with is None


async def test_a_user_without_a_session_gets_one(house: House) -> None:
    async with visiting(house.base_url) as ann:
        welcome = await (await ann.connects()).says_hello(token=jwt_of("ann"))
        again = await (await ann.connects()).says_hello(token=jwt_of("ann"), session=welcome["token"])
        assert again["session"] == welcome["session"]


async def test_a_socket_may_speak_for_another_session(house: House) -> None:
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        first = await tab.says_hello()
        other = await house.parts.sessions.open()
        second = await tab.says_hello(token=other.token)
        assert (second["session"], first["session"]) == (other.session, first["session"])
        assert house.parts.live.table.session(first["session"]) is None


async def test_the_same_op_is_one_effect(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        op = "01JD8Q4GJ4Z3N8V6T2Y7W5K9XA"
        first = await ann.holds("A-1", op=op)
        again = await ann.holds("A-1", op=op)
        assert again["hold"]["id"] == first["hold"]["id"]
        over_http = await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]}, key=op)
        assert over_http.json()["hold"]["id"] == first["hold"]["id"]
        await ann.sees("A-1", held=1)


async def test_the_same_op_of_another_session_is_another_effect(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        anns = await ann.holds("A-1", op="one-and-the-same")
        bens = await ben.holds("A-2", op="one-and-the-same")
        assert anns["hold"]["id"] != bens["hold"]["id"]


async def test_the_best_places_side_by_side(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        held = await ann.holds_best(4)
        rows = {slot.partition("-")[0] for slot, _ in held["hold"]["items"]}
        assert (len(held["hold"]["items"]), len(rows)) == (4, 1)
        with pytest.raises(Refused) as refused:
            await ann.holds_best(40)
        assert refused.value.code in {"slot_taken", "limit_exceeded"}


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"items": [["Z-99", 1]]}, "unknown_slot"),
    ({"items": [["A-1", 0]]}, "invalid_fields"),
    ({"items": [["A-1", -1]]}, "invalid_fields"),
    ({"items": [["A-1", 10**9]]}, "limit_exceeded"),
    ({"items": [["A-1", 1], ["A-1", 1]]}, "bad_request"),
    ({"items": []}, "bad_request"),
    ({}, "bad_request"),
    ({"items": [["A-1", 1]], "best": {"quantity": 1}}, "bad_request"),
    ({"range": ["2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"]}, "invalid_range"),
    ({"resource": "elsewhere", "items": [["A-1", 1]]}, "unknown_resource"),
    ({"resource": "{hall}:*", "items": [["A-1", 1]]}, "unknown_resource"),
]


async def test_what_cannot_be_held(house: House) -> None:
    async with visiting(house.base_url, "json") as ann:
        await ann.watches("hall")
        for fields, code in REFUSALS:
            answer = await ann.tab.ask("hold", **({"resource": "hall"} | fields))
            assert (answer["type"], answer.get("code")) == ("error", code), fields


async def test_what_is_somebody_elses_is_not_found(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.opens_tab()
        held = await ann.holds("A-1")
        for hold in (held["hold"]["id"], "nothing", "{hall}:meta"):
            answer = await ben.tab.ask("release", hold=hold)
            assert (answer["code"], answer["retry"]) == ("not_found", "never")
        await ann.sees("A-1", held=1)


async def test_a_cart_is_extended(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        refused = await ann.tab.ask("extend")
        assert refused["code"] == "conflict"
        held = await ann.holds("A-1")
        cart = await ann.extends()
        assert cart["reference"] == held["cart"]["reference"]
        assert cart["expires_at"] >= held["cart"]["expires_at"]


async def test_channels_that_are_not_there(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_tab()
        for channel, code in (
            ("availability:nowhere", "unknown_resource"),
            ("availability:", "not_found"),
            ("secrets:hall", "not_found"),
            ("notifications:ann", "not_found"),
        ):
            answer = await ann.tab.ask("subscribe", channel=channel)
            assert (answer["type"], answer["code"]) == ("error", code), channel
        assert (await ann.tab.ask("unsubscribe", channel="availability:nowhere"))["type"] == "ok"


async def test_notifications_are_their_users_alone(house: House) -> None:
    async with visiting(house.base_url) as ann:
        ann.signs_in(jwt_of("ann"))
        await ann.opens_tab()
        assert (await ann.tab.ask("subscribe", channel="notifications:ann"))["type"] == "ok"
        assert (await ann.tab.ask("subscribe", channel="notifications:ben"))["code"] == "not_found"
        assert (await ann.tab.ask("unsubscribe", channel="notifications:ann"))["type"] == "ok"


@pytest.mark.parametrize("codec", CODECS)
async def test_views_and_totals(house: House, codec: CodecName) -> None:
    async with visiting(house.base_url, codec) as ann, visiting(house.base_url) as ben:
        await ben.watches("hall")
        part = await ann.watches("hall", view={"sections": ["row C", "row A"]})
        assert len(part.available) == 14
        await ben.holds("C-4", "B-2")
        await ann.sees("C-4", available=0, held=1)
        sums = await ann.watches("hall", view="totals")
        assert sums.totals["row C"] == [3, 1, 4]
        assert sums.totals["row B"] == [9, 1, 10]


async def test_a_map_resumes_where_it_stood(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        seen = await ann.watches("hall")
        await ben.watches("hall")
        await ann.tab.is_cut_off()
        await ben.holds("B-7")
        tab = await ann.opens_tab()
        await tab.resumes(seen)
        await ann.sees("B-7", available=0, held=1)
        assert seen.gaps == 0


async def test_a_token_is_refreshed_by_its_own_subject_alone(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        await ann.opens_tab()
        await ben.opens_session()
        assert (await ann.tab.ask("refresh", token=ann.token))["type"] == "ok"
        assert (await ann.tab.ask("refresh", token=ben.token))["code"] == "forbidden"
        ann.signs_in(jwt_of("ann", seconds=60))
        tab = await ann.opens_tab()
        longer = jwt_of("ann", seconds=600)
        assert (await tab.ask("refresh", token=longer))["type"] == "ok"
        assert (await tab.ask("refresh", token=jwt_of("ben")))["code"] == "forbidden"
        assert (await tab.ask("refresh", token="x"))["code"] == "unauthorized"
        (mine,) = house.parts.live.table.users_tabs("ann")
        assert mine.caller.session == ann.session


async def test_a_fault_of_ours_ends_one_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_anything: object, **_more: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    async def is_away(*_anything: object, **_more: object) -> None:
        raise Unavailable("Redis is away", retry_after=2)

    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        monkeypatch.setattr(house.parts.holds, "extend", fails)
        answer = await ann.tab.ask("extend")
        assert (answer["code"], answer["retry"]) == ("internal", "later")
        assert "secret" not in answer["message"]
        monkeypatch.setattr(house.parts.holds, "extend", is_away)
        answer = await ann.tab.ask("extend")
        assert (answer["code"], answer["retry"], answer["retry_after"]) == ("unavailable", "later", 2)
        assert (await ann.holds("A-1"))["hold"]["status"] == "held"


async def test_a_session_that_asks_too_often_is_told_to_wait(settings: Settings) -> None:
    async with open_hall(settings, rate_commands=5) as house, visiting(house.base_url) as ann:
        await ann.opens_tab()
        await ann.opens_tab()
        answers = await asyncio.gather(
            *(tab.ask("unsubscribe", channel="availability:hall") for tab in ann.tabs for _ in range(20))
        )
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert 0 < len(refused) < len(answers)
        assert {(answer["code"], answer["retry"]) for answer in refused} == {("rate_limited", "later")}
        assert all(0 < answer["retry_after"] <= 1 for answer in refused)
        async with visiting(house.base_url) as ben:
            await ben.watches("hall")


async def test_a_flood_is_closed(settings: Settings) -> None:
    async with open_hall(settings, rate_commands=1) as house, visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        for _ in range(40):
            await tab.send({"type": "extend"})
        assert await tab.is_closed() == 4202
        assert "retry_after" in (tab.socket.close_reason or "")


async def test_hellos_count_though_each_may_open_a_session(settings: Settings) -> None:
    async with open_hall(settings, rate_commands=2) as house, visiting(house.base_url) as ann:
        tab = await ann.connects()
        answers = [await tab.ask("hello") for _ in range(10)]
        assert [answer["type"] for answer in answers[:3]] == ["welcome"] * 3
        assert "rate_limited" in {answer.get("code") for answer in answers[3:]}
        for _ in range(60):
            await tab.send({"type": "hello"})
        assert await tab.is_closed() == 4202


async def test_what_comes_before_a_hello_counts(settings: Settings) -> None:
    async with open_hall(settings, rate_commands=2) as house, visiting(house.base_url) as ann:
        tab = await ann.connects()
        answers = [await tab.ask("subscribe", channel="availability:hall") for _ in range(20)]
        assert [answer["code"] for answer in answers[:3]] == ["bad_request"] * 3
        assert "rate_limited" in {answer["code"] for answer in answers[3:]}
        for _ in range(60):
            await tab.send({"type": "leave"})
        assert await tab.is_closed() == 4202


async def test_a_hello_that_fails_is_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_anything: object, **_more: object) -> object:
        raise Unavailable

    async with visiting(house.base_url) as ann:
        await ann.opens_session()
        tab = await ann.connects()
        with monkeypatch.context() as away:
            away.setattr(Scripts, "run", fails)
            assert (await tab.ask("hello", token=ann.token))["code"] == "unavailable"
        assert house.parts.live.table.tabs == []
        assert (await tab.ask("extend"))["message"] == "say hello first"
        house.parts.live.pulse._close_strangers(asyncio.get_running_loop().time() + pulse.HELLO_SECONDS)
        assert await tab.is_closed() == 4102


async def test_a_hello_that_holds_after_one_that_failed_is_welcome(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_anything: object, **_more: object) -> object:
        raise Unavailable

    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        with monkeypatch.context() as away:
            away.setattr(house.parts.holds, "standing", fails)
            assert (await tab.ask("hello", token=jwt_of("ben")))["code"] == "unavailable"
        assert house.parts.live.table.tabs == []
        assert (await tab.ask("hello", token=jwt_of("ben")))["type"] == "welcome"
        assert len(house.parts.live.table.tabs) == 1


async def test_a_command_that_is_cancelled_ends_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(*_: object, **_more: object) -> object:
        raise asyncio.CancelledError

    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        with monkeypatch.context() as fault:
            fault.setattr(house.parts.holds, "extend", cancelled)
            await tab.send({"type": "extend"})
            await tab.send({"type": "unsubscribe", "channel": "availability:hall", "ref": "behind"})
            await asyncio.sleep(0.1)
        assert (await tab.ask("unsubscribe", channel="availability:hall"))["type"] == "ok"
        assert (await tab.ask("extend"))["type"] == "error"


async def test_commands_wait_in_a_bounded_queue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    extend = house.parts.holds.extend

    async def waits(*anything: object, **more: object) -> object:
        begun.set()
        await gate.wait()
        return await extend(*anything, **more)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(house.parts.holds, "extend", waits)
    monkeypatch.setattr(house.parts.live.table, "_rate", type(house.parts.live.table._rate)(0, 1))
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        asked = [asyncio.create_task(tab.ask("extend"))]
        await begun.wait()  # until then it waits as the others do
        asked += [asyncio.create_task(tab.ask("extend")) for _ in range(79)]
        await until(lambda: sum(each.done() for each in asked) >= 80 - QUEUE_LIMIT - 1)
        full = [each.result() for each in asked if each.done()]
        assert {(answer["code"], answer["retry"]) for answer in full} == {("overloaded", "later")}
        gate.set()
        answers = await asyncio.gather(*asked)
        assert [answer["code"] for answer in answers].count("conflict") == QUEUE_LIMIT + 1


async def test_another_hall_of_another_owner_does_not_fit_the_cart(house: House) -> None:
    await house.parts.inventory.create(hall("other", owner="otto"))
    async with visiting(house.base_url) as ann:
        await ann.opens_tab()
        await ann.holds("A-1", resource="hall")
        with pytest.raises(Refused) as refused:
            await ann.holds("A-1", resource="other")
        assert refused.value.code == "conflict"


async def test_who_goes_in_the_middle_of_a_command_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is being read from Redis when the line is cut, and that is not to be stopped at once."""
    gate, asked = asyncio.Event(), asyncio.Event()
    opens = house.parts.sessions.open

    async def is_slow(*anything: object) -> object:
        asked.set()
        try:
            await gate.wait()
        except asyncio.CancelledError:
            await gate.wait()
        return await opens(*anything)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(house.parts.sessions, "open", is_slow)
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        await tab.send({"type": "hello", "token": jwt_of("ann")})
        await asked.wait()
        await tab.is_cut_off()
        await eventually(lambda: not house.parts.live.pulse.sockets)
        gate.set()
        await eventually(lambda: not house.parts.live.addresses)
    await asyncio.sleep(0.2)
    assert house.parts.live.table.tabs == []


async def test_a_fault_of_ours_at_once_ends_one_command_and_not_the_conversation(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        monkeypatch.setattr(house.parts.hub, "subscribe_at_once", None)
        with pytest.raises(Refused) as refused:
            await tab.watches("hall")
        assert refused.value.code == "internal"
        monkeypatch.undo()
        await tab.watches("hall")


async def test_what_needs_nobody_keeps_its_place_behind_what_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    extend = house.parts.holds.extend

    async def waits(*anything: object, **more: object) -> object:
        await gate.wait()
        return await extend(*anything, **more)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(house.parts.holds, "extend", waits)
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        answers: list[str] = []
        asked = [
            asyncio.create_task(tab.ask("extend")),
            asyncio.create_task(tab.ask("unsubscribe", channel="availability:hall")),
        ]
        for each in asked:
            each.add_done_callback(lambda done: answers.append(done.result()["type"]))
        assert (await (await ann.opens_tab()).ask("unsubscribe", channel="availability:hall"))["type"] == "ok"
        assert answers == []
        gate.set()
        await asyncio.gather(*asked)
        assert answers == ["error", "ok"]
