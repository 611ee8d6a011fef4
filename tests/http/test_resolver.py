"""Names that nobody answers for hold up little."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from server.http import outgoing as calling
from server.http.outgoing import NoAnswer, Outgoing
from server.http.resolver import Resolver
from tests.support.receiver import open_receiver


class Dead:
    """Answers for no name before it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        if host.endswith(".dead"):
            self.answers.wait()
        if host.startswith("unknown"):
            raise OSError("no such name")
        return ["127.0.0.1"]


@pytest.fixture
def dead() -> Iterator[Dead]:
    system = Dead()
    yield system
    system.answers.set()


async def test_a_dead_name_holds_one_thread_however_many_ask_and_stop_waiting(dead: Dead) -> None:
    resolver = Resolver(2, dead)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolver("hooks.dead", 443)
    assert await resolver("hooks.example", 443) == ["127.0.0.1"]
    assert dead.asked == ["hooks.dead", "hooks.example"]
    last = asyncio.create_task(resolver("hooks.dead", 443))
    await asyncio.sleep(0)
    dead.answers.set()
    assert await last == ["127.0.0.1"]
    await resolver("hooks.dead", 443)
    assert dead.asked[2:] == ["hooks.dead"]  # what was answered is asked anew
    resolver.close()


async def test_what_has_no_address_is_an_error_for_who_waits(dead: Dead) -> None:
    resolver = Resolver(1, dead)
    with pytest.raises(OSError, match="no such name"):
        await resolver("unknown.example", 443)
    resolver.close()


async def test_dead_names_given_to_routes_hold_no_call_up(
    dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "Resolver", lambda threads: Resolver(threads, dead))
    monkeypatch.setattr(calling, "RESOLVE_SECONDS", 0.01)
    out = Outgoing(loopback=True)
    await asyncio.gather(*(out.require(f"https://{place}.dead/") for place in range(40)))
    monkeypatch.undo()
    async with open_receiver() as there:
        assert (await out.post(f"http://hooks.example:{there.port}/", b"{}", {})).ok
    out.close()


async def test_a_name_that_nobody_answers_for_is_no_answer(
    dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "Resolver", lambda threads: Resolver(threads, dead))
    monkeypatch.setattr(calling, "RESOLVE_SECONDS", 0.01)
    out = Outgoing(loopback=True)
    with pytest.raises(NoAnswer, match="leads nowhere"):
        await out.post("https://hooks.dead/", b"{}", {})
    out.close()
