"""Redis or PostgreSQL away: what was told late is told once and in order."""

from dataclasses import replace

from server.database.migrate import migrate
from server.embedded.postgresql import PostgreSQL
from server.settings import Settings
from tests.live.conftest import open_hall
from tests.notices.test_live import happens, has_heard, references, signed_in
from tests.support.servers import Redis


async def test_without_redis_an_owner_is_told_all_the_same(settings: Settings, spare_redis: Redis) -> None:
    async with open_hall(replace(settings, redis_url=spare_redis.url)) as house, signed_in(house) as olga:
        tab = await olga.opens_tab()
        await happens(house)
        await has_heard(tab, 1)
        spare_redis.kill()
        await happens(house, count=2)
        await has_heard(tab, 3)
        spare_redis.start()
        await happens(house)
        assert await has_heard(tab, 4) == [f"BK-{place}" for place in range(4)]


async def test_what_happened_before_postgresql_died_is_told_after_it_came_back(
    settings: Settings, spare_postgresql: PostgreSQL
) -> None:
    await migrate(spare_postgresql.url)
    async with (
        open_hall(replace(settings, database_url=spare_postgresql.url)) as house,
        signed_in(house) as olga,
    ):
        tab = await olga.opens_tab()
        await happens(house, count=30)
        spare_postgresql.kill()
        spare_postgresql.start()
        await has_heard(tab, 30)
        house.parts.inbox.may_have_missed()
        later = await olga.opens_tab()
        assert await has_heard(later, 30) == [f"BK-{place}" for place in range(30)]
        assert references(tab) == [f"BK-{place}" for place in range(30)]
