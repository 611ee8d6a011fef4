"""Disks run full while people buy."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.servers import PostgreSQL, Redis
from tests.support.waiting import until
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.disk import DiskFull, SmallDisk
from tests.torture.nemesis.processes import Revive
from tests.torture.probe import within
from tests.torture.stage import Stage, open_stage

REDIS_MEGABYTES = 24
POSTGRESQL_MEGABYTES = 160
RESUMED_SECONDS = 5.0
SMALL: dict[str, str] = {"max_wal_size": "32MB", "min_wal_size": "32MB", "shared_buffers": "16MB"}


@cell(22, fault="Redis' disk is full, then larger", workload="W1", sizes=("full", "long"))
async def redis_disk_full(torture: Torture, size: Size) -> None:
    """Redis takes no more writes: no seat is sold meanwhile, and all goes on when there is space."""
    with SmallDisk(torture.folder / "disk", REDIS_MEGABYTES) as disk:
        redis = Redis(disk.path, options={"appendfsync": "always"})
        redis.start()
        try:
            async with open_stage(torture, size, within=5.0, redis=redis) as stage:
                await _fills_up(stage, DiskFull(disk, revive=Revive(redis)), lambda: _writes(stage))
        finally:
            redis.stop()


@cell(22, fault="PostgreSQL's disk is full, then larger", workload="W1", sizes=("full", "long"))
async def postgresql_disk_full(torture: Torture, size: Size) -> None:
    """What cannot be written is not confirmed; PostgreSQL may die of it, and nothing confirmed is lost."""
    with SmallDisk(torture.folder / "disk", POSTGRESQL_MEGABYTES) as disk:
        postgresql = PostgreSQL(disk.path / "postgresql", options={"fsync": "off", **SMALL})
        postgresql.start()
        try:
            async with open_stage(torture, size, within=5.0, postgresql=postgresql) as stage:
                await _fills_up(stage, DiskFull(disk, revive=Revive(postgresql)), lambda: _commits(stage))
        finally:
            postgresql.stop()


async def _fills_up(stage: Stage, fault: DiskFull, works: Callable[[], Awaitable[bool]]) -> None:
    """Full for a while in the middle of a sale; how soon it works again after there is space."""
    await stage.arrive()
    lasts = stage.size.seconds / 6
    async with stage.nemesis([fault], every=2 * lasts, lasts=lasts):
        await stage.sale()
    began = time.monotonic()
    await until(works, 30)
    within(stage.torture, "works again after there is space", time.monotonic() - began, RESUMED_SECONDS)


async def _writes(stage: Stage) -> bool:
    """Whether Redis takes a write."""
    return await _works(stage.street.client.set("torture:disk", 1, px=10))


async def _commits(stage: Stage) -> bool:
    """Whether PostgreSQL takes one."""

    async def write() -> None:
        async with stage.street.database.transaction() as connection:
            await connection.execute("create temporary table if not exists room (n integer)")

    return await _works(write())


async def _works(trial: Awaitable[Any]) -> bool:
    try:
        await trial
    except Exception:  # noqa: BLE001  # whatever it is: not yet
        return False
    return True
