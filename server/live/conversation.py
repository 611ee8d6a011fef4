"""One browser's conversation over its socket: hello, subscribe, hold, release, extend, leave, refresh.

Nothing of it runs between two messages. The socket calls `heard`, which counts the command and hands it to a
task that lives only while there are commands to work off, one after the other; answers go out in that order.
What needs nobody else is done at once. Some 10,000 conversations are open in a process, so each is small.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

import structlog

from channels import protocol
from channels.protocol import CloseCode
from channels.source import ChannelError
from server.accounts.rules import Caller, Credentials
from server.errors import (
    BadRequest,
    Forbidden,
    HoldfastError,
    Internal,
    Overloaded,
    RateLimited,
)
from server.live import greeting, holding
from server.live.holding import Rest, Then
from server.live.sessions import LiveSessions
from server.live.table import Pace, Peer, Tab
from server.live.turns import RETRY_SECONDS
from server.live.views import cart_view, error_message, ref_of
from server.ops.limits import rates

QUEUE_LIMIT: Final = 64
"""Commands of one socket that wait; one more is answered with `overloaded`."""

CHANGES: Final = (protocol.Hold, protocol.Release, protocol.Extend)
"""What a wall screen may not ask for."""

FLOOD_RETRY_SECONDS: Final = 5
_log = structlog.get_logger("holdfast.live")

Message = protocol.AnyClientMessage


@dataclass(frozen=True, slots=True)
class Handshake:
    """What was known before the first message: the session cookie, if the page is from here."""

    cookie: str | None = None


NOTHING_SHOWN: Final = Handshake()


class Conversation:
    """`parts` is server.app.Parts. It is a channels.socket.Talk; `on_end` is called when all is let go of."""

    __slots__ = (
        "_handshake",
        "_on_end",
        "_pace",
        "_parts",
        "_peer",
        "_queued",
        "_spoke",
        "_tab",
        "_waiting",
        "_worker",
    )

    def __init__(
        self, peer: Peer, parts: Any, handshake: Handshake, on_end: Callable[[int, bool], None] | None = None
    ) -> None:
        self._peer = peer
        self._parts = parts
        self._handshake = handshake
        self._on_end = on_end
        self._tab = Tab(peer)
        self._spoke = self._queued = False
        self._pace: Pace | None = None
        self._waiting: deque[Message] | None = None
        self._worker: asyncio.Future[Any] | None = None

    @property
    def _live(self) -> LiveSessions:
        live: LiveSessions = self._parts.live
        return live

    # Receiving: never waits for anything.

    def heard(self, message: Message) -> None:
        """The client said something: refuse it, do it at once, or let it wait for its turn."""
        try:
            self._admit(message)
        except HoldfastError as error:
            self._refuse(message, error)
            return
        if self._worker is not None and self._worker.cancelled():
            self._worker = None  # it was cancelled, with what it was asked: the next one goes on
        has_turn = self._worker is None and not self._queued and self._live.turns.has_time()
        if has_turn and not self._waiting and self._did_at_once(message):
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        if has_turn:
            self._worker = asyncio.create_task(self._work())
        elif self._worker is None and not self._queued:
            self._queued = True
            self._live.turns.wait(self, takes=isinstance(self._waiting[0], protocol.Hold))

    def take_turn(self, *, is_late: bool) -> None:
        """It is this conversation's turn, after others had theirs; a hold that came too late is refused."""
        self._queued = False
        if self._waiting and is_late:
            self._refuse(self._waiting.popleft(), _too_late())
        if self._waiting:
            self._peer.in_one_write(self._do_what_waits)

    def ended(self, code: int, *, clean: bool) -> None:
        """The socket is closed: what waits is not done any more, and what is being done is given up."""
        self._waiting = None
        worker, self._worker = self._worker, None
        if worker is None:
            self._let_go()
        else:
            worker.add_done_callback(self._let_go)
            worker.cancel()
        if self._on_end is not None:
            self._on_end(code, clean)

    def _let_go(self, _worker: object = None) -> None:
        self._parts.hub.drop(self._peer)
        self._live.closed(self._tab)

    def _admit(self, message: Message) -> None:
        """Count the command; who goes on far beyond the rate is no longer answered but closed."""
        if self._waiting is not None and len(self._waiting) >= QUEUE_LIMIT:
            raise Overloaded("too many commands wait already", retry_after=1)
        session = self._tab.session
        if session is None or isinstance(message, protocol.Hello):
            self._count_stranger()
        if session is not None and not isinstance(message, protocol.Leave):
            self._count(session)
        if isinstance(message, protocol.Hold) and self._live.turns.is_too_long():
            raise _too_late()

    def _count_stranger(self) -> None:
        """What comes before a session counts for this socket alone, and so does each hello: it may open one.

        The first word is free, so that most sockets have no pace of their own to remember.
        """
        if self._spoke:
            if self._pace is None:
                self._pace = Pace(rates(self._live.settings)["commands"])
            self._count(self._pace)
        self._spoke = True

    def _count(self, pace: Pace) -> None:
        wait = pace.take_turn()
        if wait:
            if pace.floods():
                self._peer.close(CloseCode.RATE_LIMITED, "too many commands", retry_after=FLOOD_RETRY_SECONDS)
            raise RateLimited(retry_after=round(wait, 3))

    def _refuse(self, message: Message, error: HoldfastError) -> None:
        self._peer.answer(error_message(error, message.ref))

    # Working: one command after the other.

    async def _work(self) -> None:
        while self._waiting:
            message = self._waiting.popleft()
            try:
                self._require_right(message)
                await self._handlers[type(message)](self, message)
            except Exception as error:  # noqa: BLE001  # see _tell_fault
                self._tell_fault(message, error)
        self._waiting = self._worker = None

    def _did_at_once(self, message: Message) -> bool:
        """Do what needs nobody else, without a task; False, and nothing has happened, if it may."""
        at_once = self._at_once.get(type(message))
        if at_once is None:
            return False
        try:
            self._require_right(message)
            return at_once(self, message)
        except Exception as error:  # noqa: BLE001  # see _tell_fault
            self._tell_fault(message, error)
            return True

    def _tell_fault(self, message: Message, error: Exception) -> None:
        """A fault of ours ends one command, too, and not the conversation."""
        if isinstance(error, ChannelError):
            self._peer.answer(_channel_error(error, message.ref))
        elif isinstance(error, HoldfastError):
            self._refuse(message, error)
        else:
            _log.error("a command failed", command=type(message).__name__, exc_info=error)
            self._refuse(message, Internal())

    def _require_right(self, message: Message) -> None:
        """Whoever this tab speaks for may say such things, still; anybody may say hello."""
        if isinstance(message, protocol.Hello):
            return
        if not self._tab.caller.session:
            raise BadRequest("say hello first")
        greeting.require_session(self._live, self._tab)
        if isinstance(message, CHANGES) and self._tab.caller.only_watches:
            raise Forbidden("a wall screen only watches")

    def _says_hello(self, message: protocol.Hello) -> bool:
        """Greet at once, or when it is known what the session has that comes back."""
        cookie = self._handshake.cookie
        if greeting.greet_stranger(self._parts, self._tab, message, cookie):
            return True
        asked = greeting.ask_back(self._parts, self._tab, message, cookie)
        if asked is None:
            return False
        greets = partial(greeting.greet_back, self._parts, self._tab, message, cookie, asked)
        return self._waits_for(message, (asked, greets))

    def _waits_for(self, message: Message, asked: tuple[asyncio.Future[Any], Then] | None) -> bool:
        """Once the reply is there, do what follows, without a task; what that leaves to be done, by one."""
        if asked is None:
            return False
        self._worker, then = asked
        self._worker.add_done_callback(partial(self._replied, message, then))
        return True

    def _replied(self, message: Message, then: Then, reply: asyncio.Future[Any]) -> None:
        if self._worker is reply:  # else it was closed meanwhile
            self._worker = None
            self._peer.in_one_write(partial(self._go_on, message, then))

    def _go_on(self, message: Message, then: Then) -> None:
        """The answer, and what was said behind that."""
        try:
            rest = then()
        except Exception as error:  # noqa: BLE001  # see _tell_fault
            self._tell_fault(message, error)
        else:
            if rest is not None:
                self._worker = asyncio.create_task(self._finish(message, rest))
                return
        self._do_what_waits()

    async def _finish(self, message: Message, rest: Rest) -> None:
        try:
            await rest()
        except Exception as error:  # noqa: BLE001  # see _tell_fault
            self._tell_fault(message, error)
        await self._work()

    def _do_what_waits(self) -> None:
        """One after the other, as far as nobody has to be waited for; the rest by a task."""
        while self._waiting and self._worker is None:
            message = self._waiting.popleft()
            if not self._did_at_once(message):
                self._waiting.appendleft(message)
                self._worker = asyncio.create_task(self._work())
        if self._worker is None:
            self._waiting = None

    async def _hello(self, message: protocol.Hello) -> None:
        await greeting.greet(self._parts, self._tab, message, self._handshake.cookie)

    def _subscribes_at_once(self, message: protocol.Subscribe) -> bool:
        """Where the map is here already, which it is for all but the first."""
        did: bool = self._parts.hub.subscribe_at_once(
            self._peer,
            message.channel,
            message.position,
            message.view,
            answer=lambda: self._peer.answer(protocol.Ok(ref=ref_of(message.ref))),
        )
        return did

    async def _subscribe(self, message: protocol.Subscribe) -> None:
        await self._parts.hub.subscribe(
            self._peer,
            message.channel,
            message.position,
            message.view,
            answer=lambda: self._peer.answer(protocol.Ok(ref=ref_of(message.ref))),
        )

    def _unsubscribe(self, message: protocol.Unsubscribe) -> bool:
        self._parts.hub.unsubscribe(self._peer, message.channel)
        self._peer.answer(protocol.Ok(ref=ref_of(message.ref)))
        return True

    def _holds_at_once(self, message: protocol.Hold) -> bool:
        return self._waits_for(message, holding.ask_hold(self._parts, self._tab, message))

    async def _hold(self, message: protocol.Hold) -> None:
        await holding.hold(self._parts, self._tab, message)

    def _releases_at_once(self, message: protocol.Release) -> bool:
        return self._waits_for(message, holding.ask_release(self._parts, self._tab, message))

    async def _release(self, message: protocol.Release) -> None:
        await holding.release(self._parts, self._tab, message)

    async def _extend(self, message: protocol.Extend) -> None:
        cart = await self._parts.holds.extend(self._tab.caller, op=message.op)
        self._peer.answer(protocol.Ok(ref=ref_of(message.ref), cart=cart_view(cart)))

    def _leave(self, _message: protocol.Leave) -> bool:
        self._live.left(self._tab)
        return True

    async def _refresh(self, message: protocol.Refresh) -> None:
        """Another token of the same subject: of this user, or else of this session."""
        tab = self._tab
        fresh: Caller = await self._parts.sessions.identify(Credentials(token=message.token))
        same = fresh.user == tab.caller.user if tab.caller.user else fresh.session == tab.caller.session
        if not same:
            raise Forbidden("this token is somebody else's; say hello with it")
        tab.caller = replace(fresh, session=tab.caller.session)
        self._peer.answer(protocol.Ok(ref=ref_of(message.ref)))

    async def _at_last(self, message: Message) -> None:
        """A command of `_at_once` that had to wait behind one that needed a task."""
        self._at_once[type(message)](self, message)

    # What can be done without a task, by the type of its message; False: this time it needs one.
    _at_once: ClassVar[Mapping[type[Message], Callable[["Conversation", Any], bool]]] = {
        protocol.Hello: _says_hello,
        protocol.Subscribe: _subscribes_at_once,
        protocol.Hold: _holds_at_once,
        protocol.Release: _releases_at_once,
        protocol.Unsubscribe: _unsubscribe,
        protocol.Leave: _leave,
    }
    # All commands, as a task does them.
    _handlers: ClassVar[Mapping[type[Message], Callable[["Conversation", Any], Awaitable[None]]]] = {
        protocol.Hello: _hello,
        protocol.Subscribe: _subscribe,
        protocol.Hold: _hold,
        protocol.Release: _release,
        protocol.Extend: _extend,
        protocol.Refresh: _refresh,
        protocol.Unsubscribe: _at_last,
        protocol.Leave: _at_last,
    }


def _too_late() -> Overloaded:
    return Overloaded("too many want something at once; nothing was done", retry_after=RETRY_SECONDS)


def _channel_error(error: ChannelError, ref: str | int | None) -> protocol.Error:
    return protocol.Error(ref=ref_of(ref), code=error.code, message=str(error), retry=error.retry)
