"""All sockets of this process: what they are told unasked, how they are kept and how they are sent away."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from secrets import token_hex
from typing import Final, Protocol

import msgspec

from channels.protocol import BookingChanged, CloseCode, ServerMessage
from channels.pulse import Pulse
from channels.replica import Replica
from channels.sender import Sender
from channels.source import ChannelError, Subscriber
from channels.supervisor import stop, supervise
from server.accounts.sessions import BOUND_CHANNEL
from server.bookings.announcer import CHANNEL as BOOKINGS_CHANNEL
from server.bookings.announcer import read_event
from server.errors import HoldfastError, TokenExpired, Unauthorized
from server.holds.events import SESSIONS_CHANNEL
from server.holds.rules import Hold
from server.holds.sources import Resources
from server.live.doomed import Decider, Doomed
from server.live.news import Indices, News, Reader
from server.live.table import Tab, Table
from server.live.turns import Turns
from server.live.views import error_message
from server.ops.limits import rates
from server.settings import Settings
from server.times import Clock, now_milliseconds

REVOKE_SECONDS: Final = 1.0
"""How long the sockets of a session that was just bound have to say `hello` as its user."""

DRAIN_SPREAD_MS: Final = 2_000


class Keeper(Protocol):
    """server.holds.keeper.Keeper: hears of sockets, and knows by that which sessions are alive."""

    def socket_opened(self, session: str, socket_id: str, *, is_read: bool = False) -> None:
        """A socket said `hello`; `is_read` if its session is new, or `session_holds` follows."""

    async def session_lives(self, session: str, resources: Iterable[str]) -> None:
        """Tell Redis now that it is alive, where it may hold anything."""

    def session_holds(self, session: str, resources: Iterable[str]) -> None:
        """Where it holds anything, as read for its welcome."""

    def socket_left(self, session: str, socket_id: str) -> None:
        """Its page is going away."""

    def socket_closed(self, session: str, socket_id: str) -> None:
        """It is closed."""


class Bus(Protocol):
    """channels.pubsub.Bus."""

    async def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> bool:
        """Hear this channel."""

    async def unsubscribe(self, channel: str, handler: Callable[[bytes], None]) -> None:
        """Hear it no more."""

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call back whenever messages may have been lost."""


class Holds(Reader, Decider, Protocol):
    """server.holds.service.Holds."""

    @property
    def is_behind(self) -> bool:
        """Whether more wait to be sent to Redis than go at once."""


class Inbox(Protocol):
    """server.live.notices.LiveNotices: what users' tabs are told of what happened to what is theirs."""

    def enter(self, tab: Tab) -> None:
        """The tab has its welcome."""

    def leave(self, tab: Tab) -> None:
        """The tab is gone, or speaks for somebody else."""


