"""Whose sockets this process has, and in which resources those sessions hold anything. No I/O."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(slots=True)
class _Session:
    """Most of ten thousand watch and hold nothing."""

    sockets: set[str]
    resources: frozenset[str] = frozenset()
    is_old: bool = False


class Attendance:
    """Sessions with a socket here that has neither left nor closed, and for a while those that had one.

    A hold that was on its way when the last socket closed is heard of only afterwards.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def enter(self, session: str, socket_id: str) -> None:
        """A socket of the session is open here."""
        known = self._sessions.get(session)
        if known is None:
            self._sessions[session] = _Session({socket_id})
        else:
            known.sockets.add(socket_id)

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

    def knows(self, session: str) -> bool:
        """Whether it has a socket here, or had one lately."""
        return session in self._sessions

    def note_grace(self, session: str, resource: str) -> None:
        """Redis has begun the session's grace in this resource: only a later hold there is told of again."""
        known = self._sessions.get(session)
        if known is not None and not known.sockets:
            known.resources -= {resource}

    def forget_old(self, *, spare: AbstractSet[str]) -> None:
        """Drop those gone at the last call already; of those to spare Redis is yet to be told."""
        for session, known in list(self._sessions.items()):
            if session in spare:
                continue
            if known.is_old and not known.sockets:
                del self._sessions[session]
            known.is_old = not known.sockets

    def learn(self, session: str, resources: Iterable[str]) -> bool:
        """A session holds something in these resources; True if Redis has to be told how alive it is."""
        known = self._sessions.get(session)
        if known is None:
            return False
        new = set(resources) - known.resources
        if new:  # most hold nothing, and share one empty set
            known.resources |= new
        return bool(new) or not known.sockets

    def sessions(self) -> list[str]:
        """Those alive here."""
        return [session for session, known in self._sessions.items() if known.sockets]

    def resources_of(self, session: str) -> set[str]:
        """Where the session holds something, or did since it came."""
        known = self._sessions.get(session)
        return set() if known is None else set(known.resources)
