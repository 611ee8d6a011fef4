"""Whose sockets this process has, and in which resources those sessions hold anything. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Session:
    sockets: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)


class Attendance:
    """Sessions with a socket here that has neither left nor closed; until `forget`, those that had one."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def enter(self, session: str, socket_id: str) -> None:
        """A socket of the session is open here."""
        self._sessions.setdefault(session, _Session()).sockets.add(socket_id)

    def leave(self, session: str, socket_id: str) -> bool:
        """A socket has left or closed; True if it was the session's last one here."""
        known = self._sessions.get(session)
        if known is None or socket_id not in known.sockets:
            return False
        known.sockets.discard(socket_id)
        return not known.sockets

    def is_here(self, session: str) -> bool:
        """Whether a socket here keeps the session alive."""
        known = self._sessions.get(session)
        return known is not None and bool(known.sockets)

    def forget(self, session: str) -> None:
        """Drop a session, unless it has come back."""
        if not self.is_here(session):
            self._sessions.pop(session, None)

    def learn(self, session: str, resources: Iterable[str]) -> bool:
        """A session holds something in these resources; True if it is alive here and that is new."""
        known = self._sessions.get(session)
        if known is None:
            return False
        new = set(resources) - known.resources
        known.resources |= new
        return bool(new and known.sockets)

    def sessions(self) -> list[str]:
        """Those alive here."""
        return [session for session, known in self._sessions.items() if known.sockets]

    def resources_of(self, session: str) -> set[str]:
        """Where the session holds something, or did since it came."""
        known = self._sessions.get(session)
        return set() if known is None else set(known.resources)
