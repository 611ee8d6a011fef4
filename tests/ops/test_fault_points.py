"""The points at which a test may kill a process: off by default, refused where real money could be meant."""

from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from server.database.pool import Database
from server.ops.fault_points import (
    NO_FAULTS,
    VARIABLE,
    FaultPoints,
    FaultyDatabase,
    from_environment,
    problems,
)
from server.settings import Settings

SANDBOX = Settings(payments="sandbox")
STRIPE = Settings(payments="stripe", stripe_api_base="http://127.0.0.1:8420")


class Noting(FaultPoints):
    """Passes every point and remembers it."""

    def __init__(self) -> None:
        super().__init__(("*",), 1)
        self.names: list[str] = []

    def passes(self, name: str) -> None:
        self.names.append(name)


async def test_without_the_variable_nothing_stands_around_anything(
    database_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    faults = from_environment({})
    assert faults is NO_FAULTS
    database = await faults.connect(database_url)
    await database.close()
    assert type(database) is Database
    assert type(faults.scripts(redis)).__name__ == "Scripts"
    assert faults.providers({}) == {}


@pytest.mark.parametrize("text", ["commit.*.before", "commit.*.before:", ":3", "a:-1", "a:x"])
def test_what_cannot_be_read_is_told(text: str) -> None:
    (told,) = problems({VARIABLE: text}, SANDBOX)
    assert told.startswith(f"{VARIABLE}: is {text!r}")


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        (SANDBOX, True),
        (STRIPE, True),
        (replace(STRIPE, stripe_api_base="http://localhost:8420"), True),
        (replace(STRIPE, stripe_api_base=""), False),
        (replace(STRIPE, stripe_api_base="https://127.0.0.1.example"), False),
        (Settings(), False),
    ],
)
def test_it_is_refused_where_the_money_may_be_real(settings: Settings, allowed: bool) -> None:
    assert (problems({VARIABLE: "*:1"}, settings) == []) is allowed
    assert problems({}, settings) == []


def test_the_nth_fitting_pass_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Any] = []
    monkeypatch.setattr("os.kill", lambda *arguments: killed.append(arguments))
    faults = from_environment({VARIABLE: "commit.*,script.pay.after:3"})
    for name in ("commit.before", "script.pay.before", "commit.after"):
        faults.passes(name)
    assert killed == []
    faults.passes("script.pay.after")
    assert len(killed) == 1


def test_with_0_each_pass_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    faults = from_environment({VARIABLE: "script.*:0"})
    for name in ("script.pay.before", "commit.booking.after"):
        faults.passes(name)
    assert capfd.readouterr().err == "passing script.pay.before\n"


async def test_what_writes_to_postgresql_is_a_point(database_url: str) -> None:
    noting = Noting()
    database = await noting.connect(database_url)
    assert isinstance(database, FaultyDatabase)
    async with database.connection() as connection:
        await connection.fetch("select * from resource for no key update")
        await connection.execute("create temporary table thing (id int)")
    async with database.connection() as connection:
        await connection.execute("insert into thing values ($1)", 1)
    async with database.transaction() as connection:
        await connection.execute("delete from thing")
    async with database.transaction() as connection:
        await connection.fetch("select 1")
    await database.close()
    assert noting.names == [
        "statement.insert.thing.after",
        "commit.thing.before",
        "commit.thing.after",
    ]


async def test_scripts_and_calls_of_providers_are_points(redis: Redis) -> None:
    noting = Noting()
    await noting.scripts(redis).run("listing", "{session:ann}:cart", {})

    class Provider:
        name = "stripe"

        async def fetch(self, intent: str) -> str:
            return intent

    provider: Any = noting.providers({"stripe": Provider()})["stripe"]  # type: ignore[dict-item]  # a part of one
    assert (provider.name, await provider.fetch("pi_1")) == ("stripe", "pi_1")
    assert noting.names == [
        "script.listing.before",
        "script.listing.after",
        "provider.fetch.before",
        "provider.fetch.after",
    ]
