"""What a street's servers and its Redis hold on to, and whether it grew."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Final

import httpx
from redis.asyncio import Redis

from tests.support.processes import Process
from tests.torture.matrix import Torture
from tests.torture.probe import memory
from tests.torture.stage import Stage

GROWTH: Final = 0.10
"""What may come of caches that fill; a leak of an hour is more than that."""

SAMPLES: Final = 6
PATIENCE_SECONDS: Final = 30.0
AMONG: Final = 3
"""Of so many rounds the middle one counts."""

DAILY: Final = frozenset({"holdfast:idempotency", "hall} unbooked"})
"""Kept for a day by what is promised: one for each request that had an Idempotency-Key, and one for each hold
whose booking was cancelled, so that it is taken back once.
"""


@dataclass(frozen=True, kw_only=True)
class Weight:
    """Of all servers together; `daily` are the keys of Redis that are promised to last a day."""

    resident: int
    descriptors: int
    tasks: int
    keys: int
    daily: int
    redis_bytes: int
    kinds: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        told = (f"{each.name} {getattr(self, each.name):,}" for each in fields(self) if each.name != "kinds")
        return ", ".join(told)


async def weigh(stage: Stage) -> Weight:
    """The least of some seconds, when nothing is under way: what is put off is done by then."""
    servers = stage.street.servers
    samples = []
    for _ in range(SAMPLES):
        await asyncio.sleep(1)
        tasks = [await _tasks(server) for server in servers]
        descriptors = [_descriptors(server.pid) for server in servers]
        samples.append((sum(memory(server.pid) for server in servers), sum(descriptors), sum(tasks)))
    resident, files, tasks_least = (min(each) for each in zip(*samples, strict=True))
    kinds, redis_bytes = await _redis(stage.street.redis.url)
    return Weight(
        resident=resident,
        descriptors=files,
        tasks=tasks_least,
        keys=sum(count for name, count in kinds.items() if name not in DAILY),
        daily=sum(kinds[name] for name in DAILY),
        redis_bytes=redis_bytes,
        kinds=tuple(sorted(kinds.items())),
    )


async def _redis(url: str) -> tuple[Counter[str], int]:
    """How many keys there are of each kind, and what all of it weighs.

    By a connection of its own that may wait: the stage's gives up within moments, and what is not counted
    would look as if it had gone.
    """
    async with Redis.from_url(url, socket_timeout=PATIENCE_SECONDS) as client:
        kinds = Counter[str]()
        async for name in client.scan_iter(count=1_000):
            kinds[kind(name.decode())] += 1
        memory_of = await client.info("memory")
        return kinds, int(memory_of["used_memory"])


def kind(name: str) -> str:
    """Without what is of one thing alone: an id, or what is in braces."""
    first, *rest = name.split(":")
    if first.startswith("{"):
        return f"{first[1:]} {name.partition('}')[2].split(':')[1] if '}:' in name else ''}".strip()
    return ":".join([first, *rest[:1]])


async def _tasks(server: Process) -> int:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{server.base_url}/metrics", timeout=10)).text
    (found,) = (line for line in text.splitlines() if line.startswith("holdfast_tasks "))
    return int(float(found.split()[1]))


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def compare(torture: Torture, weights: Sequence[tuple[float, Weight]], warm: float) -> None:
    """The end beside what there was when all had warmed up; judged where there were rounds enough since."""
    settled = [weight for at, weight in weights if at >= warm]
    is_judged = len(settled) >= 2 * AMONG
    if not is_judged:
        settled = [weight for _, weight in weights]
    for name in ("resident", "descriptors", "tasks", "keys"):
        held = [int(getattr(weight, name)) for weight in settled]
        before, after = median(held[:AMONG]), median(held[-AMONG:])
        grown = (after - before) / max(1, before)
        torture.figure(
            f"{name} when all had warmed up, and at the end",
            f"{before:,.0f} → {after:,.0f} ({grown:+.1%})",
            "≤ 10 % more",
            reached=grown <= GROWTH if is_judged else None,
            n=len(settled),
        )
