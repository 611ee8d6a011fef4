"""One process from its first request to its last, with a small application in the place of ours."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from channels.descriptor import NOT_SENT_LOW_WATER
from server import serve as module
from server.serve import CannotServe, listen, serve
from server.settings import Settings

SETTINGS = Settings()


class Application:
    """Says what happens to it, in order."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.fails_at: str = ""
        self.starlette = Starlette(routes=[Route("/", self.answer)], lifespan=self.lifespan)
        self.starlette.state.drain = self.drain

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.tell("start")
        yield
        self.tell("end")

    async def answer(self, _request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def drain(self) -> None:
        self.tell("drain")

    def tell(self, what: str) -> None:
        self.story.append(what)
        if what == self.fails_at:
            raise RuntimeError(what)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Application:
    made = Application()
    monkeypatch.setattr(module, "create_app", lambda _settings: made.starlette)
    return made


@asynccontextmanager
async def serving(end: Callable[[asyncio.Event], None], *, by_signals: bool = False) -> AsyncIterator[str]:
    """The address, between `ready` and `end`."""
    stop, ready = asyncio.Event(), asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        task = asyncio.create_task(
            serve(SETTINGS, listener=listener, ready=ready.set, stop=None if by_signals else stop)
        )
        await ready.wait()
        yield address
        end(stop)
        await task


async def test_it_answers_until_it_is_stopped_and_drains_first(application: Application) -> None:
    async with serving(asyncio.Event.set) as address, httpx.AsyncClient() as client:
        answer = await client.get(address)
        assert (answer.text, "server" in answer.headers) == ("hello", False)
        assert application.story == ["start"]
    assert application.story == ["start", "drain", "end"]


@pytest.mark.usefixtures("application")
async def test_four_take_connections_by_one_listener_and_little_waits_in_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taking: list[socket.socket] = []
    startup = module._Server.startup

    async def noted(self: module._Server, sockets: list[socket.socket] | None = None) -> None:
        taking.extend(sockets or ())
        await startup(self, sockets)

    monkeypatch.setattr(module._Server, "startup", noted)
    async with serving(asyncio.Event.set) as address:
        assert len({each.fileno() for each in taking}) == 4
        assert {f"http://127.0.0.1:{each.getsockname()[1]}" for each in taking} == {address}
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            found = {each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) for each in taking}
            assert found == {NOT_SENT_LOW_WATER}
    assert {each.fileno() for each in taking} == {-1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_in_order_and_does_not_end_us(
    application: Application, number: signal.Signals
) -> None:
    async with serving(lambda _: os.kill(os.getpid(), number), by_signals=True):
        pass
    assert application.story == ["start", "drain", "end"]


async def test_a_second_signal_waits_for_nothing(application: Application) -> None:
    draining, never = asyncio.Event(), asyncio.Event()

    async def drain() -> None:
        draining.set()
        await never.wait()

    application.starlette.state.drain = drain
    async with serving(lambda _: os.kill(os.getpid(), signal.SIGTERM), by_signals=True):
        os.kill(os.getpid(), signal.SIGTERM)
        await draining.wait()
    assert application.story == ["start"]


async def test_a_failing_drain_does_not_keep_it_from_ending(application: Application) -> None:
    application.fails_at = "drain"
    async with serving(asyncio.Event.set):
        pass
    assert application.story == ["start", "drain", "end"]


async def test_a_drain_that_hangs_does_not_either(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    application.starlette.state.drain = asyncio.Event().wait
    async with serving(asyncio.Event.set):
        pass
    assert application.story == ["start", "end"]


async def test_an_application_without_a_drain_just_ends(application: Application) -> None:
    del application.starlette.state.drain
    async with serving(asyncio.Event.set):
        pass
    assert application.story == ["start", "end"]


async def test_an_application_that_does_not_start_is_an_error(application: Application) -> None:
    application.fails_at = "start"
    with pytest.raises(CannotServe, match="did not start"):
        await serve(Settings(port=0), stop=asyncio.Event())


def test_a_taken_port_is_an_error_that_names_another() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=rf"cannot listen on 127.0.0.1:{port} .* PORT=8123"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no such host", "256.0.0.1", "192.0.2.1"])
def test_an_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(CannotServe, match=r"^(HOST|PORT): "):
        listen(host, 0)


def test_it_listens_on_ipv6_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def resolve(*arguments: object, **_: object) -> list[tuple[object, ...]]:
        asked.extend(arguments)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    listen("::1", 0).close()
    assert asked[0] == "::1"
