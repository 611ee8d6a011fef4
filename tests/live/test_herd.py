"""Thousands come at once: who shows nothing, or a session's token, costs no task."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from server.holds import returning
from server.holds.index import Listing
from tests.live.conftest import Gate, eventually, hello_is_asked
from tests.support.buyer import CODECS, CodecName, Refused, visiting
from tests.support.door import jwt_of
from tests.support.house import House

CONNECTIONS = {"arrival", "reception", "corking", "direct", "door", "conversation", "greeting"}
"""The modules in which a connection's bytes become what is done about them."""


@contextmanager
def tasks_for_connections() -> Iterator[list[str]]:
    """What is given a task on behalf of any connection meanwhile; loops of the server's own don't count."""
    made: list[str] = []
    loop = asyncio.get_running_loop()

    def make(where: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> Any:
        if _is_for_a_connection(sys._getframe(1)):
            made.append(getattr(work, "__qualname__", ""))
        return asyncio.Task(work, loop=where, **more)

    loop.set_task_factory(make)  # type: ignore[arg-type]  # asyncio hands it what it was given
    try:
        yield made
    finally:
        loop.set_task_factory(None)


def _is_for_a_connection(frame: FrameType | None) -> bool:
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.stem in CONNECTIONS and path.parent.name in {"channels", "live"}:
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("codec", CODECS)
async def test_who_shows_nothing_and_looks_at_what_is_here_costs_no_task(
    house: House, codec: CodecName
) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url, codec) as ben:
        known = await ann.watches("hall")
        with tasks_for_connections() as made:
            tab = await ben.connects()
            assert (await tab.says_hello())["session"] not in {"", ann.session}
            seen = await tab.watches("hall")
            await tab.gets("unsubscribe", channel="availability:hall")
            await tab.resumes(seen)
        assert sum(seen.available) == sum(known.available) > 0
        assert made == []


async def test_who_asks_for_what_is_not_here_is_counted(house: House) -> None:
    """Of the counting: it finds the task by which the first one has a map loaded."""
    async with visiting(house.base_url) as ann:
        with tasks_for_connections() as made:
            tab = await ann.connects()
            await tab.says_hello()
            await tab.watches("hall")
        assert "Conversation._work" in made


@pytest.mark.parametrize("shows", ["token", "cookie"])
@pytest.mark.parametrize("codec", CODECS)
async def test_who_comes_back_to_what_is_here_costs_no_task_of_its_own_and_is_read_once(
    house: House, codec: CodecName, shows: str, scripts: list[str]
) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url, codec) as ben:
        await ann.watches("hall")
        seen = await ben.watches("hall")
        tab = await ben.connects()
        await house.parts.keeper.flush()
        scripts.clear()
        with tasks_for_connections() as made:
            welcome = await tab.says_hello(**({"token": ben.token} if shows == "token" else {}))
            await tab.resumes(seen)
        await house.parts.keeper.flush()
        assert (welcome["session"], welcome["holds"], welcome["cart"]) == (ben.session, [], None)
        assert house.parts.sessions.recognize(welcome["token"]).session == ben.session
        assert made == ["Batches._run"], "the one for all who come back"
        assert [name for name in scripts if name in {"returning", "listing"}] == ["returning"]
        assert house.parts.keeper.is_here(ben.session)


async def test_who_comes_back_to_their_holds_has_them_read_once(house: House, scripts: list[str]) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        held = await ann.holds("A-1")
        await ann.closes_all()
        await eventually(lambda: not house.parts.keeper.is_here(ann.session))
        await house.parts.keeper.flush()
        scripts.clear()
        tab = await ann.connects()
        welcome = await tab.says_hello()
        await house.parts.keeper.flush()
        assert [hold["id"] for hold in welcome["holds"]] == [held["hold"]["id"]]
        assert welcome["cart"] == held["cart"]
        assert [name for name in scripts if name in {"returning", "listing"}] == ["returning"]
        assert "renew" in scripts, "the grace was stopped"


async def test_a_herd_is_asked_about_in_batches(
    house: House, gate: Gate, scripts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.parts.returns._batches, "_most", 4)
    tokens = [house.parts.sessions.open_new().token for _ in range(10)]
    async with visiting(house.base_url) as herd:
        tabs = [await herd.connects() for _ in tokens]
        gate.clear()
        for tab, token in zip(tabs, tokens, strict=True):
            await hello_is_asked(house, tab, token=token)
        gate.set()
        for tab, token in zip(tabs, tokens, strict=True):
            welcome = await tab.hears("welcome")
            assert welcome["session"] == house.parts.sessions.recognize(token).session
        assert scripts.count("returning") == 1 + 3


