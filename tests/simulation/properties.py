"""What must be true after every step, and what once all is quiet. Times in ms of Redis' clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.live import Live, Turn

LATE_MS = 1_300
"""A second, as promised, and what the simulated network takes of the next at its worst."""


class Broken(AssertionError):
    """A property does not hold."""


@dataclass
class Seen:
    """What was last published of a resource, step by step: a replica that misses nothing."""

    epoch: str | None = None
    version: int = 0
    places: dict[int, tuple[int, int]] = field(default_factory=dict)


class LiveProperties:
    """I2, I3, I6, I7 and I10 at the live state: hears each script's turn as it ends.

    `is_here` says whether a session has had a socket for a while, on a process that does its part.
    """

    def __init__(self, is_here: Callable[[str], bool]) -> None:
        self._is_here = is_here
        self._behind: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._holds: dict[tuple[str, str], tuple[str, int]] = {}
        self._held_since: dict[tuple[str, str], int] = {}

    def forget(self, *, behind: Iterable[str] = ()) -> None:
        """Redis is another one, and what was seen of it before is nothing to compare with.

        Of resources that it has as they were a while ago nothing is asked until they are built anew: what
        bookings did meanwhile it counts wrongly, and PostgreSQL decides.
        """
        self._seen.clear()
        self._holds.clear()
        self._held_since.clear()
        self._behind = set(behind)

    def after(self, turn: Turn) -> None:
        """One script has run."""
        if turn.name == "load":
            self._behind.discard(turn.resource)
        if turn.resource in self._behind:
            return
        if turn.live.meta.epoch is not None:
            self._places_add_up(turn.resource, turn.live)
            self._replica_follows(turn)
        for event in turn.events:
            self._ends_rightly(turn, event["hold"], event["reason"])
        if turn.name == "load":  # what is paid for stands as PostgreSQL says, and nobody is told of that
            for name in turn.live.paying:
                hold = turn.live.holds[name][0]
                self._holds[turn.resource, name] = (hold["status"], hold["expires_at"])

    @staticmethod
    def _places_add_up(resource: str, live: Live) -> None:
        held: dict[int, int] = {}
        for name in (*live.deadlines, *live.paying):
            for index, quantity, *_ in live.holds[name][0]["items"]:
                held[index] = held.get(index, 0) + quantity
        for index, slot in enumerate(live.slots):
            if slot.held + slot.booked > slot.capacity or slot.held < 0 or slot.booked < 0:
                raise Broken(f"I2: {resource} {index} has {slot}")
            if slot.held != held.get(index, 0):
                raise Broken(f"I2: {resource} {index} has {slot}, its holds {held.get(index, 0)}")

    def _replica_follows(self, turn: Turn) -> None:
        """Old snapshot + deltas = fresh snapshot; versions rise."""
        live, meta = turn.live, turn.live.meta
        fresh = {index: (slot.available, slot.held) for index, slot in enumerate(live.slots)}
        seen = self._seen.setdefault(turn.resource, Seen())
        if seen.epoch != meta.epoch:
            self._seen[turn.resource] = Seen(meta.epoch, meta.version, fresh)
            return
        if meta.version < seen.version:
            raise Broken(f"I10: {turn.resource} went from version {seen.version} to {meta.version}")
        if meta.version > seen.version:
            version, start, flat = live.log[-1]
            if (version, start) != (meta.version, seen.version):
                raise Broken(f"I10: the log of {turn.resource} has a gap before {meta.version}")
            for at in range(0, len(flat), 3):
                seen.places[flat[at]] = (flat[at + 1], flat[at + 2])
            seen.version = version
        if seen.places != fresh:
            raise Broken(f"I10: {turn.name} on {turn.resource} changed more than it published")

    def _ends_rightly(self, turn: Turn, hold: dict[str, Any], reason: str) -> None:
        key = (turn.resource, hold["id"])
        before, deadline = self._holds.get(key, ("", 0))
        if reason == "left" and before == "paying":
            raise Broken(f"I6: {key} was being paid for, and ended because its buyer had left")
        if reason == "left" and self._is_here(hold["session"]):
            raise Broken(f"I7: {key} ended because its buyer had left, who is still there")
        if reason == "deadline" and turn.name == "expire" and (before == "paying" or deadline > turn.now):
            raise Broken(f"I3: {key} was {before} until {deadline} and ended at {turn.now}")
        if before in ("confirmed", "released", "expired") and hold["status"] != "paying":
            raise Broken(f"{key} was {before} and is {hold['status']} by {turn.name}")
        if hold["status"] == "held" and before != "held":
            self._held_since[key] = turn.now
        self._holds[key] = (hold["status"], hold["expires_at"])

    def deadlines_are_kept(self, resources: dict[str, Live], now: int, *, served_since: int) -> None:
        """I3: whoever was there to end it has ended it by a second after its deadline.

        What a booking gives back behind its deadline is to end by a second after that.
        """
        for name, live in resources.items():
            for hold, deadline in live.deadlines.items():
                since = self._held_since.get((name, hold), 0)
                if now > max(deadline, since, served_since) + LATE_MS:
                    raise Broken(f"I3: {name} {hold} was to end at {deadline}, it is {now}")
