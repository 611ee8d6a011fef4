"""A deploy as it is done: the schema is migrated beside the running servers, which go over one by one."""

import asyncio
import random
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from server.embedded.process import choose_port
from tests.support.processes import ROOT, Process

PARTS: Final = ("server", "channels", "static")
MIGRATE_SECONDS: Final = 60.0
MIGRATION: Final = """
alter table booking add column deployed_with text not null default 'before';
alter table booking_line add column deployed_with text;
create index booking_deployed_with on booking (deployed_with, id);
update booking set deployed_with = 'beside';
"""
"""What locks whole tables for a moment, and rewrites every row of the busiest one."""


class Version:
    """A copy of the program, that may have been changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))

    def needs(self, migration: str) -> None:
        """It has one migration more than those before it."""
        there = self.folder / "server" / "database" / "migrations"
        number = len(list(there.glob("*.sql"))) + 1
        (there / f"{number:04}_deployed.sql").write_text(migration)


class Deployable(Process):
    """`holdfast run` of one version after another, on one port."""

    def __init__(self, environment: Mapping[str, str], log: Path, port: int) -> None:
        super().__init__(environment, log, port)
        self.version = ROOT

    def _launch(self) -> None:
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "server", "run"],
                cwd=self.version,
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    async def migrates(self, version: Path) -> str:
        """`holdfast migrate` of another version; what it says."""
        command = (sys.executable, "-m", "server", "migrate")
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=version,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(MIGRATE_SECONDS):
            said, _ = await child.communicate()
        assert child.returncode == 0, said.decode()
        return said.decode().strip()


@asynccontextmanager
async def deployable(settings: Mapping[str, str], folder: Path) -> AsyncIterator[Deployable]:
    """One that is not yet started; `Street` is given several of them."""
    name = f"deployed-{secrets.token_hex(4)}"
    made = Deployable(settings, folder / f"{name}.log", choose_port(folder / f"{name}.port"))
    try:
        yield made
    finally:
        await made.kill()


class Deploy:
    """The first strike migrates; each ends one server in order, which healing starts as the next version."""

    name = "deploy"

    def __init__(self, servers: Sequence[Deployable], version: Version) -> None:
        self._waiting = list(servers)
        self._version = version.folder
        self._going: list[Deployable] = []
        self._is_migrated = False

    @property
    def is_done(self) -> bool:
        """Whether all have gone over."""
        return not self._waiting

    async def strike(self, _chance: random.Random) -> str:
        if not self._waiting:
            return "all have gone over"
        said = "" if self._is_migrated else await self._waiting[0].migrates(self._version)
        self._is_migrated = True
        server = self._waiting.pop(0)
        self._going.append(server)
        await server.stop()
        server.version = self._version
        return f"{said} {server.port} ends in order".strip()

    async def heal(self) -> None:
        while self._going:
            await self._going[-1].kill()  # what a try that was given up has begun
            await self._going[-1].start()
            self._going.pop()
