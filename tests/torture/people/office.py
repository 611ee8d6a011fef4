"""The load process, and the conductor's handle on it: orders and answers as lines of JSON.

async with Office.opens(folder, "b", "hall", street.ports, seed=7) as crowd:
    await crowd.order("comes", count=500)
    bought = await crowd.order("buy", until=time.monotonic() + 60)
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.support.processes import ROOT
from tests.torture.people.crowd import Crowd
from tests.torture.people.presence import Json

LONGEST_LINE: Final = 1 << 28
QUIT_SECONDS: Final = 10.0
RARELY: Final = (50_000, 20, 100)
"""When garbage is looked for: thousands of people are none, and looking at them took a quarter of all."""


class Office:
    """A load process. Orders may be under way side by side."""

    def __init__(self, child: asyncio.subprocess.Process, history: Path) -> None:
        self.history = history
        self.pid = child.pid
        self._child = child
        self._orders: dict[int, asyncio.Future[Json]] = {}
        self._reader = asyncio.create_task(self._read())
        self._next = 0

    @classmethod
    @asynccontextmanager
    async def opens(
        cls, folder: Path, name: str, resource: str, ports: Sequence[int], *, seed: int, stripe: int = 0
    ) -> AsyncIterator["Office"]:
        """A crowd whose people are called `b0`, `b1`, …; it ends with the context."""
        history = folder / f"people-{name}.jsonl"
        given = {
            "name": name,
            "resource": resource,
            "ports": list(ports),
            "stripe": stripe,
            "seed": seed,
            "path": str(history),
        }
        # Its own errors go where ours go; coverage is not measured there.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.torture.people.office", json.dumps(given)),
            cwd=ROOT,
            env=kept,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        office = cls(child, history)
        try:
            yield office
        finally:
            await office._quit()

    async def order(self, what: str, **fields: Any) -> Json:
        """Have it done; what came of it."""
        self._next += 1
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._orders[self._next] = answer
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"id": self._next, "what": what, **fields}).encode() + b"\n")
        await self._child.stdin.drain()
        return await answer

    async def _read(self) -> None:
        assert self._child.stdout is not None
        async for line in self._child.stdout:
            said = json.loads(line)
            answer = self._orders.pop(said["id"])
            if answer.done():
                continue
            if "error" in said:
                answer.set_exception(RuntimeError(said["error"]))
            else:
                answer.set_result(said["result"])
        for answer in self._orders.values():
            if not answer.done():
                answer.set_exception(RuntimeError("the load process ended"))

    async def _quit(self) -> None:
        assert self._child.stdin is not None
        with suppress(OSError):
            self._child.stdin.close()
        try:
            async with asyncio.timeout(QUIT_SECONDS):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()
        await self._reader


async def serve(crowd: Crowd) -> None:
    """Work off orders until standard input ends."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    working: set[asyncio.Task[None]] = set()
    async for line in orders:
        task = asyncio.create_task(_carry_out(crowd, json.loads(line)))
        working.add(task)
        task.add_done_callback(working.discard)
    for task in working:
        task.cancel()
    crowd.close()


async def _carry_out(crowd: Crowd, order: Json) -> None:
    number = order.pop("id")
    try:
        said: Json = {"id": number, "result": await crowd.do(**order)}
    except Exception as error:  # noqa: BLE001  # told to the conductor, who raises it
        said = {"id": number, "error": f"{order.get('what')}: {error!r}"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    """One crowd, as the first argument says."""
    import uvloop  # noqa: PLC0415  # the conductor has no need of it

    from bench.rig import allow_many_files  # noqa: PLC0415

    allow_many_files()
    gc.set_threshold(*RARELY)
    given = json.loads(sys.argv[1])
    crowd = Crowd(**{**given, "path": Path(given["path"])})
    uvloop.run(serve(crowd))


if __name__ == "__main__":
    main()
