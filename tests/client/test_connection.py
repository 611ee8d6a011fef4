"""How a connection comes back: a real socket server here says and closes what a test has it say and close."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from channels.client import HoldfastError, LineClosed, NotAllowed, Patience
from channels.client.connection import Connection, Message

QUICK = Patience(seconds=5, base=0.001, most=0.002)
WELCOME = {"type": "welcome", "session": "s", "heartbeat_seconds": 10, "cart": None, "holds": []}

Script = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """One connection from the server's side."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def says(self, **message: Any) -> None:
        await self.socket.send(msgpack.packb(message))

    async def hears(self) -> Message:
        data = await self.socket.recv()
        assert isinstance(data, bytes)
        message: Message = msgpack.unpackb(data)
        return message

    async def welcomes(self, **changed: Any) -> Message:
        hello = await self.hears()
        await self.says(**{**WELCOME, "ref": hello["ref"], **changed})
        return hello

    async def closes(self, code: int, reason: str = "") -> None:
        await self.socket.close(code, reason)


class Listening:
    """A listener that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: HoldfastError | None = None
        self.changed = asyncio.Event()

    async def welcomed(self, _message: Message) -> None:
        self._note("welcome")

    async def heard(self, message: Message) -> None:
        self._note(message["type"])

    def lost(self) -> None:
        self._note("lost")

    def ended(self, error: HoldfastError) -> None:
        self.error = error
        self._note("ended")

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.changed.set()

    async def has_heard(self, *what: str) -> None:
        async with asyncio.timeout(60):
            while self.told[-len(what) :] != list(what):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def server(*scripts: Script, refuse: list[int] | None = None) -> AsyncIterator[str]:
    """Each connection is talked to by the next script; `refuse` are statuses of the first handshakes."""
    waiting, refused = list(scripts), refuse or []

    def admit(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(refused.pop(0), "no") if refused else None

    async def converse(socket: ServerConnection) -> None:
        await waiting.pop(0)(Conversation(socket))

    protocol = Subprotocol("holdfast.v1.msgpack")
    async with serve(converse, "127.0.0.1", 0, subprotocols=[protocol], process_request=admit) as opened:
        yield f"ws://127.0.0.1:{opened.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def connection(
    url: str, *, tokens: int = 9, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[tuple[Listening, list[bool]]]:
    """A connection, its listener, and whether it was each time asked to show a new token."""
    renewals: list[bool] = []

    async def hello(renew: bool) -> Mapping[str, Any] | None:
        renewals.append(renew)
        return {"token": "t"} if sum(renewals) < tokens else None

    opened, listening = Connection(url, hello, patience=QUICK, chance=lambda: 0.5, sleep=sleep), Listening()
    await opened.listen(listening)
    try:
        yield listening, renewals
    finally:
        await opened.close()


async def stays(conversation: Conversation) -> None:
    await conversation.welcomes()
    await conversation.socket.wait_closed()


def ends(code: int, reason: str = "") -> Script:
    async def script(conversation: Conversation) -> None:
        await conversation.welcomes()
        await conversation.closes(code, reason)

    return script


@pytest.mark.parametrize(
    ("code", "renews"),
    [(4100, False), (4201, False), (1001, False), (1011, False), (4400, True), (4401, True)],
)
async def test_most_closes_are_followed_by_another_line(code: int, renews: bool) -> None:
    async with server(ends(code), stays) as url, connection(url) as (heard, renewals):
        await heard.has_heard("welcome", "lost", "welcome")
        assert renewals == [False, renews]


@pytest.mark.parametrize("code", [4500, 4501, 1003, 1008, 1009])
async def test_some_are_for_good(code: int) -> None:
    async with server(ends(code, "no more")) as url, connection(url) as (heard, _):
        await heard.has_heard("welcome", "lost", "ended")
        assert isinstance(heard.error, LineClosed)
        assert heard.error.code == code


async def test_without_another_token_it_ends_with_what_was_wrong_with_the_last() -> None:
    async with server(ends(4400)) as url, connection(url, tokens=1) as (heard, _):
        await heard.has_heard("ended")
        assert isinstance(heard.error, LineClosed)
        assert heard.error.code == 4400


@pytest.mark.parametrize("script", [ends(4202, "slow down; retry_after=0.3"), ends(4200)])
async def test_a_delay_is_kept(script: Script) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with server(script, stays) as url, connection(url, sleep=sleep) as (heard, _):
        await heard.has_heard("welcome", "lost", "welcome")
    assert waits[0] == 0.3 or waits[0] >= QUICK.base


async def test_a_goodbye_says_when_and_how_far_apart() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def drains(conversation: Conversation) -> None:
        await conversation.welcomes()
        await conversation.says(type="goodbye", reason="deploy", after_ms=100, spread_ms=2_000)
        await conversation.closes(4100)

    async with server(drains, stays) as url, connection(url, sleep=sleep) as (heard, _):
        await heard.has_heard("welcome", "lost", "welcome")
    assert waits == [1.1]


async def test_silence_is_a_lost_line() -> None:
    async def falls_silent(conversation: Conversation) -> None:
        await conversation.welcomes(heartbeat_seconds=0.02)
        await conversation.socket.wait_closed()

    async with server(falls_silent, stays) as url, connection(url) as (heard, _):
        await heard.has_heard("welcome", "lost", "welcome")


async def test_a_hello_that_is_refused_is_said_again_with_another_token_or_not_at_all() -> None:
    def refuses(code: str, retry: str) -> Script:
        async def script(conversation: Conversation) -> None:
            hello = await conversation.hears()
            await conversation.says(type="error", ref=hello["ref"], code=code, message="", retry=retry)
            await conversation.socket.wait_closed()

        return script

    scripts = (refuses("unauthorized", "refresh"), refuses("unavailable", "later"), stays)
    async with server(*scripts) as url, connection(url) as (heard, renewals):
        await heard.has_heard("welcome")
        assert renewals == [False, True, False]
    async with server(refuses("forbidden", "never")) as url, connection(url) as (heard, _):
        await heard.has_heard("ended")
        assert isinstance(heard.error, NotAllowed)


async def test_a_handshake_is_tried_again_while_it_may_go_well() -> None:
    async with server(stays, refuse=[503, 429]) as url, connection(url) as (heard, _):
        await heard.has_heard("welcome")
    async with server(refuse=[403]) as url, connection(url) as (heard, _):
        await heard.has_heard("ended")
        assert "refuses the handshake" in str(heard.error)


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    async with server() as url:
        pass
    port = int(url.rpartition(":")[2])
    tries, third = [0.0], asyncio.Event()

    async def sleep(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) > 3:
            third.set()
        await asyncio.sleep(0.001)

    async with connection(url, sleep=sleep) as (heard, _):
        await third.wait()
        protocol = Subprotocol("holdfast.v1.msgpack")

        async def converse(socket: ServerConnection) -> None:
            await stays(Conversation(socket))

        async with serve(converse, "127.0.0.1", port, subprotocols=[protocol]):
            await heard.has_heard("welcome")


async def test_who_comes_later_is_welcomed_too_and_nobody_after_the_end() -> None:
    async with server(stays) as url:

        async def hello(_renew: bool) -> Mapping[str, Any]:
            return {}

        opened, first, second = Connection(url, hello, patience=QUICK), Listening(), Listening()
        await opened.listen(first)
        await first.has_heard("welcome")
        await opened.listen(second)
        assert second.told == ["welcome"]
        opened.leave(first)
        await opened.close()
        assert first.told == ["welcome"]
        assert second.told[-1] == "ended"
        with pytest.raises(LineClosed):
            await opened.listen(first)
        assert await opened.say("hello") is None
