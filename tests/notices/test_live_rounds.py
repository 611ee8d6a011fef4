"""What a round asks PostgreSQL for, and of whom it waits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from channels.protocol import NotificationsRead
from server.accounts.rules import Caller
from server.errors import Unavailable
from server.live import notices as live_notices
from server.live.notices import PAGE, LiveNotices
from server.live.table import Tab, Table
from server.notices.news import NoticeNews, _encoder
from server.notices.rules import Notice
from server.ops.limits import Rate


@dataclass(eq=False)
class Peer:
    """A socket that keeps what it is told."""

    ready: bool = True
    told: list[Any] = field(default_factory=list)

    def answer(self, message: Any) -> None:
        self.told.append(message)


@dataclass
class Kept:
    """Notices of olga's; `away` while PostgreSQL is."""

    count: int = 0
    asked: int = 0
    away: bool = False
    read: dict[str, list[UUID]] = field(default_factory=dict)

    async def latest(self) -> int:
        return self.count

    async def told_since(self, position: int) -> tuple[int, list[str]]:
        return self.count, ["olga"] if self.count > position else []

    async def unread_after(
        self, wanted: Sequence[tuple[str, int]], limit: int
    ) -> dict[tuple[str, int], list[Notice]]:
        self.asked += 1
        if self.away:
            raise Unavailable
        return {
            pair: [notice(place) for place in range(pair[1] + 1, self.count + 1)][:limit]
            for pair in wanted
            if pair[1] < self.count
        }

    async def read_lately(self, users: Sequence[str], limit: int) -> dict[str, list[UUID]]:
        return {user: ids[:limit] for user, ids in self.read.items() if user in users}


def notice(position: int) -> Notice:
    return Notice(
        id=UUID(int=position),
        position=position,
        user="olga",
        kind="booking_confirmed",
        title="",
        message="",
        data={},
        created_at=0,
    )


class Hall:
    """Olga's tabs."""

    def __init__(self, *, count: int = 0) -> None:
        self.table = Table(Rate(0, 1))
        self.kept = Kept(count)
        self.live = LiveNotices(self.table, self.kept)

    def opens(self, *, ready: bool = True) -> Peer:
        peer = Peer(ready)
        tab = Tab(peer)  # type: ignore[arg-type]  # as much of a socket as is needed
        self.table.add(tab, Caller(session=f"s{len(self.table.tabs)}", user="olga"))
        tab.greeted = True
        self.live.enter(tab)
        return peer


def positions(peer: Peer) -> list[int]:
    return [UUID(message.id).int for message in peer.told]


async def test_a_tab_that_does_not_read_is_asked_about_once_a_round() -> None:
    hall = Hall(count=2)
    quick, slow = hall.opens(), hall.opens(ready=False)
    assert await hall.live._round() == live_notices.SLOW_SECONDS
    assert (positions(quick), positions(slow)) == ([1, 2], [])
    before = hall.kept.asked
    assert await hall.live._round() == live_notices.SLOW_SECONDS
    assert hall.kept.asked == before + 1
    slow.ready = True
    assert await hall.live._round() == live_notices.LOOK_SECONDS
    assert positions(slow) == positions(quick) == [1, 2]


async def test_pages_follow_each_other_and_end() -> None:
    hall = Hall(count=2 * PAGE)
    peer = hall.opens()
    assert await hall.live._round() == live_notices.LOOK_SECONDS
    assert positions(peer) == list(range(1, 2 * PAGE + 1))
    asked = hall.kept.asked
    await hall.live._round()
    assert hall.kept.asked == asked


async def test_a_late_tab_starts_at_the_first_and_holds_nobody_up() -> None:
    hall = Hall(count=3)
    first = hall.opens()
    await hall.live._round()
    late = hall.opens()
    hall.kept.count = 4
    await hall.live._round()
    assert positions(first) == positions(late) == [1, 2, 3, 4]


async def test_while_postgresql_is_away_nobody_is_forgotten() -> None:
    hall = Hall(count=1)
    peer = hall.opens()
    hall.kept.away = True
    assert await hall.live._round() == live_notices.LOOK_SECONDS
    hall.kept.away = False
    await hall.live._round()
    assert positions(peer) == [1]


async def test_who_has_left_is_not_asked_about() -> None:
    hall = Hall(count=1)
    hall.opens()
    (tab,) = hall.table.tabs
    hall.live.leave(tab)
    hall.table.remove(tab)
    await hall.live._round()
    assert hall.kept.asked == 0


async def test_a_gap_brings_what_was_read_meanwhile() -> None:
    hall = Hall()
    peer = hall.opens()
    hall.kept.read = {"olga": [UUID(int=7)], "ben": [UUID(int=8)]}
    hall.live.may_have_missed()
    await hall.live._round()
    assert peer.told == [NotificationsRead(ids=(str(UUID(int=7)),))]
    hall.live.hear(_encoder.encode(NoticeNews(reader="olga", ids=("x",))))
    assert peer.told[-1] == NotificationsRead(ids=("x",))


async def test_many_tabs_are_told_in_batches(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_notices, "TABS_AT_ONCE", 1)
    hall = Hall(count=2)
    first = hall.opens()
    await hall.live._round()
    second = hall.opens()
    hall.kept.count = 3
    await hall.live._round()
    assert positions(first) == positions(second) == [1, 2, 3]
