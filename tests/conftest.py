"""What every test may ask for. Each worker has one Redis and one PostgreSQL; each test finds them empty."""

import gc
import importlib.util
import os
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import coverage
import httpx
import hypothesis
import pytest
import structlog
from httpx._transports import default
from redis.asyncio import Redis as RedisClient

from server import app, serve
from server.database import pool
from server.database.pool import Database
from server.holds import pipeline
from server.http.static_files import StaticTree
from server.ops.garbage import THRESHOLDS
from server.settings import Settings
from tests.support.house import House, open_house
from tests.support.servers import Databases, PostgreSQL, Redis, fast_postgresql, open_redis

# A busy machine draws slowly, and tries what was drawn slowly, and is not at fault.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

ROOT = Path(__file__).parent
# These go the same ways again and again. To be measured takes half of their time, and tells no more than the
# tests of each rule do: the gate of coverage counts without them.
UNMEASURED = (
    "bench",
    "bookings/test_changes_crashes.py",
    "bookings/test_race.py",
    "browser",
    "channels/test_i10.py",
    "channels/test_i10_windows.py",
    "http/test_whose.py",
    "model",
    "payments/test_approval_crashes.py",
    "payments/test_crashes.py",
    "payments/test_deadline_grid.py",
    "payments/test_kill_points.py",
    "payments/test_permutations.py",
    "payments/test_stripe_faults.py",
    "payments/webhooks/test_storm.py",
    "simulation",
    "teeth",
    "torture",
    "whole",
)

# A case of these takes seconds, of the first ones many.
LONG = (
    "simulation/test_story.py",
    "torture/test_tier.py",
    "simulation/test_teeth.py",
    "payments/test_kill_points.py",
    "whole",
    "test_demo.py",
    "payments/test_crashes.py",
    "payments/test_permutations.py",
    "payments/test_deadline_grid.py",
    "http/test_whose.py",
    "model",
    "bench",
    "torture",
    "browser",
)

PATIENCE = 60.0
SECRET_KEY = "a-secret-of-the-tests-0123456789abcdef"


@pytest.fixture(scope="session", autouse=True)
def _started_often() -> Iterator[None]:
    """Houses and clients are opened by the thousand: what each start does for long is done once for all.

    A house reads and compresses the static files and looks at all there is for garbage, half a second among
    so many tests; whole processes (tests/whole) do both. A client reads the whole world's certificates, and
    looks on every path, four times a request, for a library that is not there. A client that is not told
    how long waits for longer than five seconds: a busy machine is not at fault.
    """
    with pytest.MonkeyPatch.context() as patches:
        if importlib.util.find_spec("sniffio") is None:
            patches.setitem(sys.modules, "sniffio", None)  # how Python notes an absence
        patches.setattr(default, "create_ssl_context", cache(httpx.create_ssl_context))
        patches.setitem(httpx.AsyncClient.__init__.__kwdefaults__ or {}, "timeout", httpx.Timeout(PATIENCE))
        patches.setattr(app, "StaticTree", cache(StaticTree))
        patches.setattr(serve, "collected_rarely", nullcontext)
        yield


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what may never be told that a server is away: a busy machine's have a minute to answer."""
    monkeypatch.setitem(vars(Database)["connect"].__func__.__kwdefaults__, "command_seconds", PATIENCE)
    for module, names in ((pool, ("ACQUIRE_SECONDS",)), (pipeline, ("CONNECT_SECONDS", "SECONDS"))):
        for name in names:
            monkeypatch.setattr(module, name, PATIENCE)


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
    made = Databases(server, stays_connected=True)
    await made.create_template()
    yield made
    await made.close()
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


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Coverage looks away while tests are made of what a module has: there are thousands of them."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest go first, and every worker has its share of them: none is left alone with one at the end.

    To begin with, xdist gives each worker as long a piece of the list as any other. Every other worker goes
    through its share backwards: most stories compute, most browsers wait.
    """
    longest = sorted((item for item in items if _length(item) < len(LONG)), key=_length)
    others = [item for item in items if _length(item) == len(LONG)]
    left = len(items)
    items.clear()
    for workers in range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 0, -1):
        own, piece = longest[::workers][:: 1 if workers % 2 else -1], left // workers
        longest = [item for place, item in enumerate(longest) if place % workers]
        room = max(0, piece - len(own))
        items += [*own, *others[:room]]
        others, left = others[room:], left - piece
    items += others


def _length(item: pytest.Item) -> int:
    """Its place among the longest."""
    return _place(item.path, LONG)


@cache
def _place(path: Path, among: tuple[str, ...]) -> int:
    """Of a file: asked for each of its tests, again and again."""
    places = (place for place, each in enumerate(among) if path.is_relative_to(ROOT / each))
    return next(places, len(among))


def pytest_collection_finish() -> None:
    """Tests and modules stay: looking for garbage among them, again and again, finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage looks away from what is UNMEASURED, fixtures and the processes that it starts included."""
    tracer = sys.gettrace()
    if tracer is None or _place(item.path, UNMEASURED) == len(UNMEASURED):
        return (yield)
    told = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith("COVERAGE_")}
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
        os.environ.update(told)
