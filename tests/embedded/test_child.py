import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.embedded import child
from server.embedded.process import command_line

START = """
import sys, time
from pathlib import Path
from server.embedded.redis import Redis
from server.embedded.postgresql import PostgreSQL
servers = [Redis(Path(sys.argv[1]) / "r"), PostgreSQL(Path(sys.argv[1]) / "p")]
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
time.sleep(60)
"""


async def test_the_servers_die_with_their_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert all(str(tmp_path) in command_line(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(60):
        while any(str(tmp_path) in command_line(pid) for pid in pids):  # noqa: ASYNC110  # not our children
            await asyncio.sleep(0.01)


class System:
    """Stands for the system's calls and writes them down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.answer = 0
        for name in ("setgroups", "setgid", "setuid", "execv"):
            monkeypatch.setattr(os, name, self._recorder(name))
        monkeypatch.setattr(
            ctypes,
            "CDLL",
            lambda *_, **__: SimpleNamespace(
                unshare=self._recorder("unshare"), prctl=self._recorder("prctl")
            ),
        )
        monkeypatch.setattr(Path, "write_text", lambda path, text: self.calls.append((str(path), text)))

    def _recorder(self, name: str) -> object:
        def record(*arguments: object) -> int:
            self.calls.append((name, *arguments))
            return self.answer

        return record


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


def test_it_becomes_the_program_as_the_same_user(system: System) -> None:
    child.main([str(os.getppid()), "15", "same", "/bin/true", "x"])
    assert system.calls == [("prctl", 1, signal.SIGTERM), ("execv", "/bin/true", ["/bin/true", "x"])]


def test_it_becomes_another_user_before_it_asks_for_the_signal(system: System) -> None:
    child.main([str(os.getppid()), "2", "65534", "/bin/true"])
    names = [call[0] for call in system.calls]
    assert names == ["setgroups", "setgid", "setuid", "prctl", "execv"]
    assert ("setuid", 65534) in system.calls


def test_it_is_somebody_else_in_a_namespace_of_its_own(system: System) -> None:
    child.main([str(os.getppid()), "2", "namespace", "/bin/true"])
    assert system.calls[0] == ("unshare", child.CLONE_NEWUSER)
    assert ("/proc/self/uid_map", f"1000 {os.geteuid()} 1") in system.calls
    assert ("/proc/self/setgroups", "deny") in system.calls


def test_a_refused_namespace_is_an_error(system: System) -> None:
    system.answer = -1
    with pytest.raises(OSError, match="a user namespace is refused"):
        child.become("namespace")


def test_elsewhere_than_on_linux_no_signal_is_asked_for(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    child.main([str(os.getppid()), "15", "same", "/bin/true"])
    assert [call[0] for call in system.calls] == ["execv"]


def test_it_does_not_begin_where_the_parent_is_gone(system: System) -> None:
    with pytest.raises(SystemExit, match="the parent ended"):
        child.main([str(os.getpid()), "15", "same", "/bin/true"])
    assert [call[0] for call in system.calls] == ["prctl"]
