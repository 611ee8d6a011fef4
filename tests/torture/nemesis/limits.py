"""A process gets less than it needs: of the processor, of memory, of descriptors."""

import asyncio
import contextlib
import itertools
import os
import random
import resource
import signal
from pathlib import Path
from typing import Final

from tests.torture.nemesis.bailiff import disband, start_of
from tests.torture.nemesis.debts import Debt, owe
from tests.torture.nemesis.machine import cgroup, no_cgroup
from tests.torture.nemesis.processes import Mortal, Revive

PERIOD: Final = 100_000
"""Microseconds of a cgroup's period, and of a duty cycle's."""

_numbers = itertools.count()


class Group:
    """A cgroup below our own that one process is moved into, and back out of; version 1 or 2."""

    def __init__(self, controller: str) -> None:
        self.path = cgroup(controller) / f"holdfast-{os.getpid()}-{next(_numbers)}"
        self._debt = owe("disband", str(self.path))
        self.path.mkdir()

    def takes(self, pid: int) -> None:
        """Move the process in."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def close(self) -> None:
        """Give back whatever is in it, and be gone."""
        if self.path.exists():
            disband(self.path)
        self._debt.paid()

    def sets(self, **values: str) -> None:
        """Write those of the files that exist here; `a__b` stands for `a.b`."""
        for name, value in values.items():
            if (file := self.path / name.replace("__", ".")).exists():
                file.write_text(value)


class Throttle:
    """A process gets a `share` of one processor: by a cgroup, else by stopping it most of the time."""

    def __init__(self, mortal: Mortal, share: float = 0.2) -> None:
        self.name = f"throttled to {share:.0%}"
        self._mortal = mortal
        self._share = share
        self._group: Group | None = None
        self._cycle: asyncio.Task[None] | None = None
        self._debt: Debt | None = None

    async def strike(self, _chance: random.Random) -> str:
        if self._group or self._cycle:
            return "is throttled already"
        pid = self._mortal.pid
        if reason := no_cgroup("cpu"):
            self._debt = owe("continue", pid, start_of(pid))
            self._cycle = asyncio.create_task(self._stop_and_go(pid))
            return f"{pid} runs {self._share:.0%} of the time ({reason})"
        self._group = Group("cpu")
        quota = int(PERIOD * self._share)
        self._group.sets(cpu__max=f"{quota} {PERIOD}", cpu__cfs_quota_us=str(quota))
        self._group.takes(pid)
        return f"{pid} has {self._share:.0%} of a processor"

    async def heal(self) -> None:
        if self._group is not None:
            self._group.close()
        self._group = None
        if self._cycle is not None and self._debt is not None:
            self._cycle.cancel()
            await asyncio.gather(self._cycle, return_exceptions=True)
            self._debt.paid()
        self._cycle = self._debt = None

    async def _stop_and_go(self, pid: int) -> None:
        period = PERIOD / 1_000_000
        try:
            while True:
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(period * (1 - self._share))
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(period * self._share)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Memory:
    """A process may take so many more megabytes: then the kernel kills it (cgroup), or refuses (rlimit).

    Healing starts it again, if it was killed.
    """

    def __init__(self, mortal: Mortal, megabytes: int) -> None:
        self.name = f"{megabytes} MB more memory"
        self._mortal = mortal
        self._bytes = megabytes * 1024 * 1024
        self._group: Group | None = None
        self._limit: Limit | None = None

    async def strike(self, chance: random.Random) -> str:
        if self._group or self._limit:
            return "is limited already"
        if reason := no_cgroup("memory"):
            self._limit = Limit(self._mortal, resource.RLIMIT_AS, _mapped(self._mortal.pid) + self._bytes)
            return f"{await self._limit.strike(chance)} ({reason})"
        self._group = Group("memory")
        size = str(self._bytes)
        self._group.sets(memory__max=size, memory__swap__max="0", memory__limit_in_bytes=size)
        self._group.takes(self._mortal.pid)
        return f"{self._mortal.pid} may take {self._bytes} bytes more"

    async def heal(self) -> None:
        if self._limit is not None:
            await self._limit.heal()
        self._limit = None
        if self._group is not None:
            self._group.close()
            self._group = None
            await Revive(self._mortal).now()


class Limit:
    """One of a process' resource limits is lowered; healing gives it back what it had."""

    def __init__(self, mortal: Mortal, which: int, value: int) -> None:
        self.name = f"limit {which} at {value}"
        self._mortal = mortal
        self._which = which
        self._value = value
        self._had: tuple[int, str, tuple[int, int]] | None = None

    async def strike(self, _chance: random.Random) -> str:
        pid = self._mortal.pid
        if self._had is None:
            self._had = (pid, start_of(pid), resource.prlimit(pid, self._which))
            _, hard = self._had[2]
            resource.prlimit(pid, self._which, (self._value, hard))
        return f"{pid}: {self.name}"

    async def heal(self) -> None:
        if self._had is None:
            return
        pid, started, limits = self._had
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if start_of(pid) == started:
                resource.prlimit(pid, self._which, limits)
        self._had = None


class Descriptors(Limit):
    """A process may open so many files and sockets more than it has now, and none beyond that."""

    def __init__(self, mortal: Mortal, more: int = 0) -> None:
        super().__init__(mortal, resource.RLIMIT_NOFILE, 0)
        self.name = f"{more} more descriptors"
        self._more = more

    async def strike(self, chance: random.Random) -> str:
        self._value = _highest(self._mortal.pid) + 1 + self._more
        return f"{await super().strike(chance)}, at most {self._value}"


def _highest(pid: int) -> int:
    """The highest number of a descriptor that the process has."""
    return max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())


def _mapped(pid: int) -> int:
    """How many bytes of addresses the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
