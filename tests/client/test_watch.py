"""A replica that stays true: over lost connections, a restart of the server, another layout, and views."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels.client import (
    CartChanged,
    Client,
    Hold,
    LineClosed,
    Patience,
    Standing,
    UnknownResource,
    Unreachable,
    Watch,
)
from channels.client.news import QUEUE_LIMIT, Missed, News
from channels.client.replica import Numbers
from server.database.pool import Database
from server.inventory.service import Inventory
from tests.client.conftest import at, client_of
from tests.live.conftest import hall
from tests.support.house import House
from tests.support.zygote import ForkedProcess, Zygote

FREE, HELD = Numbers(1, 0), Numbers(0, 1)


def cuts_off(client: Client) -> None:
    """The connection goes dead without a word."""
    assert client._connection._socket is not None
    client._connection._socket.transport.abort()


async def agrees(watch: Watch, client: Client) -> None:
    """What is seen is what the server says, at one position."""
    async with asyncio.timeout(60):
        while True:
            truth = await client.resources.availability(watch.resource)
            position = (truth.epoch, truth.version)
            await watch.until(lambda: watch.current and (watch.position or ("", 0)) >= position)  # noqa: B023  # awaited here
            if watch.position == position:
                break
    pairs = zip(truth.available, truth.held, strict=True)
    assert watch.numbers == {truth.first + place: Numbers(*pair) for place, pair in enumerate(pairs)}


async def sees(watch: Watch, index: int, numbers: Numbers) -> None:
    async with asyncio.timeout(60):
        await watch.until(lambda: watch.current and watch.at(index) == numbers)


@pytest.fixture
async def ann(town: House) -> AsyncIterator[Client]:
    async with client_of(town.base_url) as client:
        yield client


@pytest.fixture
async def ben(town: House) -> AsyncIterator[Client]:
    async with client_of(town.base_url) as client:
        yield client


async def test_changes_come_by_themselves_and_over_lost_connections(ann: Client, ben: Client) -> None:
    async with ann.watch("hall") as seen:
        assert seen.at(0) == FREE
        changes = seen.changes()
        assert await anext(changes) is None  # the snapshot
        held = await ben.holding.hold("hall", ["A-1"])
        await sees(seen, 0, HELD)
        assert await anext(changes) == frozenset({0})
        for index in range(1, 5):
            cuts_off(ann)
            await seen.until(lambda: not seen.current)
            await ben.holding.hold("hall", [f"A-{index + 1}"])
            await sees(seen, index, HELD)
        await ben.holding.release(held.hold.id)
        await sees(seen, 0, FREE)
        assert await anext(changes) == frozenset(range(5))
        await agrees(seen, ben)


async def test_a_view_of_sections_follows_another_layout(town: House, ann: Client, ben: Client) -> None:
    async with ann.watch("hall", ["row B", "row C"]) as seen:
        assert list(seen.numbers) == list(range(10, 24))
        await ben.holding.hold("hall", ["A-1", "B-1"])
        await sees(seen, 10, HELD)
        assert seen.at(0) == Numbers(0, 0)  # not in view
        layout = seen.layout
        more = {"id": "B-11", "label": "B-11", "price": 5_000, "category": "stalls", "section": "row B"}
        async with client_of(town.base_url, "olga") as olga:
            await olga.resources.change("hall", slots=[more])
        async with asyncio.timeout(60):
            await seen.until(lambda: seen.current and seen.layout > layout and 24 in seen.numbers)
        await ben.holding.hold("hall", ["B-11"])
        await sees(seen, 24, HELD)
        await sees(seen, 10, HELD)


async def test_a_grid_is_seen_by_its_days_and_in_sum(ann: Client, ben: Client) -> None:
    day = at(0, 3).date()
    whole = await ann.resources.get("drive", day, day)
    nine = next(slot.index for slot in whole.slots if slot.starts_at == at(9, 3))
    async with ann.watch("drive", [str(day)]) as seen, ben.watch("drive", "totals") as sums:
        assert len(seen.numbers) == 48
        assert sums.totals[str(day)] == (48, 0, 48)
        await client_hold(ben, 9, 10)
        await sees(seen, nine, HELD)
        await sees(seen, nine + 1, HELD)
        async with asyncio.timeout(60):
            await sums.until(lambda: sums.totals[str(day)] == (46, 2, 48))


async def client_hold(client: Client, start: int, end: int) -> None:
    await client.holding.hold_range("drive", at(start, 3), at(end, 3))


async def test_ones_own_is_told_in_order_and_a_lost_line_tells_how_things_stand(
    ann: Client,
) -> None:
    async with ann.news() as news:
        assert await anext(news) == Standing(None, ())
        held = await ann.holding.hold("hall", ["A-1"])
        hold, cart = await anext(news), await anext(news)
        assert isinstance(hold, Hold)
        assert isinstance(cart, CartChanged)
        assert (hold.id, hold.expires_at) == (held.hold.id, held.hold.expires_at)
        assert cart.cart is not None
        assert cart.cart.reference == held.cart.reference
        cuts_off(ann)
        standing = await anext(news)
        assert isinstance(standing, Standing)
        assert [each.id for each in standing.holds] == [held.hold.id]
        await ann.close()
        with pytest.raises(LineClosed):
            _ = [event async for event in news]


async def test_what_nobody_takes_is_let_go_and_said() -> None:
    news = News(client_of("http://127.0.0.1:9")._connection)
    await news.welcomed({"cart": None, "holds": []})
    for _ in range(QUEUE_LIMIT):
        await news.heard({"type": "cart", "reference": None})
    assert await anext(news) == Missed(QUEUE_LIMIT)
    assert await anext(news) == CartChanged(None)


async def test_what_cannot_be_watched_says_so(ann: Client) -> None:
    with pytest.raises(UnknownResource):
        async with ann.watch("nothing"):
            pass
    async with ann.watch("hall"):
        with pytest.raises(ValueError, match="one view of each"):
            async with ann.watch("hall", "totals"):
                pass
    async with ann.watch("hall", "totals") as seen:
        assert seen.totals["row C"] == (4, 0, 4)


async def test_a_restart_of_the_server_is_lived_through(
    redis_url: str, database_url: str, redis: object, tmp_path: Path
) -> None:
    assert redis
    database = await Database.connect(database_url)
    inventory = Inventory(database)
    await inventory.create(hall())
    await inventory.close()
    await database.close()
    environment = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_hex(16),
        "PAYMENTS": "sandbox",
        "DISCONNECT_GRACE_SECONDS": "600",
    }
    with Zygote() as zygote:
        async with ForkedProcess(zygote, environment, tmp_path / "log") as process:
            await lives_through_its_end(process)


async def lives_through_its_end(process: ForkedProcess) -> None:
    async with (
        client_of(process.base_url) as ann,
        client_of(process.base_url) as ben,
        ann.watch("hall") as seen,
    ):
        held = await ann.holding.hold("hall", ["A-1"])
        await process.kill()
        await seen.until(lambda: not seen.current)
        asked = asyncio.create_task(ben.holding.hold("hall", ["A-2"]))
        await process.start()
        await asked
        await sees(seen, 1, HELD)
        await agrees(seen, ben)
        cart = await ann.holding.cart()
        assert cart is not None
        assert [hold.id for hold in cart.holds] == [held.hold.id]


async def test_nobody_waits_for_ever() -> None:
    async with client_of("http://127.0.0.1:9", patience=Patience(seconds=0.1, base=0.01)) as lost:
        with pytest.raises(Unreachable):
            async with lost.watch("hall"):
                pass
        with pytest.raises(Unreachable):
            await lost.holding.cart()
