"""What else is asked of who comes back with a session's token, and what is left of who is not let in."""

import msgspec
import pytest

from server.accounts.rules import Caller
from server.accounts.sessions import bound_key
from server.holds.rules import HoldRequest
from tests.live.conftest import Gate, eventually, hello_is_asked
from tests.support.buyer import Refused, visiting
from tests.support.house import House


def is_nobody_here(house: House, session: str) -> bool:
    """Whether neither the table nor those who keep sessions alive know of it."""
    return house.parts.live.table.tabs == [] and not house.parts.keeper.is_here(session)


async def test_a_session_that_another_process_made_a_users_is_not_told_to_its_old_token(house: House) -> None:
    """This process has heard nothing of it: Redis alone says so."""
    opened = house.parts.sessions.open_new()
    await house.parts.redis.set(bound_key(opened.session), "ann")
    async with visiting(house.base_url) as thief:
        tab = await thief.connects()
        with pytest.raises(Refused) as refused:
            await tab.says_hello(token=opened.token)
        assert refused.value.code == "unauthorized"
        assert is_nobody_here(house, opened.session)


async def test_one_that_became_a_users_behind_the_answer_is_not_told_either(house: House, gate: Gate) -> None:
    opened = house.parts.sessions.open_new()
    async with visiting(house.base_url) as thief:
        tab = await thief.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=opened.token)
        await eventually(lambda: gate.said == 1)
        said: list[str] = []
        tab.on_message = lambda message: said.append(message["type"])
        house.parts.live.hear_bound(msgspec.msgpack.encode((opened.session, "ann")))
        gate.set()
        assert (await tab.hears("error"))["code"] == "unauthorized"
        assert "welcome" not in said
        assert is_nobody_here(house, opened.session)


async def test_what_is_held_behind_redis_answer_is_in_the_welcome(house: House, gate: Gate) -> None:
    opened = house.parts.sessions.open_new()
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=opened.token)
        await eventually(lambda: gate.said == 1)
        (known,) = house.parts.live.table.tabs
        request = HoldRequest(resource="hall", items=(("A-1", 1),))
        held = await house.parts.holds.hold(Caller(opened.session), request, op="one", connected=True)
        await eventually(lambda: known.missed > 0)
        gate.set()
        welcome = await tab.hears("welcome")
        assert [hold["id"] for hold in welcome["holds"]] == [held.hold.id]


async def test_who_is_asked_about_with_a_broken_key_is_told_all_the_same(house: House, gate: Gate) -> None:
    """One script that fails is the trouble of nobody but of whose key it is."""
    first, broken, well = (house.parts.sessions.open_new() for _ in range(3))
    await house.parts.redis.set(house.parts.holds.index.key(broken.session), "no hash")
    async with visiting(house.base_url) as ann:
        tabs = [await ann.connects() for _ in range(3)]
        gate.clear()
        await hello_is_asked(house, tabs[0], token=first.token)
        await eventually(lambda: gate.said == 1)
        await hello_is_asked(house, tabs[1], token=broken.token)
        await hello_is_asked(house, tabs[2], token=well.token)
        gate.set()
        assert (await tabs[1].hears("error"))["code"] == "internal"
        assert (await tabs[2].hears("welcome"))["session"] == well.session
        assert gate.said == 1, "the second script had both in it, and failed"


async def test_who_cannot_be_asked_about_is_not_left_behind(
    house: House, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script fails, and so does asking for it alone."""
    opened = house.parts.sessions.open_new()
    await house.parts.redis.set(house.parts.holds.index.key(opened.session), "no hash")

    async def fails(_shown: object) -> Caller:
        raise RuntimeError("nobody can say")

    monkeypatch.setattr(house.parts.sessions, "identify", fails)
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        await tab.send({"type": "hello", "token": opened.token})
        assert (await tab.hears("error"))["code"] == "internal"
        assert gate.said == 0
        assert is_nobody_here(house, opened.session)
