"""What every test may ask for. Each worker has one Redis and one PostgreSQL; each test finds them empty."""

import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import coverage
import hypothesis
import pytest
import structlog
from redis.asyncio import Redis as RedisClient

from server.database.pool import Database
from server.settings import Settings
from tests.support.house import House, open_house
from tests.support.servers import Databases, PostgreSQL, Redis, fast_postgresql, open_redis

# A busy machine draws slowly and is not at fault.
hypothesis.settings.register_profile("busy", suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

ROOT = Path(__file__).parent
# These go the same ways again and again. To be measured takes half of their time, and tells no more than the
# tests of each rule do: the gate of coverage counts without them.
UNMEASURED = (
    "bookings/test_changes_crashes.py",
    "bookings/test_race.py",
    "browser",
    "model",
    "payments/test_approval_crashes.py",
    "payments/test_crashes.py",
    "payments/test_deadline_grid.py",
    "payments/test_kill_points.py",
    "payments/test_permutations.py",
    "payments/test_stripe_faults.py",
    "payments/webhooks/test_storm.py",
    "torture/test_checkers_oracles.py",
    "torture/test_checkers_shop.py",
    "torture/test_tier.py",
    "simulation",
    "whole",
)

SECRET_KEY = "a-secret-of-the-tests-0123456789abcdef"


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that a test runs configures the log; the next test finds it as it was."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """This worker's Redis. Most tests want `redis`, which empties it first."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server.start()
    server.stop()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    """A client of this worker's Redis, which is empty."""
    async with open_redis(redis_url) as client:
        await client.flushall()
        yield client


@pytest.fixture(scope="session")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Databases]:
    """This worker's PostgreSQL, with a migrated template to copy."""
    server = fast_postgresql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    made = Databases(server)
    await made.create_template()
    yield made
    server.stop()


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of the test's own, migrated and without a row."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture
async def empty_database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of the test's own that nobody has migrated."""
    async with databases.fresh("template0") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The rooms' way to the test's own database."""
    opened = await Database.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(redis: RedisClient, redis_url: str, database_url: str) -> Settings:  # noqa: ARG001  # emptied first
    """Settings of a process on this test's servers, with the sandbox's payments."""
    return Settings(redis_url=redis_url, database_url=database_url, secret_key=SECRET_KEY, payments="sandbox")


@pytest.fixture
def spare_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis of the test's own, started, to be killed, restarted, frozen (`freeze(server)`) and thawed."""
    server = Redis(tmp_path_factory.mktemp("spare-redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def spare_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """An unmigrated PostgreSQL of the test's own, started, to be treated like `spare_redis`."""
    server = fast_postgresql(tmp_path_factory.mktemp("spare-postgresql"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def holdfast(settings: Settings) -> AsyncIterator[House]:
    """The whole of it, running in this process on this test's servers."""
    async with open_house(settings) as house:
        yield house


def pytest_configure() -> None:
    """Coverage's lock is let re-enter: a collection of garbage within it has stopped a worker for good."""
    collector = getattr(coverage.Coverage.current(), "_collector", None)
    if collector is not None and collector.data_lock is not None:
        collector.data_lock = threading.RLock()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest go first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: "whole" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage looks away from what is UNMEASURED, fixtures included."""
    tracer = sys.gettrace()
    if tracer is None or not any(item.path.is_relative_to(ROOT / each) for each in UNMEASURED):
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
