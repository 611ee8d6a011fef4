"""uvicorn's HTTP protocol, with an end to what an anonymous peer may cost in bytes and in time.

Middleware comes too late for this: it sees a request only when its head is complete.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""From the connection, or a request's first byte, to the end of its head."""

BODY_SECONDS = 15.0
"""From the end of a request's head to the end of its body."""

UNREAD_SECONDS = 60.0
"""How long a peer may read nothing of an answer that waits for it."""

MAX_HEAD_BYTES = 32 * 1024
_SLICE = 4096


class BoundedHttpProtocol(HttpToolsProtocol):
    """Given to uvicorn as `http=`. A peer that exceeds a bound is closed; an endless head is told 431."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = 0
        self._done = False
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection without a request has as long as a head has."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it to what it is
        self._expect_within(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Fed in slices while a head is on its way, so that its length is known before it is kept."""
        while data and self._in_head and not self._done:
            part, data = data[:_SLICE], data[_SLICE:]
            self._head_bytes += len(part)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()
                return
            super().data_received(part)
        if data and not self._done:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._expect_within(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        self._expect_within(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._expect_nothing()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The WebSocket protocol takes over, with deadlines of its own.

        It takes over a connection on which nothing is left to say: a client has read the answer to what it
        asked before it asks for more, and a transport tells no second protocol that it is paused.
        """
        self._end()
        if self._is_answering or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        self.resume_writing()
        if self.scope["http_version"] != "1.1":
            self.send_400_response("A WebSocket needs HTTP/1.1.")  # RFC 6455, 4.2.1
            return
        super().handle_websocket_upgrade()
        self.resume_writing()  # what it said is waited for by itself
        # The two know each other, and only the collector would ever part them.
        self.parser = None  # type: ignore[assignment]  # as uvicorn itself does when a connection is lost

    def send_400_response(self, msg: str) -> None:
        """After a malformed request nothing of this peer is read."""
        self._end()
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._end()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read."""
        super().pause_writing()
        self._writing = self._later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._reading = self._later(seconds, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _end(self) -> None:
        self._done = True
        self._expect_nothing()

    def _refuse_head(self) -> None:
        self._end()
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode())
        self.transport.close()

    def _later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, action)
