"""A disk of a few megabytes, that a server keeps its state on, and that is full.

    with SmallDisk(folder, megabytes=16) as disk:
        disk.path  # the server's state folder
        fault = DiskFull(disk)

It is a tmpfs on a mount of its own. Nothing of it is left when its context is left.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.torture.nemesis.debts import Debt, owe
from tests.torture.nemesis.machine import NotHere, no_mounts, tried
from tests.torture.nemesis.processes import Revive

MEGABYTE: Final = 1024 * 1024
FILL: Final = "filler"
PIECE: Final = 64 * 1024


class SmallDisk:
    """A file system of so many megabytes, mounted while its context is open; NotHere if we may not mount."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        self.megabytes = megabytes
        self._debts: list[Debt] = []

    def __enter__(self) -> Self:
        if reason := no_mounts():
            raise NotHere(reason)
        self.path.mkdir(parents=True)
        self._debts = [owe("remove", str(self.path)), owe("run", "umount", "--lazy", str(self.path))]
        reason = tried(
            "mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=755", "none", str(self.path)
        )
        if reason:
            self._close()
            raise NotHere(reason)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
        self._close()

    def _close(self) -> None:
        self.path.rmdir()
        for debt in self._debts:
            debt.paid()

    def resize(self, megabytes: int) -> None:
        """Make it larger or smaller, with all that is on it."""
        command = ["mount", "-o", f"remount,size={megabytes}m", str(self.path)]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def free(self) -> int:
        """How many bytes it still takes."""
        return shutil.disk_usage(self.path).free


class DiskFull:
    """All space is taken; healing makes the disk larger, as its owner would, and frees what was taken.

    A server that died of it is started again then, if `revive` has it.
    """

    def __init__(self, disk: SmallDisk, *, name: str = "disk full", revive: Revive | None = None) -> None:
        self.name = name
        self._disk = disk
        self._revive = revive

    async def strike(self, _chance: random.Random) -> str:
        before = self._disk.free
        with (self._disk.path / FILL).open("ab", buffering=0) as file:
            _fill(file.fileno())
        return f"took {before} bytes, the last of {self._disk.megabytes} MB"

    async def heal(self) -> None:
        self._disk.resize(self._disk.megabytes * 2)
        (self._disk.path / FILL).unlink(missing_ok=True)
        if self._revive is not None:
            await self._revive.now()


def _fill(file: int) -> None:
    """Write until nothing more fits, not even a byte."""
    piece = PIECE
    while piece:
        try:
            os.write(file, bytes(piece))
        except OSError:
            piece //= 2