class LiveSessions:
    """The table of sockets and the tasks that serve it.

    `stale` says whether maps may be old, `shown` is the map of a resource here, if it is not.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        holds: Holds,
        inventory: Resources,
        keeper: Keeper,
        indices: Indices,
        bus: Bus,
        booked: Callable[[Hold], Awaitable[str | None]],
        stale: Callable[[], bool] = lambda: False,
        shown: Callable[[str], Replica | None] = lambda _resource: None,
        clock: Clock = now_milliseconds,
        sender: Sender | None = None,
    ) -> None:
        self.settings = settings
        self.node = token_hex(4)
        self.table = Table(rates(settings)["commands"])
        self.news = News(self.table, holds, inventory, clock, booked, indices=indices)
        self.turns = Turns(has_room=lambda: not holds.is_behind)
        self.doomed = Doomed(holds, inventory, shown)
        self.addresses: Counter[str] = Counter()
        self.inbox: Inbox | None = None
        self.pulse = Pulse(
            heartbeat_seconds=settings.heartbeat_seconds,
            liveness_seconds=settings.liveness_seconds,
            stale=stale,
            on_silent=self.silent,
            on_heard=self.heard,
            sender=sender,
        )
        self._keeper = keeper
        self._bus = bus
        self._clock = clock
        self._revoked: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._handlers: dict[str, Callable[[bytes], None]] = {
            SESSIONS_CHANNEL: self.news.hear,
            BOOKINGS_CHANNEL: self.hear_booking,
            BOUND_CHANNEL: self.hear_bound,
        }

    async def start(self) -> None:
        """Listen and tell."""
        self._bus.on_gap(self.news.read_all_anew)
        for channel, handler in self._handlers.items():
            await self._bus.subscribe(channel, handler)
        await self.pulse.start()
        self._tasks = [
            asyncio.create_task(supervise("news of holds", self.news.run)),
            asyncio.create_task(supervise("missed news of holds", self.news.read_missed)),
            asyncio.create_task(supervise("lost holds", self.news.check)),
            asyncio.create_task(supervise("ended tokens", self._watch)),
        ]

    async def close(self) -> None:
        """Stop listening; sockets are closed by `drain` or by the server."""
        await self.pulse.close()
        for task in self._tasks:
            await stop(task)
        for channel, handler in self._handlers.items():
            await self._bus.unsubscribe(channel, handler)

    # What they are told.

    def tell_session(self, session: str, message: ServerMessage) -> None:
        """Tell every tab of a session here; never blocks."""
        found = self.table.session(session)
        for tab in () if found is None else found.tabs:
            tab.tell(message)

    def tell_user(self, user: str, message: ServerMessage) -> None:
        """Tell every tab here in which the user is signed in."""
        for tab in self.table.users_tabs(user):
            tab.tell(message)

    def hear_booking(self, data: bytes) -> None:
        """A changed booking, for the tabs of its user (its session, if it is no user's) and of its owner."""
        event = read_event(data)
        session = None if event.user else self.table.session(event.session)
        tabs = dict.fromkeys([] if session is None else session.tabs)
        for user in (event.user, event.owner):
            if user:
                tabs.update(dict.fromkeys(self.table.users_tabs(user)))
        for tab in tabs:
            tab.tell(BookingChanged(fields=event.booking))

    def hear_bound(self, data: bytes) -> None:
        """A session is a user's now: its sockets hear nothing more, and have a moment to be theirs too."""
        name, _user = msgspec.msgpack.decode(data, type=tuple[str, str])
        self._revoked[name] = time.monotonic() + REVOKE_SECONDS
        session = self.table.session(name)
        for tab in () if session is None else session.tabs:
            if tab.caller.user is None:
                tab.greeted = False

    def is_revoked(self, tab: Tab) -> bool:
        """Whether the tab's session has become a user's, and the tab has not."""
        return tab.caller.user is None and tab.caller.session in self._revoked

    # How they are kept.

    def opened(self, tab: Tab) -> None:
        """The tab's session is alive; where it holds anything is said by `found`, unless it is new."""
        self._keeper.socket_opened(tab.caller.session, tab.id, is_read=True)

    async def alive(self, tab: Tab, resources: Iterable[str]) -> None:
        """Redis knows from here on that the tab's session is alive, where it may hold anything."""
        await self._keeper.session_lives(tab.caller.session, resources)

    def found(self, tab: Tab, resources: Iterable[str]) -> None:
        """Where the tab's session holds anything."""
        self._keeper.session_holds(tab.caller.session, resources)

    def greeted(self, tab: Tab) -> None:
        """The tab has its welcome."""
        if self.inbox is not None:
            self.inbox.enter(tab)

    def left(self, tab: Tab) -> None:
        """The tab's page is going away: the grace starts, unless another of its session stays."""
        self._keeper.socket_left(tab.caller.session, tab.id)

    def closed(self, tab: Tab) -> None:
        """The tab is gone, or speaks for somebody else from now on."""
        session = tab.caller.session
        if self.inbox is not None:
            self.inbox.leave(tab)
        self.table.remove(tab)
        if session:
            self._keeper.socket_closed(session, tab.id)

    def silent(self, socket: Subscriber) -> None:
        """Nothing has come from it for LIVENESS_SECONDS: it counts as closed."""
        tab = self.table.tab_of(socket)
        if tab is not None:
            self._keeper.socket_closed(tab.caller.session, tab.id)

    def heard(self, socket: Subscriber) -> None:
        """Something came from it again."""
        tab = self.table.tab_of(socket)
        if tab is not None:
            self._keeper.socket_opened(tab.caller.session, tab.id)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(REVOKE_SECONDS / 2)
            self.close_overdue(time.monotonic())

    def close_overdue(self, now: float) -> None:
        """Close sockets whose token has ended, or whose session has become a user's. `now` is monotonic."""
        due = {name for name, when in self._revoked.items() if when <= now}
        for name in due:
            del self._revoked[name]
        at = self._clock()
        for tab in self.table.tabs:
            if tab.caller.session in due and tab.caller.user is None:
                _send_away(tab, Unauthorized(), CloseCode.UNAUTHORIZED)
            elif 0 < tab.caller.expires_at <= at:
                _send_away(tab, TokenExpired(), CloseCode.TOKEN_EXPIRED)

    async def drain(self) -> None:
        """Say goodbye to everybody and close them one by one; new handshakes are refused."""
        await self.pulse.drain(spread_ms=DRAIN_SPREAD_MS, reason="this server is going away")


def _send_away(tab: Tab, error: HoldfastError, code: CloseCode) -> None:
    tab.peer.answer(error_message(error, None))
    tab.peer.close(code, error.detail)


class NotificationsHook:
    """Channels `notifications:<user id>`: that user's alone, who has them without asking."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def subscribe(self, subscriber: Subscriber, name: str) -> None:
        """Nothing to do for the user; not_found for everybody else."""
        if all(tab.peer is not subscriber for tab in self._table.users_tabs(name)):
            raise ChannelError("not_found", "there is no such channel")

    def unsubscribe(self, subscriber: Subscriber, name: str) -> None:
        """They come all the same."""
