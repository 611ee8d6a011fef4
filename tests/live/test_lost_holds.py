"""A hold that Redis lost is told to be lost only where PostgreSQL does not have it either."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from server.errors import Unavailable
from server.holds.rules import HoldEvent
from server.live.news import News
from server.settings import Settings
from tests.live.conftest import open_hall
from tests.support.buyer import Buyer, visiting
from tests.support.house import House


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings, payments="sandbox") as house:
        yield house


@pytest.fixture
async def ann(house: House) -> AsyncIterator[Buyer]:
    """She has a hold, and hears nothing more of it from Redis."""
    async with visiting(house.base_url) as buyer:
        await buyer.watches("hall")
        yield buyer


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What Redis tells of holds comes no more."""

    def hears_nothing(_news: News, _event: HoldEvent) -> bool:
        return False

    return lambda: monkeypatch.setattr(News, "_is_news", hears_nothing)


def told_besides(ann: Buyer) -> list[str]:
    return [each["status"] for each in ann.tab.heard if each["type"] == "hold"]


async def test_what_was_booked_when_redis_was_lost_is_told_as_confirmed(
    ann: Buyer, redis: Redis, deaf: Callable[[], None]
) -> None:
    held = await ann.holds("A-1")
    await ann.tab.hears("hold", status="held")
    deaf()
    made = (await ann.books()).json()
    await ann.posts(f"/api/sandbox/payments/{made['payment']['id']}", {"outcome": "succeed"})
    await redis.flushall()
    ended = await ann.tab.hears("hold", id=held["hold"]["id"], status="confirmed")
    assert ended["reason"] == "confirmed"
    await ann.tab.hears("cart", reference=None)
    assert told_besides(ann) == []


async def test_what_is_being_booked_while_redis_comes_back_as_it_was_before_is_not_lost(
    house: House, ann: Buyer, redis: Redis, deaf: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has noticed yet that this Redis is an older one, and PostgreSQL alone knows the hold."""
    await house.parts.holds.ensure("hall")
    before = {name: await redis.dump(name) or b"" for name in await redis.keys("*")}
    held = await ann.holds("A-1")
    await ann.tab.hears("hold", status="held")
    deaf()
    monkeypatch.setattr(house.parts.keeper.sweeper, "sweep", _nothing)
    with monkeypatch.context() as away:
        away.setattr(house.parts.holds, "begin_paying", _is_away)
        assert (await ann.books()).status_code == 503
        await redis.flushall()
        for name, value in before.items():
            await redis.restore(name, 0, value)
        await redis.hset("{hall}:meta", "run_id", "of before")
        house.parts.live.news.read_all_anew()
        await ann.tab.hears("hold", id=held["hold"]["id"], status="paying")
    assert told_besides(ann) == []


async def test_nothing_is_told_to_be_lost_while_postgresql_is_away(
    house: House, ann: Buyer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.holds("A-1")
    await ann.tab.hears("hold", status="held")
    news = house.parts.live.news
    asked: list[object] = []
    really: Callable[..., Awaitable[str | None]] = news._booked

    async def is_away_at_first(hold: object) -> str | None:
        asked.append(hold)
        if len(asked) == 1:
            raise Unavailable
        assert told_besides(ann) == []
        return await really(hold)

    monkeypatch.setattr(news, "_booked", is_away_at_first)
    await redis.flushall()
    await ann.tab.hears("hold", status="lost")
    assert len(asked) > 1


async def _nothing() -> None:
    pass


async def _is_away(*_: object) -> None:
    raise Unavailable
