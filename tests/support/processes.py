"""Whole server processes, as production starts them, that a test may kill."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 90
STOP_SECONDS = 90


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """`holdfast run` on a port of its own; its log is kept in `log` for a failing test to show."""

    def __init__(self, environment: Mapping[str, str], log: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = log
        # Not measured for coverage: that takes a third of its speed, and other tests reach the same lines.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        self._environment = {**inherited, **environment, "PORT": str(self.port), "HOST": "127.0.0.1"}
        self._child: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it can serve."""
        self._launch()
        await self.is_ready()

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._child is not None, "it is not running"
        return self._child.pid

    def _launch(self) -> None:
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "server", "run"],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    async def is_ready(self) -> None:
        """Return when `/readyz` says so; raise with the end of the log where it does not in time."""
        async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while not await self._answers(client):
                if self._child is not None and self._child.poll() is not None:
                    raise RuntimeError(f"the server ended:\n{self.tail()}")
                await asyncio.sleep(0.05)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.base_url}/readyz", timeout=2)).status_code == 200
        except httpx.TransportError:
            return False

    def tail(self) -> str:
        """The last lines it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    async def kill(self) -> None:
        """End it as a crash does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it as a deploy does."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.send_signal(how)
        try:
            await asyncio.to_thread(child.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            await asyncio.to_thread(child.wait)
            raise
