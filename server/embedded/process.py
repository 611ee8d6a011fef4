"""One server as a child process: a port of its own, a bounded start, an orderly end."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

START_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.01  # servers are started before there is an event loop, so waiting blocks
PROC = Path("/proc")
LAUNCHER = Path(__file__).with_name("child.py")
# Below every system's ephemeral range: a client that retries a dead port there could connect to itself.
PORTS = range(20_000, 32_000)


class EmbeddedError(Exception):
    """The server could not be found or started; the message says what would help."""


def launcher(program: list[str], *, stop_signal: int, user: str = "same") -> list[str]:
    """The command that becomes `program` and dies with this process; see child.py."""
    # -I -S: nothing of the environment or site-packages is needed to call exec
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(stop_signal), user, *program]


def environment() -> dict[str, str]:
    """Ours without PG… variables, which would steer PostgreSQL elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def choose_port(memory: Path) -> int:
    """The port written in `memory` while it is free, else another free one, which is then remembered."""
    candidates = [random.choice(PORTS) for _ in range(100)]  # noqa: S311  # a port is no secret
    with contextlib.suppress(FileNotFoundError, ValueError):
        candidates.insert(0, int(memory.read_text()))
    for port in candidates:
        if _is_free(port):
            memory.write_text(str(port))
            return port
    raise EmbeddedError("found no free port on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads, from its first moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> str:
    """What the process was started with; empty where it is gone or cannot be known."""
    if PROC.joinpath("self").exists():
        with contextlib.suppress(OSError):
            return (
                PROC.joinpath(str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        return ""
    listed = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return listed.stdout.decode(errors="replace")


class Server(ABC):
    """A server that keeps its state in one directory and may be started there again and again.

    `start` and `stop` block for at most START_SECONDS and STOP_SECONDS. Start it from the main thread: the
    kernel ends a child with the *thread* that made it.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[int]

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self.user = "same"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, password included."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @abstractmethod
    def _prepare(self) -> None:
        """Make the state directory what the server needs; runs before every start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The server's own command line for `self.port`."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it takes commands now."""

    @abstractmethod
    def _orphan(self) -> int | None:
        """The pid an earlier start left in the state directory."""

    @property
    def _home(self) -> Path:
        """The folder by which the server's command line is known as ours."""
        return self.state

    @property
    def log(self) -> Path:
        return self.state / f"{self.name.lower()}.log"

    def start(self) -> str:
        """Start it and answer its URL; raise EmbeddedError with the end of its log where it does not."""
        self._prepare()
        self._end_orphan()
        deadline = time.monotonic() + START_SECONDS
        while not self._started(deadline):
            said = self._last_words()
            self.kill()
            if not self._may_try_again(said) or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} does not start; the end of {self.log}:\n{said}")
            time.sleep(POLL_SECONDS)
        return self.url

    def _started(self, deadline: float) -> bool:
        self.port = choose_port(self.state / "port")
        command = launcher(self._command(), stop_signal=self.stop_signal, user=self.user)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.state,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop it when we are done with it
            )
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def _may_try_again(self, said: str) -> bool:
        """Whether the port was taken since we chose it, or a killed predecessor is still going."""
        return "ddress already in use" in said or "still in use" in said

    def stop(self) -> None:
        """End it in order; what does not end in time is killed. Stopping twice is harmless."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove all it kept; the next start begins anew."""
        self._end_orphan()
        shutil.rmtree(self.state, ignore_errors=True)

    def _end_orphan(self) -> None:
        pid = self._orphan()
        if pid is None or not self._runs_on_our_state(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, self.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        while self._runs_on_our_state(pid):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} (pid {pid}) still runs on {self.state} and does not end")
            time.sleep(POLL_SECONDS)

    def _runs_on_our_state(self, pid: int) -> bool:
        """By its command line, which a process that waits for its parent to bury it no longer has."""
        return str(self._home) in command_line(pid)
