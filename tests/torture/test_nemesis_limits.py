"""Clocks and limits of one process do their harm and are undone; and however a run ends, all is undone."""

import errno
import random
import resource
import signal
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis as RedisClient

from tests.support.servers import Redis, open_redis
from tests.support.waiting import until
from tests.torture.nemesis import machine
from tests.torture.nemesis.bailiff import disband
from tests.torture.nemesis.clock import ClockJump, Skew
from tests.torture.nemesis.limits import Descriptors, Memory, Throttle
from tests.torture.nemesis.processes import states
from tests.torture.traces import Busy, traces, where

CHANCE = random.Random(1)
pytestmark = pytest.mark.usefixtures("leaves_nothing_behind")


ASKING = "import sys, time; [print(time.time(), time.monotonic(), flush=True) for _ in sys.stdin]"


async def test_a_process_sees_its_wall_clock_jump_and_run_while_monotonic_time_stays(tmp_path: Path) -> None:
    with Skew(tmp_path) as skew:
        child = Busy(ASKING, **skew.environment)

        def off() -> tuple[float, float]:
            wall, monotonic = map(float, child.asks().split())
            return wall - time.time(), monotonic - time.monotonic()

        def is_off(seconds: float) -> bool:
            wall, monotonic = off()
            return abs(wall - seconds) < 60 and abs(monotonic) < 60

        assert is_off(0)
        for seconds in (3600, -3600, 300):
            fault = ClockJump(skew, seconds)
            await fault.strike(CHANCE)
            assert is_off(seconds)
            for _ in range(2):
                await fault.heal()
            assert is_off(0)
        fast = ClockJump(skew, 0, rate=1_000_000_000)  # a thousand seconds in one
        await fast.strike(CHANCE)
        await until(lambda: off()[0] > 100)
        await fast.heal()
        assert is_off(0)
        child.kill()


async def test_redis_starts_with_the_shim_and_its_clock_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Skew(tmp_path) as skew, monkeypatch.context() as patch:
        for name, value in skew.environment.items():
            patch.setenv(name, value)
        redis = Redis(tmp_path / "redis")
        redis.start()
        patch.undo()
        try:
            async with open_redis(redis.url) as client:
                fault = ClockJump(skew, 3600)
                await fault.strike(CHANCE)
                await until(lambda: is_off(client, 3600))
                await fault.heal()
                await until(lambda: is_off(client, 0))
        finally:
            redis.stop()


async def is_off(client: RedisClient, seconds: float) -> bool:
    """Redis looks at the clock once in a while, so it may be a moment late."""
    there, _ = await client.time()
    return abs(there - time.time() - seconds) < 60


async def _share(busy: Busy) -> float:
    """How much of a processor it gets."""
    began, used = time.monotonic(), busy.used
    await until(lambda: time.monotonic() - began > 1)
    return (busy.used - used) / (time.monotonic() - began)


async def _is_below(busy: Busy, share: float) -> bool:
    return await _share(busy) < share


