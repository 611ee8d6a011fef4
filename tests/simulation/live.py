"""What a simulated Redis has of one resource and of one session, and one script's turn at it.

This is issue 1's model one floor lower: not what a buyer sees, but what each script does, with its versions,
its epochs, its memory of ops and all that it publishes. test_live.py runs it beside the real Lua.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

TOMBSTONE = 600_000
AFTER = 600_000
REMEMBERED = 86_400_000
AWAITED = 5_000

Hold = dict[str, Any]
Content = dict[str, Any]

Outcome = bytes | Callable[[], bytes]
"""An answer, or what makes it once all is written."""

_encode = msgspec.msgpack.encode


@dataclass
class Slot:
    """Places of one slot; what nobody has always follows from the other three."""

    held: int
    booked: int
    capacity: int

    @property
    def available(self) -> int:
        return max(0, self.capacity - self.held - self.booked)


@dataclass
class Meta:
    """A resource as a whole; without an epoch it is unknown."""

    epoch: str | None = None
    version: int = 0
    told: int = 0
    longest: int = 0
    layout: int = 0
    width: int = 1
    currency: str = ""
    run_id: str = ""


@dataclass
class Live:
    """One resource. Holds map to their content and to when they are forgotten (None: never)."""

    meta: Meta = field(default_factory=Meta)
    slots: list[Slot] = field(default_factory=list)
    prices: list[int] = field(default_factory=list)
    holds: dict[str, tuple[Hold, int | None]] = field(default_factory=dict)
    sessions: dict[str, dict[str, None]] = field(default_factory=dict)
    deadlines: dict[str, int] = field(default_factory=dict)
    paying: dict[str, int] = field(default_factory=dict)
    live: dict[str, dict[str, int]] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    ops: dict[str, tuple[Content, int]] = field(default_factory=dict)
    unbooked: dict[str, tuple[str, int]] = field(default_factory=dict)
    log: list[tuple[int, int, list[int]]] = field(default_factory=list)
    loading: tuple[str, int] | None = None
    unfinished: Content | None = None

    def lease(self, now: int) -> str | None:
        """Whose the right to rebuild it is."""
        return self.loading[0] if self.loading is not None and self.loading[1] > now else None

    def is_builder(self, token: str, now: int) -> bool:
        """lib/rebuilding.lua."""
        begun = self.unfinished is not None and self.unfinished["token"] == token
        return begun and self.lease(now) in (None, token)

    def read(self, hold: str, now: int) -> Hold | None:
        """A hold as it stands, ended ones too while they are remembered."""
        found, until = self.holds.get(hold, (None, None))
        return None if found is None or (until is not None and until <= now) else found


@dataclass
class Session:
    """A session's own index: entries are hold → (reference, resource, written at)."""

    cart: Content | None = None
    entries: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    ended: dict[str, tuple[str, int]] = field(default_factory=dict)


