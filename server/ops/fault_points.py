"""Dying on purpose, for the tests that kill a process at every step: `HOLDFAST_FAULT_POINT=names:n`.

The n-th pass of a point whose name fits one of the names (globs, parted by commas) ends the process as
`kill -9` does; with 0 each pass is written to stderr and none is the last. The points stand around what has
an effect elsewhere, on either side of it:

    commit.<tables>.before, commit.<tables>.after   transactions that write, by what they write (a+b+c)
    statement.<insert|update|delete>.<table>.after  what is written outside of them
    script.<name>.before, script.<name>.after       what changes Redis
    provider.<call>.before, provider.<call>.after   what a payment provider is asked

Without the variable nothing stands around anything.
"""

import asyncio
import inspect
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from typing import Any, Final, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis

from server.database.pool import Connection, Database
from server.holds.scripts import Keys, Scripts
from server.payments.provider import Provider
from server.settings import Settings

VARIABLE: Final = "HOLDFAST_FAULT_POINT"
BEGIN: Final = "BEGIN"

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LOCKING: Final = re.compile(r"\bfor\s+(no\s+key\s+)?update\b", re.IGNORECASE)
_WRITING: Final = re.compile(r"\b(insert|update|delete)\s+(?:into\s+|from\s+)?([a-z_.]+)", re.IGNORECASE)


class FaultPoints:
    """Counts passes and dies at the one that is due; without names there is nothing to pass."""

    def __init__(self, names: tuple[str, ...] = (), number: int = 0) -> None:
        self._names = names
        self._number = number
        self._passed = 0
        self._armed = bool(names)

    def passes(self, name: str) -> None:
        """The process is at this point; it may not come back."""
        if not any(fnmatchcase(name, each) for each in self._names):
            return
        self._passed += 1
        if self._number == 0:
            os.write(2, f"passing {name}\n".encode())
        elif self._passed == self._number:
            os.write(2, f"killed at {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    async def connect(self, url: str) -> Database:
        """A way to PostgreSQL with its points."""
        database = await (FaultyDatabase if self._armed else Database).connect(url)
        if isinstance(database, FaultyDatabase):
            database.faults = self
        return database

    def scripts(self, redis: Redis) -> Scripts:
        """A way to Redis with its points."""
        return FaultyScripts(redis, self) if self._armed else Scripts(redis)

    def providers(self, by_name: Mapping[str, Provider]) -> dict[str, Provider]:
        """The providers with their points."""
        if not self._armed:
            return dict(by_name)
        return {name: cast("Provider", FaultyProvider(provider, self)) for name, provider in by_name.items()}


NO_FAULTS: Final = FaultPoints()


def from_environment(environment: Mapping[str, str]) -> FaultPoints:
    """What the variable asks for; ValueError where that can't be read."""
    text = environment.get(VARIABLE, "")
    if not text:
        return NO_FAULTS
    names, separator, number = text.rpartition(":")
    if not separator or not names or not (number.isascii() and number.isdigit()):
        raise ValueError(f"is {text!r}; it is a point's name and the pass, as in script.pay.before:3")
    return FaultPoints(tuple(names.split(",")), int(number))


def problems(environment: Mapping[str, str], settings: Settings) -> list[str]:
    """Why the variable is refused: nobody's real money is to be tried on."""
    try:
        asked = from_environment(environment)
    except ValueError as error:
        return [f"{VARIABLE}: {error}"]
    base = urlsplit(settings.stripe_api_base).hostname
    if asked is NO_FAULTS or settings.payments == "sandbox" or base in _LOOPBACK:
        return []
    return [f"{VARIABLE}: is for tests alone: with PAYMENTS=sandbox, or STRIPE_API_BASE on loopback"]


class FaultyDatabase(Database):
    """Transactions and single statements that write are points."""

    faults = NO_FAULTS

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        written: list[str] = []
        async with super().connection() as connection:
            with connection.query_logger(_noting(written)):
                yield connection
                await asyncio.sleep(0)  # until asyncpg has called us of the last one
        if written and BEGIN not in written:
            self.faults.passes(f"statement.{written[-1]}.after")

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        written: list[str] = []
        async with super().transaction(snapshot=snapshot) as connection:
            with connection.query_logger(_noting(written)):
                yield connection
                await asyncio.sleep(0)
            tables = "+".join(sorted({each.partition(".")[2] for each in written}))
            if tables:
                self.faults.passes(f"commit.{tables}.before")
        if tables:
            self.faults.passes(f"commit.{tables}.after")


def _noting(written: list[str]) -> Callable[[Any], None]:
    def note(record: Any) -> None:
        if record.query.startswith(BEGIN):
            written.append(BEGIN)
        found = _WRITING.search(_LOCKING.sub("", record.query))
        if found is not None:
            written.append(f"{found[1].lower()}.{found[2].lower()}")

    return note


class FaultyScripts(Scripts):
    """Every script is two points."""

    def __init__(self, client: Redis, faults: FaultPoints) -> None:
        super().__init__(client)
        self._faults = faults

    async def run(self, name: str, key: Keys, content: Mapping[str, Any], *blobs: bytes) -> bytes:
        """As Scripts.run."""
        self._faults.passes(f"script.{name}.before")
        answer = await super().run(name, key, content, *blobs)
        self._faults.passes(f"script.{name}.after")
        return answer


class FaultyProvider:
    """Every call is two points; whatever else the provider has is as it was."""

    def __init__(self, provider: Provider, faults: FaultPoints) -> None:
        self._provider = provider
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        return self._around(name, found) if inspect.iscoroutinefunction(found) else found

    def _around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self._faults.passes(f"provider.{name}.before")
            answer = await work(*arguments, **named)
            self._faults.passes(f"provider.{name}.after")
            return answer

        return call
