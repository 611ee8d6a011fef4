"""A wall clock that jumps or runs fast, for one process alone; monotonic time stays what it is.

    with Skew(folder) as skew:
        ...  # start a process with skew.environment
        fault = ClockJump(skew, 3600)

The machine's own clock is never touched. The shim is C, compiled where there is a compiler; see skew.c.
"""

import hashlib
import mmap
import random
import struct
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from bench.compiler import Missing, compiler
from tests.torture.nemesis.machine import NotHere

SOURCE: Final = Path(__file__).with_name("skew.c")
LAYOUT: Final = struct.Struct("qqq")
BILLION: Final = 1_000_000_000


def shim(folder: Path, source: Path = SOURCE) -> Path:
    """The compiled library, made once for each state of its source; NotHere says why it cannot be."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    made = folder / f"{source.stem}-{digest}.so"
    if not made.exists():
        try:
            words = compiler()
        except Missing as reason:
            raise NotHere(str(reason)) from None
        unfinished = made.with_suffix(".unfinished")
        command = [*words, "-O2", "-shared", "-fPIC", "-o", str(unfinished), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotHere(f"{source.name} does not compile: {done.stderr.strip()[-300:]}")
        unfinished.rename(made)
    return made


class Skew:
    """How far off the wall clock is for all processes that are started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._map: mmap.mmap | None = None

    def __enter__(self) -> Self:
        path = self._folder / "skew"
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self.environment = {"LD_PRELOAD": str(shim(self._folder)), "HOLDFAST_SKEW": str(path)}
        return self

    def __exit__(self, *_: object) -> None:
        assert self._map is not None
        self._map.close()

    def is_off(self, seconds: float, *, rate: int = 0) -> None:
        """From now on the clock is off by so many seconds, and gains so many parts per million."""
        assert self._map is not None
        self._map[:] = LAYOUT.pack(int(seconds * BILLION), time.time_ns(), rate)


class ClockJump:
    """The wall clock jumps, or runs fast by `rate` parts per million; healing brings the true time back."""

    def __init__(self, skew: Skew, seconds: float, *, rate: int = 0) -> None:
        self.name = f"clock {seconds:+g} s" + (f", {rate:+d} ppm" if rate else "")
        self._skew = skew
        self._seconds = seconds
        self._rate = rate

    async def strike(self, _chance: random.Random) -> str:
        self._skew.is_off(self._seconds, rate=self._rate)
        return self.name

    async def heal(self) -> None:
        self._skew.is_off(0)