@pytest.mark.parametrize("by", ["cgroup", "stopping"])
async def test_a_throttled_process_gets_its_share_and_no_more(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "stopping":
        monkeypatch.setattr("tests.torture.nemesis.limits.no_cgroup", lambda _: "no cgroups today")
    busy = Busy("while True: pass")
    try:
        fault = Throttle(busy, 0.1)
        for _ in range(2):
            await fault.strike(CHANCE)
        await until(lambda: _is_below(busy, 0.2))  # who throttles it may come late, once
        for _ in range(2):
            await fault.heal()
        await until(lambda: states([busy.pid]) == ["R"])
    finally:
        busy.kill()


HUNGRY = """
kept = []
for _ in iter(input, "end"):
    try:
        kept.append(bytearray(40_000_000)); kept[-1][::4096] = b"x" * len(kept[-1][::4096])
        print("has", len(kept), flush=True)
    except MemoryError:
        print("refused", flush=True)
"""


@where(lambda: machine.no_cgroup("memory"))
async def test_out_of_memory_a_process_is_killed() -> None:
    hungry = Busy(HUNGRY)
    assert hungry.asks() == "has 1"
    fault = Memory(hungry, 60)
    for _ in range(2):
        await fault.strike(CHANCE)
    assert hungry.asks() == "has 2"
    assert hungry.asks() == ""
    assert hungry.child.wait() == -signal.SIGKILL
    for _ in range(2):
        await fault.heal()
    hungry.kill()


def test_a_group_whose_dead_are_still_in_it_is_disbanded_once_they_are_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    group, tries = tmp_path / "group", iter((errno.EBUSY, errno.EBUSY, None))
    group.mkdir()
    (group / "cgroup.procs").touch()

    def rmdir(_: Path) -> None:
        if (number := next(tries)) is not None:
            raise OSError(number, "busy")

    monkeypatch.setattr(Path, "rmdir", rmdir)
    disband(group)
    assert next(tries, "all") == "all"


async def test_without_cgroups_memory_is_refused_until_it_is_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.torture.nemesis.limits.no_cgroup", lambda _: "no cgroups today")
    hungry = Busy(HUNGRY)
    assert hungry.asks() == "has 1"
    fault = Memory(hungry, 60)
    for _ in range(2):
        await fault.strike(CHANCE)
    assert [hungry.asks(), hungry.asks()] == ["has 2", "refused"]
    for _ in range(2):
        await fault.heal()
    assert hungry.asks() == "has 3"
    hungry.kill()


async def test_out_of_descriptors_a_process_opens_nothing_until_it_is_healed() -> None:
    opening = Busy(
        """
        kept = []
        for _ in iter(input, "end"):
            try:
                kept.append(open("/dev/null"))
                print("opened", flush=True)
            except OSError as error:
                print(error.strerror, flush=True)
        """
    )
    assert opening.asks() == "opened"
    before = resource.prlimit(opening.pid, resource.RLIMIT_NOFILE)
    fault = Descriptors(opening, 1)
    for _ in range(2):
        await fault.strike(CHANCE)
    assert [opening.asks(), opening.asks()] == ["opened", "Too many open files"]
    for _ in range(2):
        await fault.heal()
    assert opening.asks() == "opened"
    assert resource.prlimit(opening.pid, resource.RLIMIT_NOFILE) == before
    opening.kill()


RUN = """
import asyncio, os, random, signal, subprocess, sys
from pathlib import Path
from tests.torture.nemesis import Nemesis, machine
from tests.torture.nemesis.disk import DiskFull, SmallDisk
from tests.torture.nemesis.limits import Throttle
from tests.torture.nemesis.network import Link, Namespace, Partition
from tests.torture.nemesis.processes import Stop

class Victim:
    pid = int(sys.argv[1])

async def main():
    chance = random.Random(1)
    async with Nemesis([], seed=1, every=1, lasts=1) as nemesis:
        await nemesis.strike(Stop(Victim()))
        await nemesis.strike(Throttle(Victim()))
        if not machine.no_mounts():
            disk = SmallDisk(Path(sys.argv[2]), 1).__enter__()
            await nemesis.strike(DiskFull(disk))
        if not machine.no_namespaces():
            here, there = Namespace().__enter__(), Namespace().__enter__()
            await nemesis.strike(Partition(Link(here, there)))
        print("struck", flush=True)
        if sys.argv[3] == "exit":
            os._exit(1)
        if sys.argv[3] == "raise":
            raise RuntimeError
        await asyncio.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # whose shell is in the background ignores it
asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL", "exit", "raise"])
async def test_however_a_run_ends_nothing_of_it_is_left(end: str, tmp_path: Path) -> None:
    victim = Busy("input()")
    disk = tmp_path / "disk"
    run = Busy(RUN, str(victim.pid), str(disk), end)
    try:
        assert run.stdout.readline() == b"struck\n"
        if end.startswith("SIG"):
            assert states([victim.pid]) == ["T"]
            run.child.send_signal(signal.Signals[end])
        assert run.child.wait() != 0
        await until(lambda: states([victim.pid]) == ["S"])
        await until(lambda: not disk.exists())
        await until(lambda: not list(Path("/sys/fs/cgroup").glob(f"**/holdfast-{run.pid}-*")))
        assert str(disk) not in str(traces())
    finally:
        run.kill()
        victim.kill()
