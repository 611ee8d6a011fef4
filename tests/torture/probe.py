"""How long one server takes to say that it cannot serve, and that it can again."""

import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from tests.support.processes import Process
from tests.support.waiting import until
from tests.torture.matrix import Torture

PATIENCE_SECONDS: Final = 30.0


class Probe:
    """Asks one server, over one connection, as a load balancer does."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def at(cls, server: Process) -> AsyncIterator["Probe"]:
        """One of this server, while the context is open."""
        async with httpx.AsyncClient(base_url=server.base_url, timeout=5) as client:
            yield cls(client)

    async def is_ready(self) -> bool:
        """What `/readyz` says; a server that says nothing is not ready."""
        try:
            return (await self._client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def _says(self, ready: bool) -> bool:
        return await self.is_ready() == ready

    async def becomes(self, ready: bool) -> float:
        """Seconds until it says so; PATIENCE_SECONDS if it does not."""
        began = time.monotonic()
        with suppress(TimeoutError):
            await until(lambda: self._says(ready), PATIENCE_SECONDS)
        return time.monotonic() - began


def within(torture: Torture, name: str, seconds: float, goal: float, n: int = 1) -> None:
    """A figure that is a time and has a goal."""
    torture.figure(name, f"{seconds:.2f} s", f"≤ {goal:g} s", reached=seconds <= goal, n=n)


def cpu(pid: int) -> float:
    """Seconds of processor that a process has used, to the nanosecond: of all its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
