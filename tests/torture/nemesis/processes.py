"""Processes that are killed, stopped in their tracks, and started again."""

import asyncio
import inspect
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.support.servers import family
from tests.support.waiting import until
from tests.torture.nemesis.bailiff import start_of
from tests.torture.nemesis.debts import Debt, owe

STOP_SECONDS = 60


class Mortal(Protocol):
    """What can be killed and started again: a process of Holdfast, a Redis, a PostgreSQL.

    `kill` and `start` may be coroutines (a process of ours) or not (an embedded server).
    """

    @property
    def pid(self) -> int:
        """The running process."""

    def kill(self) -> Any:
        """End it as a crash does."""

    def start(self) -> Any:
        """Start it where it was, and return when it serves."""


class Kill:
    """kill -9 of one of several at random, or of `all_at_once`; healing starts them again."""

    def __init__(self, *mortals: Mortal, name: str = "kill", all_at_once: bool = False) -> None:
        self.name = name
        self._mortals = mortals
        self._all_at_once = all_at_once
        self._dead: list[Mortal] = []

    async def strike(self, chance: random.Random) -> str:
        chosen = self._mortals if self._all_at_once else (chance.choice(self._mortals),)
        said = []
        for mortal in chosen:
            if mortal not in self._dead:
                said.append(f"kill -9 {mortal.pid}")
                self._dead.append(mortal)
                await _done(mortal.kill())
        return ", ".join(said) or "dead already"

    async def heal(self) -> None:
        while self._dead:
            # started in this thread: an embedded server ends with the thread that started it
            await _done(self._dead[-1].start())
            self._dead.pop()


class Restart(Kill):
    """Ended in order, as a deploy does it, and started again by healing."""

    def __init__(self, *mortals: Mortal, name: str = "restart") -> None:
        super().__init__(*(_Orderly(mortal) for mortal in mortals), name=name)

    async def strike(self, chance: random.Random) -> str:
        return (await super().strike(chance)).replace("kill -9", "ends in order:")


class _Orderly:
    """A process whose end is an orderly one."""

    def __init__(self, mortal: Any) -> None:
        self._mortal = mortal

    @property
    def pid(self) -> int:
        return int(self._mortal.pid)

    def kill(self) -> Any:
        return self._mortal.stop()

    def start(self) -> Any:
        return self._mortal.start()


class Stop:
    """SIGSTOP of one of several, its children too: connections stay open and nothing answers."""

    name = "stop"

    def __init__(self, *mortals: Mortal, name: str = name) -> None:
        self.name = name
        self._mortals = mortals
        self._stopped: dict[int, Debt] = {}

    async def strike(self, chance: random.Random) -> str:
        mortal = chance.choice(self._mortals)
        pids = family(mortal.pid)
        for pid in pids:
            self._stop(pid)
        await until(lambda: set(states(pids)) <= {"T", "Z", "gone"}, STOP_SECONDS)
        return f"SIGSTOP {' '.join(map(str, pids))}"

    async def heal(self) -> None:
        # children first: a parent that goes on may look after one that does not answer yet
        for pid, debt in reversed(list(self._stopped.items())):
            _send(pid, signal.SIGCONT)
            debt.paid()
            del self._stopped[pid]

    def _stop(self, pid: int) -> None:
        if pid not in self._stopped and (started := _start(pid)):
            self._stopped[pid] = owe("continue", pid, started)
            _send(pid, signal.SIGSTOP)


class Revive:
    """Starts a process again that has died of what was done to it; one that lives is left alone."""

    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal

    async def now(self) -> None:
        """See to it that it runs."""
        if states([self._mortal.pid])[0] in {"Z", "gone"}:
            await _done(self._mortal.kill())  # buries it
            await _done(self._mortal.start())


def states(pids: Sequence[int]) -> list[str]:
    """What the kernel says of each: R, S, T (stopped), Z; `gone` where there is none."""
    return [_state(pid) for pid in pids]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def _start(pid: int) -> str:
    try:
        return start_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def _done(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
    else:
        await asyncio.sleep(0)
