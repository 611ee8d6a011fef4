"""For the tests of faults: processes to torment, and what faults of a machine could leave behind."""

import functools
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tests.support.processes import ROOT
from tests.torture.nemesis.debts import BOOKS

Test = Callable[..., Awaitable[None]]


def where(question: Callable[[], str]) -> Callable[[Test], Test]:
    """Where the answer is a reason, that is what is tested: whoever asks is told why there is no harm."""

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def either(*arguments: Any, **named: Any) -> None:
            if not question():
                await test(*arguments, **named)
            else:
                assert len(question()) > 10

        return either

    return decorate


NAMESPACES: Final = " /run/netns "
"""Where the machine keeps its network namespaces: a mount that is made with the first, and stays."""


def traces() -> Counter[tuple[str, str]]:
    """What faults of the machine could leave behind, by kind and name; other processes' too."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    groups = [path for path in Path("/sys/fs/cgroup").glob("**/holdfast-*") if path.is_dir()]
    found: dict[str, list[Any]] = {
        "mount": [each for each in mounts if NAMESPACES not in each],
        "cgroup": groups,
        "debt": BOOKS.outstanding,
        "link": [path.name for path in Path("/sys/class/net").iterdir()],
        "file": ["one of them" for _ in Path("/proc/self/fd").iterdir()],
        "child": children(),
    }
    return Counter((kind, str(each)) for kind, names in found.items() for each in names)


def children() -> list[str]:
    """Our children, by what they run; the bailiff stays."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return sorted(name for pid in pids if "bailiff" not in (name := _command(pid)) and name)


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Busy:
    """A process that does what its program says."""

    def __init__(self, program: str, *arguments: str, **environment: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.stdin, self.stdout = self.child.stdin, self.child.stdout

    @property
    def pid(self) -> int:
        return self.child.pid

    def kill(self) -> None:
        self.child.kill()
        self.child.communicate()

    def start(self) -> None: ...

    def asks(self) -> str:
        self.stdin.write(b"\n")
        self.stdin.flush()
        return self.stdout.readline().decode().strip()

    @property
    def used(self) -> float:
        """Seconds of processor."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
