"""One resource's channel in this process: its replica, and its followers grouped by what they see of it.

All followers of a group share frames, encoded once for each variant in use. A follower's `version` is the
last position it was sent. Whoever stands at or after the group's `base` takes the next shared frame; who
lags behind is caught up alone, by one merged delta that others at the same version share, or by a snapshot.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from channels.codec import Codec, Frame, frame
from channels.protocol import ServerMessage
from channels.recent import Recent
from channels.replica import Position, Replica, State
from channels.source import Subscriber
from channels.views import Sections, View, ViewKey, view_of

if TYPE_CHECKING:
    from collections.abc import Callable

UNSYNCED = -1
"""The version of a follower that needs a snapshot."""

GONE = 1 << 63
"""The version of one that follows no longer: nothing is ever sent to it."""

SNAPSHOT_SECONDS = 1.0
"""How old the snapshot may be that joiners share; one delta follows it."""


FAR_SLOTS = 5_000
"""One that lags by more slots than these, and than an eighth of all, is better off with a snapshot."""


class Frames(dict[Codec, Frame]):
    """One message's frames, each encoded when its first reader asks."""

    def __init__(self, message: ServerMessage) -> None:
        super().__init__()
        self._message = message

    def __missing__(self, codec: Codec) -> Frame:
        self[codec] = made = frame(self._message, codec)
        return made


class Variant(NamedTuple):
    """What a subscriber takes of a message: whole frames for its transport if it is `direct`."""

    codec: Codec
    deflates: bool
    direct: bool

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Variant":
        """How this subscriber takes frames."""
        return _variant(subscriber.codec, subscriber.deflates, subscriber.write is not None)

    def parcel(self, frames: Frames) -> Any:
        """What is given to `Subscription.send`, the same for all of this variant."""
        made = frames[self.codec]
        if not self.direct:
            return made
        return made.deflated_wire if self.deflates else made.wire


_variant = cache(Variant)


class Subscription:
    """One subscriber's following of one channel; `fresh` until its first frame.

    `send` takes its variant's parcel, without a call in between: this is where fan-out spends its time.
    """

    __slots__ = ("fresh", "group", "send", "subscriber", "variant", "version")

    def __init__(self, subscriber: Subscriber, group: "Group", version: int) -> None:
        self.subscriber = subscriber
        self.group = group
        self.version = version
        self.fresh = True
        self.variant = Variant.of(subscriber)
        self.send: Callable[[Any], object] = subscriber.write or subscriber.push

    @property
    def lags(self) -> bool:
        """Whether the next shared frame is not for it: it must be caught up first."""
        return self.fresh or self.version < self.group.base


@dataclass(eq=False)
class Broadcast:
    """One shared message, for whoever stands in [start, last]; it brings them to `to`."""

    frames: Frames
    start: int
    last: int
    to: int


