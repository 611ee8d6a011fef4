"""The demo's `.holdfast/`: its servers, its secrets, and the lock that keeps two demos apart."""

import fcntl
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from server.embedded.postgresql import PostgreSQL
from server.embedded.process import EmbeddedError, Server, write_secret
from server.embedded.redis import Redis


class Home:
    """A context: entering takes the lock, leaving stops every server that was started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._stack = ExitStack()
        self._redis = Redis(self.folder / "redis")
        self._postgresql = PostgreSQL(self.folder / "postgresql")

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            lock = self._stack.enter_context((self.folder / "lock").open("a+"))
        except OSError as error:
            raise EmbeddedError(f"cannot write {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._stack.close()
            raise EmbeddedError(f"a demo is already running on {self.folder}; stop that one first") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Forget everything that earlier demos kept here."""
        self._redis.forget()
        self._postgresql.forget()
        for name in ("secret-key", "jwt-secret", "vapid-key"):
            (self.folder / name).unlink(missing_ok=True)

    def redis_url(self) -> str:
        """Start the Redis and answer its URL."""
        return self._start(self._redis)

    def database_url(self) -> str:
        """Start the PostgreSQL and answer its URL."""
        return self._start(self._postgresql)

    def _start(self, server: Server) -> str:
        self._stack.callback(server.stop)
        return server.start()

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_hex(32)) -> str:
        """A secret of this demo, made once; only its owner can read the file."""
        path = self.folder / name
        if not path.exists():
            write_secret(path, make())
        path.chmod(0o600)
        return path.read_text()
