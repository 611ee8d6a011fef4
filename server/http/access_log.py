"""One line for each request and each socket, with an id, without queries, tokens or bodies."""

import logging
import secrets
from typing import Any, Final

import structlog
from starlette.types import Message, Scope

from server.http.addresses import address_of
from server.http.hosts import PROBES
from server.http.logged_path import logged_path

_log = structlog.get_logger("holdfast.access")
_PATH_LIMIT: Final = 200


def access_log() -> Any:
    """Where entries are written; made anew for each, it would cost as much as writing the entry."""
    return _log.bind()


class LogEntry:
    """One request or handshake: its name (`request`, in all that it logs), and what became of it."""

    __slots__ = ("_scope", "request", "status")

    def __init__(self, scope: Scope) -> None:
        self.request = secrets.token_hex(8)
        self.status: int | None = None
        self._scope = scope

    def notes(self, message: Message) -> None:
        """What is answered to a handshake."""
        if message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.close":
            self.status = message.get("code", 1000) if self.status else 403

    def write(self, log: Any, seconds: float) -> None:
        """It is over, so many seconds after it came."""
        level = logging.DEBUG if self._scope["path"] in PROBES else logging.INFO
        if not log.is_enabled_for(level):
            return
        log.log(
            level,
            "socket" if self._scope["type"] == "websocket" else "request",
            method=self._scope.get("method", "GET"),
            path=logged_path(self._scope)[:_PATH_LIMIT],
            status=self.status,
            milliseconds=round(seconds * 1000, 1),
            address=address_of(self._scope),
        )