class Group:
    """The followers of a channel with one view.

    `base` is the version from which the next shared frame leads on. `scanned` is the version up to which the
    replica's changes were looked through; between the two nothing touched the view.
    """

    def __init__(self, name: str, view: View, recent: Recent, now: float) -> None:
        self.name = name
        self.lanes: dict[Variant, dict[Subscriber, Subscription]] = {}
        self.rebase(view, recent, now)

    def rebase(self, view: View, recent: Recent, now: float) -> None:
        """Start anew on another replica: every follower needs a snapshot."""
        self.view = view
        self.recent = recent
        self.replica = recent.replica
        self.base = self.scanned = self.replica.version
        self.sent_at = now
        self._snapshot: tuple[int, float, Frames] | None = None
        self._catch_ups: dict[int, tuple[Frames, int]] = {}
        for members in self.lanes.values():
            for subscription in members.values():
                subscription.version = UNSYNCED

    def join(self, subscription: Subscription) -> None:
        """One follower more."""
        self.lanes.setdefault(subscription.variant, {})[subscription.subscriber] = subscription

    def leave(self, subscription: Subscription) -> None:
        """One follower less."""
        members = self.lanes.get(subscription.variant, {})
        members.pop(subscription.subscriber, None)
        if not members:
            self.lanes.pop(subscription.variant, None)

    def news(self, now: float) -> Broadcast | None:
        """What happened since this was last asked, as one message."""
        to = self.replica.version
        if to == self.scanned:
            return None
        changed = self.recent.since(self.scanned)
        message = self.view.delta(self.name, self.replica, self.base, changed)
        self.scanned = to
        return None if message is None else self._broadcast(message, to - 1, now)

    def repeat(self, now: float) -> Broadcast:
        """The position, said again; only when there is no news."""
        message = self.view.repeat(self.name, self.replica, self.base)
        return self._broadcast(message, self.scanned, now)

    def _broadcast(self, message: ServerMessage, last: int, now: float) -> Broadcast:
        broadcast = Broadcast(Frames(message), start=self.base, last=last, to=self.scanned)
        self.base = self.scanned
        self.sent_at = now
        self._catch_ups = {}
        return broadcast

    def catch_up(self, version: int, now: float, *, resumes: bool = False) -> tuple[Frames, int]:
        """What brings one at `version` nearer, and where it then stands; who resumes is promised a delta.

        Until the next broadcast all at the same version share it, wherever the replica has gone meanwhile.
        """
        if version < self.replica.history.floor or (not resumes and self._is_far(version)):
            frames, to = self._shared_snapshot(now)
            if to > version:
                return frames, to
        caught_up = self._catch_ups.get(version)
        if caught_up is None:
            message = self.view.delta(self.name, self.replica, version, self.recent.since(version))
            message = message or self.view.repeat(self.name, self.replica, version)
            caught_up = self._catch_ups[version] = Frames(message), self.replica.version
        return caught_up

    def _is_far(self, version: int) -> bool:
        return self.replica.history.exceeds(version, max(FAR_SLOTS, self.replica.count // 8))

    def _shared_snapshot(self, now: float) -> tuple[Frames, int]:
        version, kept = self.replica.version, self._snapshot
        if kept is None or (kept[0] != version and now - kept[1] > SNAPSHOT_SECONDS):
            frames = Frames(self.view.snapshot(self.name, self.replica))
            self._snapshot = kept = (version, now, frames)
        return kept[2], kept[0]


@dataclass(eq=False)
class Channel:
    """A followed resource. `awaited` counts those about to follow; `failed` means it may not be true."""

    resource_id: str
    idle_since: float
    replica: Replica | None = None
    sections: Sections | None = None
    groups: dict[ViewKey, Group] = field(default_factory=dict)
    awaited: int = 0
    failed: bool = False
    _recent: Recent | None = None

    @property
    def name(self) -> str:
        """What clients call it."""
        return f"availability:{self.resource_id}"

    @property
    def current(self) -> Replica:
        """The replica of a loaded channel."""
        assert self.replica is not None
        return self.replica

    @property
    def position(self) -> Position:
        """Where a loaded channel stands."""
        return self.current.epoch, self.current.version

    @property
    def followed(self) -> bool:
        """Whether anyone follows or is about to."""
        return bool(self.groups) or self.awaited > 0

    def group(self, key: ViewKey, now: float) -> Group:
        """The group of this view, made for its first follower."""
        group = self.groups.get(key)
        if group is None:
            view = view_of(key, self.sections)
            group = self.groups[key] = Group(self.name, view, self._current_recent(), now)
        return group

    def _current_recent(self) -> Recent:
        if self._recent is None or self._recent.replica is not self.current:
            self._recent = Recent(self.current)
        return self._recent

    def resume(self, position: Position | None) -> int:
        """The version a follower goes on from: its position's, if the resource was ever there."""
        if position is None or position[0] != self.current.epoch:
            return UNSYNCED
        return position[1] if self.current.history.knows(position[1]) else UNSYNCED

    def replace(self, state: State, sections: Sections | None, now: float) -> None:
        """Another epoch, layout or past: everyone gets a snapshot."""
        self.replica = Replica(state, now)
        self.sections = sections
        for key, group in self.groups.items():
            group.rebase(view_of(key, sections), self._current_recent(), now)

    def leave(self, subscription: Subscription, now: float) -> None:
        """One follower less."""
        group = subscription.group
        subscription.version = GONE
        subscription.fresh = False
        group.leave(subscription)
        if not group.lanes:
            self.groups.pop(group.view.key, None)
        self.idle_since = now
