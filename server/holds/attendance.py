"""Whose sockets this process has, and what those sessions hold, as far as it has heard. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.holds.rules import Hold


@dataclass(slots=True)
class _Session:
    sockets: set[str] = field(default_factory=set)
    holds: dict[str, Hold] = field(default_factory=dict)
    resources: set[str] = field(default_factory=set)


class Attendance:
    """Sessions with a socket here that has neither left nor closed; until `forget`, those that had."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def enter(self, session: str, socket: str) -> None:
        """A socket of the session is open here."""
        self._sessions.setdefault(session, _Session()).sockets.add(socket)

    def leave(self, session: str, socket: str) -> bool:
        """A socket has left or closed; True if it was the session's last one here."""
        known = self._sessions.get(session)
        if known is None or socket not in known.sockets:
            return False
        known.sockets.discard(socket)
        return not known.sockets

    def is_here(self, session: str) -> bool:
        """Whether a socket here keeps the session alive."""
        known = self._sessions.get(session)
        return known is not None and bool(known.sockets)

    def forget(self, session: str) -> None:
        """Drop a session that has no socket here any more."""
        if not self.is_here(session):
            self._sessions.pop(session, None)

    def learn(self, session: str, holds: Iterable[Hold], resources: Iterable[str]) -> None:
        """What a session was found to hold, and where."""
        known = self._sessions.get(session)
        if known is not None:
            known.holds.update((hold.id, hold) for hold in holds)
            known.resources.update(resources)

    def hear(self, hold: Hold) -> bool:
        """A hold has changed; True if its session is alive here and now holds in a resource new to it."""
        known = self._sessions.get(hold.session)
        if known is None:
            return False
        if hold.status not in {"held", "paying"}:
            known.holds.pop(hold.id, None)
            return False
        known.holds[hold.id] = hold
        is_new = hold.resource not in known.resources
        known.resources.add(hold.resource)
        return is_new and bool(known.sockets)

    def lose(self, hold: Hold) -> None:
        """A hold is no more."""
        known = self._sessions.get(hold.session)
        if known is not None:
            known.holds.pop(hold.id, None)

    def part(self, sessions: Iterable[str], resource: str) -> None:
        """These sessions hold nothing in the resource any more."""
        for session in sessions:
            known = self._sessions.get(session)
            if known is not None and all(hold.resource != resource for hold in known.holds.values()):
                known.resources.discard(resource)

    def sessions(self) -> list[str]:
        """Those alive here."""
        return [session for session, known in self._sessions.items() if known.sockets]

    def resources_of(self, session: str) -> set[str]:
        """Where the session holds something."""
        known = self._sessions.get(session)
        return set() if known is None else set(known.resources)

    def holds_in(self, resource: str) -> list[Hold]:
        """What the sessions alive here hold in one resource."""
        return [
            hold
            for known in self._sessions.values()
            if known.sockets
            for hold in known.holds.values()
            if hold.resource == resource
        ]