class Turn:
    """One run of one script: what lua/lib has, under the same names."""

    def __init__(self, name: str, resource: str, live: Live, given: Content, micros: int) -> None:
        self.name = name
        self.resource = resource
        self.live = live
        self.meta = live.meta
        self.given = given
        self.micros = micros
        self.now = micros // 1000
        self.step = 0
        self.events: list[Content] = []
        self.touched: set[int] = set()
        self.published: list[tuple[str, bytes]] = []
        self.joined: Content | None = None

    def said(self, outcome: "Outcome") -> bytes:
        return outcome if isinstance(outcome, bytes) else outcome()

    def answer(self, content: Content) -> bytes:
        content["now"], content["joined"] = self.now, self.joined
        return _encode(content)

    # records

    def change(self, index: int, held: int, booked: int) -> None:
        slot = self.live.slots[index]
        slot.held += held
        slot.booked += booked
        self.touched.add(index)

    def has_room(self, index: int, quantity: int) -> bool:
        slot = self.live.slots[index]
        return slot.capacity - slot.held - slot.booked >= quantity

    # commit

    def tell(self, hold: Hold, reason: str) -> None:
        self.events.append({"hold": hold, "reason": reason, "step": self.step})

    def _next_version(self) -> int:
        return max(self.meta.version + 1, self.meta.told + 1, self.micros) + self.step

    def version_at(self, at: int | None = None) -> int:
        return self.meta.version - (0 if at is None else self.step - at)

    def publish_change(self, start: int, changes: list[int] | None) -> None:
        content = [self.meta.epoch, start, self.meta.version, changes]
        self.published.append((f"holdfast:{{{self.resource}}}:changes", _encode(content)))

    def publish_events(self) -> None:
        if self.events:
            last = max(self.meta.version, self.meta.told) - self.step
            told = [
                {
                    "hold": event["hold"],
                    "reason": event["reason"],
                    "epoch": self.meta.epoch,
                    "version": last + event["step"],
                }
                for event in self.events
            ]
            self.published.append(("holdfast:sessions", _encode(told)))

    def commit_reset(self) -> None:
        start, self.meta.version = self.meta.version, self._next_version()
        self.live.log.clear()
        self.publish_change(start, None)
        self.publish_events()

    def commit(self) -> None:
        if self.touched:
            flat: list[int] = []
            for index in sorted(self.touched):
                slot = self.live.slots[index]
                flat += (index, slot.available, slot.held)
            start, self.meta.version = self.meta.version, self._next_version()
            self.live.log.append((self.meta.version, start, flat))
            self.publish_change(start, flat)
        elif self.events:
            self.meta.told = self._next_version()
        self.publish_events()

    # holds and keep

    def read(self, hold: str) -> Hold | None:
        """As Lua unpacks it: a copy, until it is kept."""
        found = self.live.read(hold, self.now)
        return None if found is None else dict(found)

    def is_live(self, hold: Hold | None) -> bool:
        if hold is None:
            return False
        return hold["status"] == "paying" or bool(hold["status"] == "held" and hold["expires_at"] > self.now)

    def holds_of(self, session: str) -> list[Hold]:
        found = [self.read(each) for each in self.live.sessions.get(session, ())]
        return by_age([hold for hold in found if hold is not None and self.is_live(hold)])

    def keep(self, hold: Hold) -> None:
        live = self.live
        stands, leaves = live.deadlines, live.paying
        if hold["status"] == "paying":
            stands, leaves = leaves, stands
            hold.pop("put_off", None)
            hold.pop("awaits", None)
        live.holds[hold["id"]] = (dict(hold), None)
        stands[hold["id"]] = hold["expires_at"]
        leaves.pop(hold["id"], None)
        live.sessions.setdefault(hold["session"], {})[hold["id"]] = None

    def put_off(self, hold: Hold, moment: int) -> None:
        hold.update(put_off=True, expires_at=moment)
        self.keep(hold)
        self.tell(hold, "")

    def waits_for_word(self, hold: Hold) -> bool:
        """lib/rebuilding.lua."""
        unfinished = self.live.unfinished
        if unfinished is None or hold["status"] != "held":
            return False
        return bool(hold.get("awaits", 0) > unfinished["since"])

    def forget_liveness(self, session: str) -> None:
        self.live.live.pop(session, None)
        self.live.lives.pop(session, None)

    def bury(self, hold: Hold, status: str, reason: str) -> None:
        live, session = self.live, hold["session"]
        live.deadlines.pop(hold["id"], None)
        live.paying.pop(hold["id"], None)
        members = live.sessions.get(session, {})
        members.pop(hold["id"], None)
        if not members:
            live.sessions.pop(session, None)
            self.forget_liveness(session)
        hold["status"] = status
        live.holds[hold["id"]] = (dict(hold), self.now + TOMBSTONE)
        self.tell(hold, reason)

    def finish(self, hold: Hold, status: str, reason: str) -> None:
        for index, quantity, *_ in hold["items"]:
            self.change(index, -quantity, quantity if status == "confirmed" else 0)
        self.bury(hold, status, reason)

    # live

    def weigh_liveness(self, session: str) -> None:
        fields = self.live.live.get(session)
        if fields:
            self.live.lives[session] = max(fields.values())
        else:
            self.live.lives.pop(session, None)

    def set_liveness(self, session: str, name: str, until: int) -> None:
        self.live.live.setdefault(session, {})[name] = until

    def stays_alive_until(self, session: str, moment: int) -> None:
        if self.live.lives.get(session, moment) < moment:
            self.set_liveness(session, "booking", moment)
            self.weigh_liveness(session)

    def take_back_leave(self, session: str) -> None:
        fields = self.live.live.get(session)
        if fields is not None and fields.pop("leave", None) is not None:
            if not fields:
                del self.live.live[session]
            self.weigh_liveness(session)

    # ops

    def remembered(self, command: str) -> bytes | None:
        op = self.given.get("op")
        first, until = self.live.ops.get(f"{self.given.get('session')}:{op}", (None, 0))
        if op is None or first is None or until <= self.now:
            return None
        if first["command"] != command:
            return self.answer({"status": "op_reused"})
        return self.answer({**first, "replayed": True})

    def remember(self, command: str, content: Content, live_until: int) -> bytes:
        op = self.given.get("op")
        if op is not None:
            first = msgspec.msgpack.decode(_encode({**content, "command": command}))
            until = self.now + max(0, live_until - self.now) + AFTER
            self.live.ops[f"{self.given['session']}:{op}"] = (first, until)
        return self.answer(content)

    # due

    def end_by_deadline(self, limit: int, reference: str | None) -> int:
        due = sorted((at, each) for each, at in self.live.deadlines.items() if at <= self.now)
        ended = 0
        for _, each in due[:limit]:
            hold = self.read(each)
            assert hold is not None, "what stands has no end yet"
            if reference is None or hold["reference"] == reference:
                if self.waits_for_word(hold):
                    self.put_off(hold, self.now + AWAITED)
                else:
                    self.finish(hold, "expired", "deadline")
                ended += 1
        return ended

    def _end_session(self, session: str, reference: str | None) -> int:
        ended = 0
        for hold in self.holds_of(session):
            if self.waits_for_word(hold):
                self.set_liveness(session, "booking", self.now + AWAITED)
                self.weigh_liveness(session)
                return 0
        for hold in self.holds_of(session):
            if hold["status"] == "held" and (reference is None or hold["reference"] == reference):
                self.finish(hold, "released", "left")
                ended += 1
        if reference is None:
            self.forget_liveness(session)
        return ended

    def end_by_liveness(self, limit: int, reference: str | None) -> int:
        due = sorted((at, each) for each, at in self.live.lives.items() if at <= self.now)
        ended = 0
        for _, session in due[:limit]:
            if ended >= limit:
                break
            ended += max(1, self._end_session(session, reference))
        return ended

    def end_due(self, limit: int, liveness: bool, reference: str | None) -> int:
        ended = self.end_by_deadline(limit, reference)
        if liveness and ended < limit:
            ended += self.end_by_liveness(limit - ended, reference)
        return ended

    def end_all_due(self, liveness: bool) -> bool:
        ended = 0
        while batch := self.end_due(1000, liveness, None):
            ended += batch
        return ended > 0

    # cart

    def note_length(self, length: int) -> None:
        self.meta.longest = max(self.meta.longest, length)

    def given_deadline(self) -> int:
        expires_at = self.given.get("expires_at")
        if expires_at is None:
            return self.shared_deadline(self.given["first_hold_at"])
        self.note_length(expires_at - self.now)
        return int(expires_at)

    def shared_deadline(self, first_hold_at: int) -> int:
        self.note_length(self.given["hold_ms"])
        return int(min(self.now + self.given["hold_ms"], first_hold_at + self.given["max_ms"]))

    def move(
        self, hold: Hold, expires_at: int, reference: str | None = None, first_hold_at: int | None = None
    ) -> None:
        if not hold.get("put_off") or expires_at > hold["expires_at"]:
            hold["expires_at"] = expires_at
            hold.pop("put_off", None)
        hold["reference"] = reference or hold["reference"]
        hold["first_hold_at"] = first_hold_at or hold["first_hold_at"]
        self.keep(hold)
        self.tell(hold, "")


def by_age(holds: list[Hold]) -> list[Hold]:
    return sorted(holds, key=lambda hold: (hold["created_at"], hold["id"]))


def in_cart(holds: list[Hold]) -> list[Hold]:
    return [hold for hold in holds if hold["status"] == "held"]
