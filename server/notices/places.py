"""Whose messages are on their way, so that nobody's take all the places of a channel. Pure.

Users choose what their addresses are and how long these take to answer: the rest of theirs waits in
PostgreSQL, where it is in nobody's way.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

OF_ONE_ADDRESS: Final = 2
OF_ONE_USER: Final = 4  # who may have ten endpoints


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that is due, and whose it is; `user` None is nobody's."""

    id: UUID
    address: str
    user: str | None


class Places:
    """The messages of one channel that are on their way, `room` at most."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._addresses: Counter[str] = Counter()
        self._users: Counter[str] = Counter()

    def choose(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that may go out now, in order; each has its place from then on, until it leaves."""
        return [each for each in candidates if self._enter(each)]

    def leave(self, candidate: Candidate) -> None:
        """It is done with."""
        self.room += 1
        self._addresses -= Counter([candidate.address])  # keeps nobody who has none
        self._users -= Counter([candidate.user] if candidate.user is not None else ())

    @property
    def full_addresses(self) -> list[str]:
        """Those that have to wait for their own."""
        return [name for name, count in self._addresses.items() if count >= OF_ONE_ADDRESS]

    @property
    def full_users(self) -> list[str]:
        """Those that have to wait for their own."""
        return [name for name, count in self._users.items() if count >= OF_ONE_USER]

    def _enter(self, candidate: Candidate) -> bool:
        user = candidate.user
        if self.room == 0 or self._addresses[candidate.address] >= OF_ONE_ADDRESS:
            return False
        if user is not None and self._users[user] >= OF_ONE_USER:
            return False
        self.room -= 1
        self._addresses[candidate.address] += 1
        if user is not None:
            self._users[user] += 1
        return True
