"""A process that dies between two steps: every call out of it is a step, before its effect or after it."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any


class Killed(BaseException):
    """kill -9: no handler of the process sees it."""


class Steps:
    """Counts the calls a process makes and kills it at the one that is due (0: never)."""

    def __init__(self, kill_at: int = 0) -> None:
        self.kill_at = kill_at
        self.count = 0
        self.names: list[str] = []

    def step(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.kill_at and self.count >= self.kill_at:  # and what is left of the process does nothing more
            raise Killed(name)

    def wrap(self, name: str, part: Any) -> Any:
        return FaultyDatabase(self, part) if name == "database" else Faulty(self, name, part)


class Faulty:
    """A part each of whose calls is two steps."""

    def __init__(self, steps: Steps, name: str, part: Any) -> None:
        self._steps = steps
        self._name = name
        self._part = part

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._around(f"{self._name}.{name}", found) if inspect.iscoroutinefunction(found) else found

    async def __call__(self, *arguments: Any) -> Any:
        return await self._around(self._name, self._part)(*arguments)

    def _around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self._steps.step(f"before {name}")
            answer = await work(*arguments, **named)
            self._steps.step(f"after {name}")
            return answer

        return call


class FaultyDatabase:
    """Every transaction is two steps: before its commit, and when it is committed and nobody knows."""

    def __init__(self, steps: Steps, database: Any) -> None:
        self._steps = steps
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._database.transaction() as connection:
            yield connection
            self._steps.step("before commit")
        self._steps.step("after commit")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as connection:
            yield connection
        self._steps.step("after statement")
