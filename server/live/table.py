"""Who is connected to this process: the tabs of each session and of each user."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from channels.protocol import ServerMessage
from channels.replica import Position
from channels.source import Subscriber
from server.accounts.rules import Caller
from server.holds.rules import Hold
from server.ops.limits import LocalBucket, Rate

LIVE = frozenset({"held", "paying"})

ENDED_KEPT = 200
"""Ends of holds that a session remembers, so that none is told twice."""

NEVER: Position = ("", -1)
"""Before any position. What says no epoch has "" for one."""

FLOOD = 20
"""A session that sends so many times its rate is no longer answered but closed."""


class Peer(Subscriber, Protocol):
    """channels.socket.Socket, as far as conversations know it."""

    def answer(self, message: ServerMessage) -> None:
        """Say something of its own, before all broadcasts, without blocking."""

    def answer_all(self, messages: Sequence[ServerMessage]) -> None:
        """Say several things, in their order and in one write where that can be."""

    def in_one_write(self, work: Callable[[], None]) -> None:
        """Do this at once, with all that it answers in one write where that can be."""

    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close; what waits is not sent."""


NOBODY = Caller(session="")
LONG_AGO = float("-inf")
_numbers = map(str, count(1))


@dataclass(eq=False, slots=True)
class Tab:
    """One socket and who it speaks for.

    `greeted` once its welcome is sent; `missed` counts changes of its session's holds that came before that;
    `waiting` is what it is to be told behind the welcome. `came_back` is when it showed that it may have been
    connected before, in seconds of the monotonic clock; LONG_AGO for one that never did.
    """

    peer: Peer
    id: str = field(default_factory=_numbers.__next__)
    caller: Caller = NOBODY
    session: "Session | None" = None
    greeted: bool = False
    missed: int = 0
    came_back: float = LONG_AGO
    waiting: list[ServerMessage] = field(default_factory=list)

    def tell(self, message: ServerMessage) -> None:
        """Announce; one that is not greeted yet hears it after its welcome."""
        if self.greeted:
            self.peer.answer(message)
        else:
            self.waiting.append(message)

    def greet(self, welcome: ServerMessage) -> None:
        """The welcome, and what waited for it."""
        self.peer.answer(welcome)
        self.greeted = True
        waiting, self.waiting = self.waiting, []
        for message in waiting:
            self.peer.answer(message)


class Pace:
    """How fast somebody may ask here, and how fast even be refused."""

    __slots__ = ("_commands", "_rate", "_refusals")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._commands = LocalBucket(rate)
        self._refusals: LocalBucket | None = None

    def take_turn(self) -> float:
        """Count one command; the seconds to wait, 0.0 if it may go on."""
        return self._commands.take(time.monotonic())

    def floods(self) -> bool:
        """Count one refusal; whether with what is not refused they come at FLOOD times the rate."""
        if self._refusals is None:
            self._refusals = LocalBucket(Rate(self._rate.requests * (FLOOD - 1), self._rate.seconds))
        return self._refusals.take(time.monotonic()) > 0


class Session(Pace):
    """A session with tabs here: its live holds as last heard, and how fast it may ask.

    It is `unread` while something that was said of it may have been missed.
    """

    __slots__ = ("ended", "heard", "holds", "id", "tabs", "told_cart", "unread")

    def __init__(self, session: str, rate: Rate) -> None:
        super().__init__(rate)
        self.id = session
        self.tabs: list[Tab] = []
        self.holds: dict[str, Hold] = {}
        self.told_cart: ServerMessage | None = None
        self.ended: dict[str, str] = {}
        self.heard: dict[str, Position] = {}
        self.unread = False

    @property
    def never_held(self) -> bool:
        """Whether nothing is known here of any hold of it, however long ago, and nothing was missed."""
        return not (self.holds or self.heard or self.ended or self.unread)

    def knows(self, hold: str, position: Position) -> bool:
        """Whether this or something later was heard of the hold; an answer names no epoch."""
        epoch, version = self.heard.get(hold, NEVER)
        return version >= position[1] and (epoch == position[0] or not epoch or not position[0])

    def learns(self, hold: Hold, position: Position | None = None) -> bool:
        """Take a hold as it is now; False if that, or its end, was known already.

        `position` is the epoch and the version of its resource, where they are known.
        """
        if position is not None:
            if self.knows(hold.id, position):
                return False
            self._remember(hold.id, position)
        if hold.status in LIVE:
            self.holds[hold.id] = hold
            self.ended.pop(hold.id, None)
            return True
        self.holds.pop(hold.id, None)
        if self.ended.get(hold.id) == hold.status:
            return False
        self.ended[hold.id] = hold.status
        if len(self.ended) > ENDED_KEPT:
            oldest = next(iter(self.ended))
            del self.ended[oldest]
            self.heard.pop(oldest, None)
        return True

    def note_change(self) -> None:
        """A hold changed, or may have: who has no welcome yet reads the session again before it is sent."""
        for tab in self.tabs:
            tab.missed += not tab.greeted

    def _remember(self, hold: str, position: Position) -> None:
        if len(self.heard) > 2 * (ENDED_KEPT + len(self.holds)):
            known = self.holds.keys() | self.ended.keys()  # a hold may go without an end that was heard
            self.heard = {name: each for name, each in self.heard.items() if name in known}
        self.heard[hold] = position


class Table:
    """Tabs by session and by user. Everything here is of this process alone and rebuilt by `hello`."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._sessions: dict[str, Session] = {}
        self._users: dict[str, list[Tab]] = {}
        self._tabs: dict[Peer, Tab] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    @property
    def tabs(self) -> list[Tab]:
        """Every tab that has said hello."""
        return list(self._tabs.values())

    def tab_of(self, peer: object) -> Tab | None:
        """The tab of a socket, if it has said hello."""
        return self._tabs.get(peer)  # type: ignore[call-overload, no-any-return]  # sockets are known by identity

    def session(self, session: str) -> Session | None:
        """The session, if it has tabs here."""
        return self._sessions.get(session)

    def users_tabs(self, user: str) -> list[Tab]:
        """The tabs in which this user is signed in."""
        return list(self._users.get(user, ()))

    def add(self, tab: Tab, caller: Caller) -> Session:
        """Put a tab under its session and user."""
        tab.caller = caller
        self._tabs[tab.peer] = tab
        session = self._sessions.get(caller.session)
        if session is None:
            session = self._sessions[caller.session] = Session(caller.session, self._rate)
        session.tabs.append(tab)
        tab.session = session
        if caller.user is not None:
            self._users.setdefault(caller.user, []).append(tab)
        return session

    def remove(self, tab: Tab) -> None:
        """Take a tab away; a session without tabs is forgotten."""
        caller = tab.caller
        self._tabs.pop(tab.peer, None)
        _discard(self._users, caller.user, tab)
        session = self._sessions.get(caller.session)
        if session is not None and tab in session.tabs:
            session.tabs.remove(tab)
            if not session.tabs:
                del self._sessions[caller.session]
        tab.caller, tab.session = NOBODY, None
        tab.greeted = False


def _discard(tabs: dict[str, list[Tab]], key: str | None, tab: Tab) -> None:
    if key is None or tab not in tabs.get(key, ()):
        return
    tabs[key].remove(tab)
    if not tabs[key]:
        del tabs[key]
