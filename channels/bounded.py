"""uvicorn's own WebSocket protocol, with an end to a connection whose peer does not read.

uvicorn closes and then waits for as long as the last bytes take, and for one that never reads that is for
ever.
"""

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from channels import socket as sockets

if TYPE_CHECKING:
    from asyncio import Task, TimerHandle


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Given to uvicorn as `ws=` where direct sockets do not serve."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unread: TimerHandle | None = None
        self._closer: TimerHandle | None = None

    def pause_writing(self) -> None:
        """The peer does not read: the application has time to say so before the connection is cut."""
        super().pause_writing()
        wait = sockets.BLOCKED_SECONDS + sockets.CLOSE_SECONDS
        self._unread = self.loop.call_later(wait, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._never_cut_unread()
        super().resume_writing()

    def on_task_complete(self, task: "Task[None]") -> None:
        """The application has ended: what it said last, and the closing handshake, have a moment."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._closer = self.loop.call_later(sockets.CLOSE_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._never_cut_unread()
        if self._closer is not None:
            self._closer.cancel()
        super().connection_lost(exc)

    def _never_cut_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
