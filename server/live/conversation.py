"""One browser's conversation over its socket: hello, subscribe, hold, release, extend, leave, refresh.

Nothing of it runs between two messages. The socket calls `heard`, which counts the command and hands it to a
task that lives only while there are commands to work off, one after the other; answers go out in that order.
What needs nobody else is done at once. Some 10,000 conversations are open in a process, so each is small.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import structlog
from msgspec import UNSET

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
    Unauthorized,
)
from server.holds.carts import NOTHING
from server.holds.rules import Best, HoldRequest
from server.http.times import now_milliseconds
from server.live.sessions import LiveSessions
from server.live.table import Peer, Session, Tab
from server.live.views import NO_CART, cart_changed, cart_view, error_message
from server.ops.limits import rates

QUEUE_LIMIT: Final = 64
"""Commands of one socket that wait; one more is answered with `overloaded`."""

CHANGES: Final = (protocol.Hold, protocol.Release, protocol.Extend)
"""What a wall screen may not ask for."""

FLOOD_RETRY_SECONDS: Final = 5
WELCOME_TRIES: Final = 5
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
        self._spoke = False
        self._pace: Session | None = None
        self._waiting: deque[Message] | None = None
        self._worker: asyncio.Task[None] | None = None

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
        if self._worker is not None and self._worker.done():
            self._worker = None  # it was cancelled, with what it was asked: the next one goes on
        if self._worker is None and not self._waiting and self._did_at_once(message):
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    def ended(self, code: int, *, clean: bool) -> None:
        """The socket is closed: what waits is not done any more, and what is being done is given up."""
        self._waiting = None
        if self._worker is None:
            self._let_go()
        else:
            self._worker.add_done_callback(self._let_go)
            self._worker.cancel()
        if self._on_end is not None:
            self._on_end(code, clean)

    def _let_go(self, _worker: object = None) -> None:
        self._parts.hub.drop(self._peer)
        self._live.closed(self._tab)

    def _admit(self, message: Message) -> None:
        """Count the command; who goes on far beyond the rate is no longer answered but closed."""
        if self._waiting is not None and len(self._waiting) >= QUEUE_LIMIT:
            raise Overloaded("too many commands wait already", retry_after=1)
        session = self._live.table.session(self._tab.caller.session)
        if session is None or isinstance(message, protocol.Hello):
            self._count_stranger()
        if session is not None and not isinstance(message, protocol.Leave):
            self._count(session)

    def _count_stranger(self) -> None:
        """What comes before a session counts for this socket alone, and so does each hello: it may open one.

        The first word is free, so that most sockets have no pace of their own to remember.
        """
        if self._spoke:
            if self._pace is None:
                self._pace = Session("", rates(self._live.settings)["commands"])
            self._count(self._pace)
        self._spoke = True

    def _count(self, session: Session) -> None:
        if session.floods():
            self._peer.close(CloseCode.RATE_LIMITED, "too many commands", retry_after=FLOOD_RETRY_SECONDS)
        wait = session.take_turn()
        if wait:
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
        self._require_session()
        if self._tab.caller.only_watches and isinstance(message, CHANGES):
            raise Forbidden("a wall screen only watches")

    def _require_session(self) -> None:
        """It may have become a user's a moment ago."""
        if self._live.is_revoked(self._tab):
            raise Unauthorized("this session belongs to a user now; say hello with the user's token")

    def _greets_stranger(self, message: protocol.Hello) -> bool:
        """Who shows nothing gets a session of which Redis knows nothing: thousands may come at once."""
        shown = (message.token, message.session, self._handshake.cookie)
        if self._tab.caller.session or any(each is not None for each in shown):
            return False
        opened = self._parts.sessions.open_new()
        session = self._live.table.add(self._tab, Caller(opened.session, expires_at=opened.expires_at))
        self._live.opened(self._tab, is_new=True)
        session.told_cart = NO_CART
        self._greet(message.ref, opened.session, opened.token, None, ())
        return True

    async def _hello(self, message: protocol.Hello) -> None:
        caller, token, is_new = await self._identify(message)
        tab = self._tab
        waiting = tab.waiting if tab.caller.session == caller.session else []
        if tab.caller.session and (tab.caller.session, tab.caller.user) != (caller.session, caller.user):
            self._live.closed(tab)
            tab.waiting = waiting
        if tab.caller.session:
            tab.caller = caller
        else:
            self._live.table.add(tab, caller)
        self._live.opened(tab, is_new=is_new)
        try:
            await self._welcome(message.ref, token, is_new=is_new)
        except Exception:
            if not tab.greeted:  # nobody may be told anything who has no welcome, and might never have one
                self._live.closed(tab)
                tab.waiting = []
            raise

    async def _identify(self, message: protocol.Hello) -> tuple[Caller, str, bool]:
        """Who says hello, the token of their session, and whether that is new: it is with nothing shown."""
        if message.session is not None and message.token is None:
            raise BadRequest("a session stands beside its user's token")
        cookie = self._handshake.cookie if message.token is None else None
        shown = Credentials(token=message.token, session=message.session, cookie=cookie)
        caller = await self._parts.sessions.identify(shown)
        opened = await self._parts.sessions.open(caller)
        if caller is None:
            return Caller(opened.session, expires_at=opened.expires_at), opened.token, True
        return replace(caller, session=opened.session, by_cookie=False), opened.token, False

    async def _welcome(self, ref: str | int | None, token: str, *, is_new: bool) -> None:
        """The session as it stands. Changes that came while it was read are read again, so none is missed."""
        tab, session = self._tab, self._live.table.session(self._tab.caller.session)
        assert session is not None
        for _ in range(WELCOME_TRIES):
            tab.missed = 0
            standing = NOTHING if is_new else await self._parts.holds.standing(session.id)
            views = [await self._live.news.view(hold) for hold in standing.live]
            if not tab.missed:
                break
        self._require_session()
        self._live.found(tab, standing.resources)
        session.holds = {hold.id: hold for hold in standing.live}
        held = [
            (hold, view) for hold, view in zip(standing.live, views, strict=True) if hold.status == "held"
        ]
        session.told_cart = cart_changed([hold for hold, _ in held], [view for _, view in held])
        cart = None if standing.cart is None else cart_view(standing.cart)
        self._greet(ref, session.id, token, cart, tuple(views))

    def _greet(
        self,
        ref: str | int | None,
        session: str,
        token: str,
        cart: protocol.CartView | None,
        holds: tuple[protocol.HoldView, ...],
    ) -> None:
        self._tab.greet(
            protocol.Welcome(
                ref=_ref(ref),
                session=session,
                token=token,
                node=self._live.node,
                server_time=now_milliseconds(),
                heartbeat_seconds=self._live.settings.heartbeat_seconds,
                cart=cart,
                holds=holds,
            )
        )
        self._live.greeted(self._tab)
        self._live.pulse.met(self._peer)

    def _subscribes_at_once(self, message: protocol.Subscribe) -> bool:
        """Where the map is here already, which it is for all but the first."""
        did: bool = self._parts.hub.subscribe_at_once(
            self._peer,
            message.channel,
            message.position,
            message.view,
            answer=lambda: self._peer.answer(protocol.Ok(ref=_ref(message.ref))),
        )
        return did

    async def _subscribe(self, message: protocol.Subscribe) -> None:
        await self._parts.hub.subscribe(
            self._peer,
            message.channel,
            message.position,
            message.view,
            answer=lambda: self._peer.answer(protocol.Ok(ref=_ref(message.ref))),
        )

    def _unsubscribe(self, message: protocol.Unsubscribe) -> bool:
        self._parts.hub.unsubscribe(self._peer, message.channel)
        self._peer.answer(protocol.Ok(ref=_ref(message.ref)))
        return True

    async def _hold(self, message: protocol.Hold) -> None:
        best = message.best
        request = HoldRequest(
            resource=message.resource,
            items=message.items,
            range=message.range,
            best=None
            if best is None
            else Best(quantity=best.quantity, category=best.category, adjacent=best.adjacent),
        )
        held = await self._parts.holds.hold(self._tab.caller, request, op=message.op, connected=True)
        await self._live.news.answer_held(self._tab, held, _ref(message.ref))

    async def _release(self, message: protocol.Release) -> None:
        session = self._live.table.session(self._tab.caller.session)
        known = None if session is None else session.holds.get(message.hold)
        given = await self._parts.holds.give(
            self._tab.caller,
            message.hold,
            message.items,
            op=message.op,
            resource=None if known is None else known.resource,
        )
        await self._live.news.answer_released(self._tab, given, _ref(message.ref))

    async def _extend(self, message: protocol.Extend) -> None:
        cart = await self._parts.holds.extend(self._tab.caller, op=message.op)
        self._peer.answer(protocol.Ok(ref=_ref(message.ref), cart=cart_view(cart)))

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
        self._peer.answer(protocol.Ok(ref=_ref(message.ref)))

    async def _at_last(self, message: Message) -> None:
        """What is done at once, behind what was asked before it."""
        self._at_once[type(message)](self, message)

    _at_once: ClassVar[Mapping[type[Message], Callable[["Conversation", Any], bool]]] = {
        protocol.Hello: _greets_stranger,
        protocol.Subscribe: _subscribes_at_once,
        protocol.Unsubscribe: _unsubscribe,
        protocol.Leave: _leave,
    }
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


def _ref(ref: str | int | None) -> Any:
    return UNSET if ref is None else ref


def _channel_error(error: ChannelError, ref: str | int | None) -> protocol.Error:
    return protocol.Error(ref=_ref(ref), code=error.code, message=str(error), retry=error.retry)
