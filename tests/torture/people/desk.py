"""The HTTP interface as a program uses it: lines that are kept alive, an honest word on each answer."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from tests.torture.people.line import Unanswered

KEPT: Final = 64
"""Idle connections that are kept for each server."""


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: Any

    @property
    def is_good(self) -> bool:
        return self.status < 400

    @property
    def is_final(self) -> bool:
        """Whether it says for certain what was done: a 5xx does not."""
        return self.status < 500

    @property
    def retry_after(self) -> float:
        """The seconds that it asks to wait."""
        return float(self.body.get("retry_after") or 0.0) if isinstance(self.body, dict) else 0.0

    @property
    def code(self) -> str:
        """The problem's."""
        return str(self.body.get("code", self.status)) if isinstance(self.body, dict) else str(self.status)


class Connection:
    """One that is open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    @property
    def is_usable(self) -> bool:
        """Whether the other side has not closed it, as far as one knows."""
        return not self._writer.is_closing() and not self._reader.at_eof()

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        body = await self._reader.readexactly(length)
        return Answer(int(head.split(" ", 2)[1]), json.loads(body) if body else None)

    def close(self) -> None:
        self._writer.close()


class Desk:
    """Asks whichever server one names."""

    def __init__(self) -> None:
        self._idle: defaultdict[int, list[Connection]] = defaultdict(list)

    async def reaches(self, port: int, patience: float = 2.0) -> Connection:
        """A connection to it; OSError where it is away."""
        idle = self._idle[port]
        while idle:
            found = idle.pop()
            if found.is_usable:
                return found
            found.close()
        try:
            async with asyncio.timeout(patience):
                return Connection(*await asyncio.open_connection("127.0.0.1", port), port)
        except TimeoutError:
            raise ConnectionError(f"nobody took the connection to {port}") from None

    async def asks(self, by: Connection, request: bytes, patience: float = 15.0) -> Answer:
        """The answer to one request; Unanswered where there is none."""
        try:
            async with asyncio.timeout(patience):
                answer = await by.ask(request)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            by.close()
            raise Unanswered(repr(error)) from error
        except BaseException:
            by.close()
            raise
        self._gives_back(by)
        return answer

    def _gives_back(self, by: Connection) -> None:
        idle = self._idle[by.port]
        if len(idle) < KEPT and by.is_usable:
            idle.append(by)
        else:
            by.close()

    def close(self) -> None:
        """Give all of them up."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()


def request(
    method: str, path: str, body: object = None, *, token: str = "", session: str = "", key: str = ""
) -> bytes:
    """A whole request; `session` is a session's token beside a user's."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
    if content:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if session:
        lines.append(f"Holdfast-Session: {session}")
    if key:
        lines.append(f"Idempotency-Key: {key}")
    return "\r\n".join([*lines, "", ""]).encode() + content