async def test_what_is_said_behind_a_hello_waits_for_its_welcome(house: House, gate: Gate) -> None:
    """Some of it is done at once then, and some by a task; each is answered in its turn."""
    async with visiting(house.base_url) as ann, visiting(house.base_url) as ben:
        await ben.watches("hall")
        tab = await ann.connects()
        said: list[Any] = []
        tab.on_message = lambda message: said.append(message.get("ref", message["type"]))
        gate.clear()
        await hello_is_asked(house, tab, token=house.parts.sessions.open_new().token)
        await tab.send({"type": "subscribe", "ref": 1, "channel": "availability:hall"})
        await tab.send({"type": "extend", "ref": 2})
        await tab.send({"type": "unsubscribe", "ref": 3, "channel": "availability:hall"})
        assert (await ben.tab.ask("unsubscribe", channel="availability:hall"))["type"] == "ok"
        assert [each for each in said if each != "heartbeat"] == []
        gate.set()
        await tab.until(lambda: 3 in said, "the last answer")
        assert [each for each in said if each != "heartbeat"] == [0, 1, "snapshot", 2, 3]


async def test_a_session_that_became_a_users_is_not_told_to_its_old_token(house: House, gate: Gate) -> None:
    """It may become one before it is asked about, or just after Redis had said that it is nobody's."""
    async with visiting(house.base_url) as ann, visiting(house.base_url) as thief:
        await ann.opens_session()
        old = ann.token
        tab = await thief.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=old)
        ann.signs_in(jwt_of("ann"))
        await ann.opens_session()
        await eventually(lambda: ann.session in house.parts.live._revoked)
        gate.set()
        assert (await tab.hears("error"))["code"] == "unauthorized"
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await tab.says_hello(token=old)
            assert refused.value.code == "unauthorized"
        assert house.parts.live.table.tabs == []
        assert not house.parts.keeper.is_here(ann.session)


async def test_who_is_gone_before_the_answer_leaves_nothing(house: House, gate: Gate) -> None:
    opened = house.parts.sessions.open_new()
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=opened.token)
        await tab.send({"type": "subscribe", "channel": "availability:hall"})
        await tab.is_cut_off()
        await eventually(lambda: not house.parts.live.addresses)
        gate.set()
        again = await ann.connects()
        assert (await again.says_hello(token=opened.token))["session"] == opened.session
        assert len(house.parts.live.table.tabs) == 1
        await again.closes()
        await eventually(lambda: not house.parts.live.addresses)
    assert house.parts.live.table.tabs == []
    assert not house.parts.keeper.is_here(opened.session)


async def test_who_goes_as_the_answer_comes_is_greeted_by_nobody(house: House, gate: Gate) -> None:
    """The answer is there, and who waits for it is about to be called, when the line is lost."""
    opened = house.parts.sessions.open_new()
    async with visiting(house.base_url) as ann:
        tab = await ann.connects()
        gate.clear()
        await hello_is_asked(house, tab, token=opened.token)
        (known,) = house.parts.live.table.tabs
        asked = known.peer._talk._worker  # type: ignore[attr-defined]  # what it waits for
        asked.add_done_callback(lambda _done: None)
        asked.set_result(returning.Return(is_bound=False, listing=Listing(now=0)))
        known.peer.connection_lost(None)  # type: ignore[attr-defined]  # of a DirectSocket
        gate.set()
        await tab.is_cut_off()
        assert house.parts.live.table.tabs == []
        assert not house.parts.keeper.is_here(opened.session)
        assert opened.session not in house.parts.keeper._attendance._sessions


async def test_one_whose_keys_are_broken_keeps_nobody_from_the_rest(house: House) -> None:
    broken, well = house.parts.sessions.open_new(), house.parts.sessions.open_new()
    await house.parts.redis.set(house.parts.holds.index.key(broken.session), "no hash")
    async with visiting(house.base_url) as ann:
        first, other = await ann.connects(), await ann.connects()
        await first.send({"type": "hello", "token": broken.token})
        await other.send({"type": "hello", "token": well.token})
        assert (await first.hears("error"))["code"] == "internal"
        assert (await other.hears("welcome"))["session"] == well.session
