"""One resource's channel in this process: its replica, and its followers grouped by what they see of it.

All followers of a group share frames, encoded once for each codec in use. A follower's `version` is the
last position it was sent. Whoever stands at or after the group's `base` takes the next shared frame; who
lags behind is caught up alone, by one merged delta that others at the same version share, or by a snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from channels.codec import Codec, Frame, frame
from channels.protocol import ServerMessage
from channels.replica import Replica, State
from channels.source import Subscriber
from channels.views import Sections, View, ViewKey, view_of

UNSYNCED = -1
"""The version of a follower that needs a snapshot."""

GONE = 1 << 63
"""The version of one that follows no longer: nothing is ever sent to it."""

SNAPSHOT_SECONDS = 1.0
"""How old the snapshot may be that joiners share; one delta follows it."""


class Frames(dict[Codec, Frame]):
    """One message's frames, each encoded when its first reader asks."""

    def __init__(self, message: ServerMessage) -> None:
        super().__init__()
        self._message = message

    def __missing__(self, codec: Codec) -> Frame:
        self[codec] = made = frame(self._message, codec)
        return made


class Subscription:
    """One subscriber's following of one channel; `fresh` until its first frame."""

    __slots__ = ("fresh", "group", "subscriber", "version")

    def __init__(self, subscriber: Subscriber, group: "Group", version: int) -> None:
        self.subscriber = subscriber
        self.group = group
        self.version = version
        self.fresh = True

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
    """The followers of a channel with one view. Up to `scanned` nothing touched the view since `base`."""

    def __init__(self, name: str, view: View, replica: Replica, now: float) -> None:
        self.name = name
        self.members: dict[Subscriber, Subscription] = {}
        self.rebase(view, replica, now)

    def rebase(self, view: View, replica: Replica, now: float) -> None:
        """Start anew on another replica: every follower needs a snapshot."""
        self.view = view
        self.replica = replica
        self.base = self.scanned = replica.version
        self.sent_at = now
        self._snapshot: tuple[int, float, Frames] | None = None
        self._catch_ups: dict[int, Frames] = {}
        self._catch_ups_to = UNSYNCED
        for subscription in self.members.values():
            subscription.version = UNSYNCED

    def news(self, since: Callable[[int], list[int]], now: float) -> Broadcast | None:
        """What happened since this was last asked, as one message; `since(version)` gives what changed."""
        to = self.replica.version
        if to == self.scanned:
            return None
        message = self.view.delta(self.name, self.replica, self.base, since(self.scanned))
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
        return broadcast

    def catch_up(self, version: int, now: float) -> tuple[Frames, int]:
        """What brings one at `version` nearer, and where it then stands."""
        if version < self.replica.history.floor:
            return self._shared_snapshot(now)
        to = self.replica.version
        if to != self._catch_ups_to:
            self._catch_ups = {}
            self._catch_ups_to = to
        frames = self._catch_ups.get(version)
        if frames is None:
            frames = self._catch_ups[version] = Frames(self._merged(version))
        return frames, to

    def _merged(self, version: int) -> ServerMessage:
        replica = self.replica
        message = self.view.delta(self.name, replica, version, replica.since(version))
        return message or self.view.repeat(self.name, replica, version)

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
    _merged: dict[int, list[int]] = field(default_factory=dict)
    _merged_at: tuple[Replica, int] | None = None

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
    def position(self) -> tuple[str, int]:
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
            group = self.groups[key] = Group(self.name, view, self.current, now)
        return group

    def since(self, version: int) -> list[int]:
        """What changed after `version`, merged once for all groups that ask at the same position."""
        at = (self.current, self.current.version)
        if at != self._merged_at:
            self._merged_at = at
            self._merged = {}
        if version not in self._merged:
            self._merged[version] = self.current.since(version)
        return self._merged[version]

    def resume(self, position: tuple[str, int] | None) -> int:
        """The version a follower goes on from: its position's, if the resource was ever there."""
        if position is None or position[0] != self.current.epoch:
            return UNSYNCED
        return position[1] if self.current.history.knows(position[1]) else UNSYNCED

    def replace(self, state: State, sections: Sections | None, now: float) -> None:
        """Another epoch, layout or past: everyone gets a snapshot."""
        self.replica = Replica(state, now)
        self.sections = sections
        for key, group in self.groups.items():
            group.rebase(view_of(key, sections), self.replica, now)

    def leave(self, subscription: Subscription, now: float) -> None:
        """One follower less."""
        group = subscription.group
        subscription.version = GONE
        group.members.pop(subscription.subscriber, None)
        if not group.members:
            self.groups.pop(group.view.key, None)
        self.idle_since = now
