"""The inventory over a real PostgreSQL: what is changed, what is remembered, and who is told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import msgspec
import pytest

from server.database.pool import Database
from server.errors import Conflict, InvalidFields, Unavailable, UnknownResource
from server.inventory import service, store
from server.inventory.listing import Wanted
from server.inventory.rules import (
    Category,
    HoldPolicy,
    Money,
    Resource,
    ResourceDraft,
    Slot,
    SlotDraft,
    block,
    lay_out,
    put_in,
)
from server.inventory.service import Edit, Inventory
from server.inventory.views import position_of
from tests.inventory.examples import EUR, draft, seat_draft
from tests.support.servers import PostgreSQL, freeze, thaw


class Redis:
    """Hears of changes, or is away."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hears = asyncio.Event()
        self.away = False

    async def __call__(self, resource_id: str) -> None:
        if self.away:
            raise Unavailable
        self.told.append(resource_id)
        self.hears.set()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Look:
    """A look at PostgreSQL that has read, and answers when it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_read, self.may_answer = asyncio.Event(), asyncio.Event()
        self._read = store.read_version
        monkeypatch.setattr(store, "read_version", self)

    async def __call__(self, database: Database, resource_id: str) -> str | None:
        version = await self._read(database, resource_id)
        self.has_read.set()
        await self.may_answer.wait()
        return version


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def inventory(database: Database, redis: Redis, clock: Clock) -> AsyncIterator[Inventory]:
    opened = Inventory(database, on_change=redis, clock=clock)
    yield opened
    await opened.close()


def becoming(**fields: Any) -> Edit:
    """An edit of the resource's own fields."""

    def edit(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        names = set(ResourceDraft.__struct_fields__) - {"slots"}
        standing = {name: getattr(resource, name) for name in names}
        return ResourceDraft(**{**standing, **fields}), slots

    return edit


def with_slots(*drafts: SlotDraft) -> Edit:
    """An edit that puts slots in."""

    def edit(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        head, _ = becoming()(resource, slots)
        return head, put_in(slots, drafts, currency=EUR)

    return edit


def without(*ids: str) -> Edit:
    """An edit that takes slots off sale."""

    def edit(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        head, _ = becoming()(resource, slots)
        return head, block(slots, ids)

    return edit


async def book(database: Database, index: int, taken: int = 1, resource_id: str = "hall") -> None:
    async with database.connection() as connection:
        await connection.execute(
            "update slot set taken = $3 where resource_id = $1 and index = $2", resource_id, index, taken
        )


async def test_what_is_created_is_there_in_full(inventory: Inventory) -> None:
    wanted = draft(
        seat_draft("A-1", section="Stalls", x=1.5, y=-2.25, accessible=True, category="Best"),
        seat_draft("A-2", capacity=3, blocked=True, starts_at="2026-12-24T17:00:00.000Z", ends_at=None),
        description="Ö",
        starts_at="2026-12-24T17:00:00.000Z",
        ends_at="2026-12-24T19:00:00.000Z",
        policy=HoldPolicy(hold_seconds=60),
        categories=(Category(name="Best", colour="#fff", price=Money(4500, EUR)),),
        plan={"size": {"width": 10.0}},
    )
    await inventory.create(wanted)
    loaded = await inventory.get("hall")
    assert loaded.slots == lay_out((), wanted.slots, currency=EUR)
    assert loaded.by_id == {"A-1": 0, "A-2": 1}
    assert [(each.start, each.length) for each in loaded.blocks] == [(0, 1)]
    for name in set(ResourceDraft.__struct_fields__) - {"slots"}:
        assert getattr(loaded.resource, name) == getattr(wanted, name), name
    assert loaded.resource.layout == 1
    assert loaded.resource.epoch


async def test_an_id_is_given_once(inventory: Inventory) -> None:
    await inventory.create(draft())
    with pytest.raises(Conflict, match="The id 'hall' is in use"):
        await inventory.create(draft())
    await inventory.delete("hall")
    with pytest.raises(Conflict, match="or was by a resource that is deleted"):
        await inventory.create(draft())


async def test_nothing_is_known_of_what_is_not_there(inventory: Inventory) -> None:
    with pytest.raises(UnknownResource):
        await inventory.get("hall")
    with pytest.raises(UnknownResource):
        await inventory.change("hall", becoming())
    with pytest.raises(UnknownResource):
        await inventory.delete("hall")
    assert not await inventory.exists("hall")


async def test_changed_slots_raise_the_layout_and_changed_words_do_not(inventory: Inventory) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    written = await inventory.change("hall", becoming(title="Summer Serenade"))
    assert (written.action, written.appended, written.changed) == ("changed", 0, 0)
    loaded = await inventory.get("hall")
    assert (loaded.resource.title, loaded.resource.layout) == ("Summer Serenade", 1)
    written = await inventory.change("hall", with_slots(seat_draft("A-1", price=1), seat_draft("A-2")))
    assert (written.action, written.appended, written.changed) == ("changed", 1, 1)
    loaded = await inventory.get("hall")
    assert loaded.resource.layout == 2
    assert [slot.price.amount for slot in loaded.slots] == [1, 4500]


async def test_a_change_of_nothing_changes_nothing_and_tells_nobody(
    inventory: Inventory, redis: Redis
) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    before = await inventory.get("hall")
    written = await inventory.change("hall", with_slots(seat_draft("A-1")))
    assert written.action == "unchanged"
    assert (await inventory.get("hall")).version == before.version == written.version
    assert redis.told == ["hall"]


async def test_a_dry_run_tells_what_it_would_do_and_does_nothing(inventory: Inventory, redis: Redis) -> None:
    assert (await inventory.create(draft(seat_draft("A-1")), dry_run=True)).appended == 1
    assert not await inventory.exists("hall")
    assert redis.told == []


async def test_capacity_never_falls_below_what_is_booked(inventory: Inventory, database: Database) -> None:
    await inventory.create(draft(seat_draft("tour", capacity=5)))
    await book(database, 0, taken=3)
    with pytest.raises(Conflict, match=r"tour \(3 of 2\)"):
        await inventory.change("hall", with_slots(seat_draft("tour", capacity=2)))
    await inventory.change("hall", with_slots(seat_draft("tour", capacity=3)))
    assert (await inventory.get("hall")).slots[0].capacity == 3


async def test_a_booked_slot_can_be_taken_off_sale(inventory: Inventory, database: Database) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    await book(database, 0)
    await inventory.change(
        "hall", lambda resource, slots: (becoming()(resource, slots)[0], block(slots, ["A-1"]))
    )
    assert (await inventory.get("hall")).slots[0].blocked


async def test_what_is_booked_keeps_its_currency(inventory: Inventory, database: Database) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    await inventory.change("hall", becoming(currency="usd"))
    await book(database, 0)
    with pytest.raises(Conflict, match="booked in 'usd'; the currency stays"):
        await inventory.change("hall", becoming(currency="gbp"))


async def test_a_kind_does_not_become_another(inventory: Inventory) -> None:
    await inventory.create(draft())
    with pytest.raises(Conflict, match="of seats does not become one of sessions"):
        await inventory.change("hall", becoming(kind="sessions"))


async def test_a_zone_that_postgresql_lacks_is_refused(inventory: Inventory) -> None:
    with pytest.raises(InvalidFields) as refused:
        await inventory.create(draft(time_zone="Nowhere/Else"))
    assert refused.value.errors
    assert refused.value.errors[0].field == "time_zone"
    await inventory.create(draft())
    with pytest.raises(InvalidFields):
        await inventory.change("hall", becoming(time_zone="Nowhere/Else"))


async def test_what_is_deleted_is_gone_unless_it_is_booked(
    inventory: Inventory, database: Database, redis: Redis
) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    await book(database, 0)
    with pytest.raises(Conflict, match="Something of it is booked"):
        await inventory.delete("hall")
    await book(database, 0, taken=0)
    await inventory.delete("hall")
    with pytest.raises(UnknownResource):
        await inventory.get("hall")
    assert redis.told == ["hall", "hall"]


async def test_changes_at_once_are_made_one_after_the_other(inventory: Inventory) -> None:
    await inventory.create(draft())
    await asyncio.gather(*(inventory.change("hall", with_slots(seat_draft(f"s{each}"))) for each in range(8)))
    loaded = await inventory.get("hall")
    assert [slot.index for slot in loaded.slots] == list(range(8))
    assert loaded.resource.layout == 9


async def test_many_slots_are_written_in_parts(inventory: Inventory) -> None:
    wanted = draft(*(seat_draft(f"s{each}") for each in range(store._AT_ONCE + 3)))
    await inventory.create(wanted)
    assert len((await inventory.get("hall")).slots) == store._AT_ONCE + 3


async def test_an_answer_is_remembered_for_a_second(
    inventory: Inventory, database: Database, clock: Clock
) -> None:
    await inventory.create(draft())
    await inventory.get("hall")
    await Inventory(database).change("hall", becoming(title="Other"))
    assert (await inventory.get("hall")).resource.title == "Winter Serenade"
    clock.now += service.FRESH_SECONDS
    assert (await inventory.get("hall")).resource.title == "Other"


async def test_a_newer_layout_is_fetched_at_once(inventory: Inventory, database: Database) -> None:
    await inventory.create(draft())
    await inventory.get("hall")
    await Inventory(database).change("hall", with_slots(seat_draft("A-1")))
    assert len((await inventory.get("hall", 1)).slots) == 0
    assert len((await inventory.get("hall", 2)).slots) == 1


async def test_callers_at_once_share_one_look(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    await inventory.create(draft())
    looks = 0
    read = store.read

    async def counted(*arguments: Any) -> store.Stored:
        nonlocal looks
        looks += 1
        return await read(*arguments)

    monkeypatch.setattr(store, "read", counted)
    await asyncio.gather(*(inventory.get("hall") for _ in range(20)))
    assert looks == 1


async def test_a_caller_that_goes_away_leaves_the_others_waiting(inventory: Inventory) -> None:
    await inventory.create(draft())
    hasty, patient = (asyncio.create_task(inventory.get("hall")) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await patient).resource.id == "hall"


async def test_a_change_while_it_is_read_is_not_covered_by_what_was_read(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inventory.create(draft())
    look = Look(monkeypatch)
    early = asyncio.create_task(inventory.get("hall"))
    await look.has_read.wait()
    monkeypatch.undo()
    await inventory.change("hall", becoming(title="Other"))
    look.may_answer.set()
    await early
    assert (await inventory.get("hall")).resource.title == "Other"


async def test_a_look_that_began_before_the_change_is_no_answer_to_who_knows_of_it(
    inventory: Inventory, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inventory.create(draft())
    await inventory.get("hall")
    look = Look(monkeypatch)
    clock.now += service.FRESH_SECONDS
    early = asyncio.create_task(inventory.get("hall"))
    await look.has_read.wait()
    await Inventory(database).change("hall", with_slots(seat_draft("A-1")))
    late = asyncio.create_task(inventory.get("hall", 2))
    await asyncio.sleep(0)
    look.may_answer.set()
    assert (await early).resource.layout == 1
    assert (await late).resource.layout == 2


async def test_at_once_is_by_a_look_that_began_after_the_change(
    inventory: Inventory, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inventory.create(draft())
    await inventory.get("hall")
    entered, go_on = asyncio.Event(), asyncio.Event()
    read_version = store.read_version

    async def slow(database: Database, resource_id: str) -> str | None:
        version = await read_version(database, resource_id)
        entered.set()
        await go_on.wait()
        return version

    monkeypatch.setattr(store, "read_version", slow)
    clock.now += service.FRESH_SECONDS
    early = asyncio.create_task(inventory.get("hall"))
    await entered.wait()
    await Inventory(database).change("hall", with_slots(seat_draft("A-77")))
    body = asyncio.create_task(inventory.body("hall", at_once=True))
    await asyncio.sleep(0)
    go_on.set()
    assert b"A-77" in (await body).plain
    await early


async def test_while_postgresql_is_away_memory_serves(spare_postgresql: PostgreSQL) -> None:
    from server.database.migrate import migrate  # noqa: PLC0415  # only this test has an empty server

    await migrate(spare_postgresql.url)
    database = await Database.connect(spare_postgresql.url)
    clock = Clock()
    inventory = Inventory(database, clock=clock)
    await inventory.create(draft(seat_draft("A-1")))
    body = await inventory.body("hall")
    freeze(spare_postgresql)
    clock.now += service.FRESH_SECONDS
    assert (await inventory.get("hall")).resource.title == "Winter Serenade"
    thaw(spare_postgresql)
    spare_postgresql.kill()
    for _ in range(3):
        clock.now += service.FRESH_SECONDS
        assert await inventory.body("hall") is body
    with pytest.raises(Unavailable):
        await inventory.get("hall", 2)
    with pytest.raises(Unavailable):
        await inventory.get("elsewhere")
    await inventory.close()
    await database.close()


async def test_the_body_is_made_once_for_each_version(inventory: Inventory) -> None:
    await inventory.create(draft(seat_draft("A-1")))
    first, second = await asyncio.gather(inventory.body("hall"), inventory.body("hall"))
    assert first is second
    shown = msgspec.json.decode(first.plain)
    assert shown["slots"][0]["price"] == {"amount": 4500, "currency": EUR}
    assert "epoch" not in shown
    await inventory.change("hall", becoming(title="Other"))
    assert (await inventory.body("hall")).etag != first.etag


async def test_closing_ends_what_is_being_read(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_database: Database, _resource_id: str) -> str | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(store, "read_version", never)
    waiting = asyncio.create_task(inventory.get("hall"))
    await asyncio.sleep(0)
    await inventory.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_redis_is_told_later_if_it_was_away(
    inventory: Inventory, database: Database, redis: Redis
) -> None:
    redis.away = True
    await inventory.create(draft())
    redis.away = False
    assert await inventory.announce_pending() == 0  # its own process is still at it
    await pass_time(database)
    assert await inventory.announce_pending() == 1
    assert redis.told == ["hall"]
    await pass_time(database)
    assert await inventory.announce_pending() == 0


async def test_what_a_command_changed_is_told_by_a_server(
    inventory: Inventory, database: Database, redis: Redis
) -> None:
    command = Inventory(database)
    await command.create(draft())
    assert await command.announce_pending() == 0
    assert await inventory.announce_pending() == 1
    assert redis.told == ["hall"]


async def test_whoever_tells_redis_of_a_change_knows_it(inventory: Inventory, database: Database) -> None:
    await inventory.create(draft())
    await inventory.get("hall")
    command = Inventory(database)
    await command.change("hall", becoming(policy=HoldPolicy(hold_seconds=7)))
    known: list[int | None] = []

    async def load(resource_id: str) -> None:
        known.append((await inventory.get(resource_id, 1)).resource.policy.hold_seconds)

    inventory.on_change = load
    await inventory.announce_pending()
    assert known == [7]


async def test_a_change_after_the_one_that_was_told_is_told_too(
    inventory: Inventory, database: Database, redis: Redis
) -> None:
    command = Inventory(database)
    await command.create(draft())

    async def changed_meanwhile(resource_id: str) -> None:
        inventory.on_change = redis
        await command.change(resource_id, becoming(title="Other"))

    inventory.on_change = changed_meanwhile
    assert await inventory.announce_pending() == 1
    assert await inventory.announce_pending() == 1
    assert redis.told == ["hall"]


async def test_a_watch_goes_on_through_an_outage(
    inventory: Inventory, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.01)
    claim = store.claim_announcements
    away = [True, True]

    async def claimed(*arguments: Any) -> list[tuple[str, str]]:
        if away:
            away.pop()
            raise Unavailable
        return await claim(*arguments)

    monkeypatch.setattr(store, "claim_announcements", claimed)
    await Inventory(database).create(draft())
    watch = asyncio.create_task(inventory.run())
    await redis.hears.wait()
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
    assert redis.told == ["hall"]


async def pass_time(database: Database) -> None:
    """Let the time be over in which the changing process alone may tell."""
    async with database.connection() as connection:
        await connection.execute("update resource set announce_after = announce_after - interval '1 minute'")


async def test_lists_are_in_the_order_of_creation_and_come_in_pages(inventory: Inventory) -> None:
    for each in range(5):
        await inventory.create(draft(seat_draft("A", price=each), id=f"r{each}"))
    first = await inventory.page(Wanted(), 3)
    assert [item["id"] for item in first.items] == ["r0", "r1", "r2"]
    assert first.next
    second = await inventory.page(Wanted(after=position_of(first.next)), 3)
    assert [item["id"] for item in second.items] == ["r3", "r4"]
    assert second.next is None
    assert second.items[1]["price_from"] == {"amount": 4, "currency": EUR}
    assert second.items[1]["capacity"] == 1


async def test_lists_can_be_of_some_resources(inventory: Inventory) -> None:
    tour = seat_draft("t", starts_at="2026-11-21T23:30:00.000Z")  # the 22nd in Berlin
    await inventory.create(draft(id="hall", description="50% off_season"))
    await inventory.create(draft(tour, id="tour", kind="sessions", owner="museum", title="Tour"))
    times = {"starts_at": "2026-12-24T17:00:00.000Z", "ends_at": "2026-12-26T17:00:00.000Z"}
    await inventory.create(draft(id="fair", **times))

    async def ids(**wanted: Any) -> list[str]:
        return [item["id"] for item in (await inventory.page(Wanted(**wanted), 10)).items]

    assert await ids(kind="sessions") == ["tour"]
    assert await ids(owner="museum") == ["tour"]
    assert await ids(text="TOUR") == ["tour"]
    assert await ids(text="50%") == ["hall"]
    assert await ids(text="f_s") == ["hall"]
    assert await ids(text="%e") == []
    assert await ids(day=date(2026, 11, 22)) == ["tour"]
    assert await ids(day=date(2026, 11, 21)) == []
    assert await ids(day=date(2026, 12, 25)) == ["fair"]
    await inventory.delete("tour")
    assert await ids() == ["hall", "fair"]
