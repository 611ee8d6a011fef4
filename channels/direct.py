"""A socket that is uvicorn's protocol object itself: no task, no queue and no event for each connection.

It reads frames (frames.py) as they come and writes whole frames straight to the transport. Whoever floods
with control frames or fragments is cut; what waits to be written is bounded here, in the transport's buffer
and in the kernel's; a close that the peer does not take in ends by itself. How one comes about is told in
arrival.py.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from channels import control, frames
from channels import socket as sockets
from channels.codec import Codec, Frame, wire
from channels.corking import CorkedProtocol
from channels.descriptor import NO_DESCRIPTOR, narrow
from channels.frames import Reader, Violation, close_frame, control_frame, read_close, text_of, whole_frames
from channels.handshake import Knock
from channels.house import House
from channels.protocol import CloseCode, ServerMessage, Welcome, close_reason
from channels.socket import ABNORMAL, Socket

MESSAGES_AT_ONCE = 64
"""Messages of one socket that are taken before others get their turn on the event loop."""

LAST_WORDS = 1024 * 1024
"""Bytes that a peer may still send once it is being closed: cutting it at once could lose the close frame."""

FRAME_WEIGHT = 64
"""What a message counts beside its bytes while they are thrown away, for it has to be read all the same."""

_FIRST = {Codec.JSON: 0x80 | frames.TEXT, Codec.MSGPACK: 0x80 | frames.BINARY}
_PONG = 0x80 | frames.PONG
_LONGER_THAN_CONTROL = 6 + 126
_log = logging.getLogger("holdfast.socket")


class DirectSocket(CorkedProtocol, Socket):
    """One open connection. Times are the event loop's."""

    __slots__ = (
        "_closer",
        "_control_until",
        "_cork",
        "_deaf",
        "_first",
        "_house",
        "_owes_ping",
        "_paused",
        "_pinged",
        "_reader",
        "_transport",
        "last_received",
    )

    def __init__(self, house: House, transport: asyncio.Transport, *, deflates: bool) -> None:
        super().__init__(house.door)
        self.deflates = deflates
        self.write = partial(house.cork.write, transport)
        self.descriptor = narrow(transport)
        self.last_received = house.loop.time()
        self._house = house
        self._transport, self._cork = transport, house.cork
        self._reader: Reader | None = None
        self._paused = transport.get_write_buffer_size() > 0
        self._pinged: bytes | None = None
        self._owes_ping = False
        self._closer: asyncio.TimerHandle | None = None
        self._first, self._control_until, self._deaf = 0, 0.0, False
        house.connections.add(self)

    def begin(self, codec: Codec, knock: Knock) -> None:
        """The handshake is answered."""
        self._first = _FIRST[codec]
        self._begin(codec, knock, ready=not self._paused)

    # -- uvicorn and the transport ---------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        """A few whole messages, or a pong, are the usual case; everything else goes through a reader."""
        self.last_received = self._house.loop.time()
        if self._reader is None:
            first = data[0]
            if first == self._first or (first == _PONG and len(data) < _LONGER_THAN_CONTROL):
                payloads = () if self._deaf else whole_frames(data, first)
                for payload in payloads:
                    self._take_whole(first & 0x0F, payload)
                if payloads:
                    return
            self._reader = Reader(deflates=self.deflates)
        self._reader.feed(data)
        self._read_on()

    def eof_received(self) -> None:
        """The peer sends no more: the transport closes."""

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._paused = True
        self.ready = False

    def resume_writing(self) -> None:
        """It reads again; what waits goes out from the loop, for this may run inside a write."""
        self._paused = False
        self._house.loop.call_soon(self._resumed)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """It is over. Whoever still knows the socket finds it closed."""
        self._house.connections.discard(self)
        if self._closer is not None:
            self._closer.cancel()
        self._over(ABNORMAL)
        self._tell_end(clean=False)
        self._deaf = True
        self._closer = self._reader = self.write = None
        self.descriptor = NO_DESCRIPTOR

    def shutdown(self) -> None:
        """The server ends: whoever is still here has stayed through the drain."""
        self.close(CloseCode.DRAIN, "going away")
        self._transport.close()
        self._cut_later()

    # -- in --------------------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        """Take what has come whole, so much at a time; a reader with nothing in it is dropped."""
        reader = self._reader
        if reader is None:
            return
        try:
            for _ in range(MESSAGES_AT_ONCE):
                if self._deaf:
                    self._hear_out(reader.forget())
                    return
                found = reader.next()
                if found is None:
                    break
                self._take(*found)
            else:
                self._transport.pause_reading()
                self._house.loop.call_soon(self._read_later)
                return
        except Violation as error:
            self._fail(error.code, error.reason)
            return
        if reader.idle:
            self._reader = None

    def _read_later(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._read_on()

    def _take_whole(self, opcode: int, payload: bytes) -> None:
        try:
            # Only frames of the codec's own kind come here: a binary one is msgpack.
            if opcode == frames.BINARY and self.closed_with is None:
                self._hear(payload)
            elif not self._deaf:
                self._take(opcode, payload)
        except Violation as error:
            self._fail(error.code, error.reason)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._said_goodbye(read_close(payload))
        elif opcode > frames.CLOSE:
            self._control(opcode, payload)
        elif self.closed_with is None:
            data = text_of(payload) if opcode == frames.TEXT else payload
            if isinstance(data, str) == (self.codec is Codec.JSON):
                self._hear(data)
            else:
                self._heard_wrong_kind()
        else:
            self._hear_out(FRAME_WEIGHT + len(payload))

    def _hear(self, data: bytes | str) -> None:
        try:
            self._heard(data)
        except Exception:  # noqa: BLE001 - a fault of ours closes this socket, and no other
            _log.critical("a conversation broke", exc_info=True)
            self.close(frames.INTERNAL, "internal error")

    def _control(self, opcode: int, payload: bytes) -> None:
        """A ping or a pong, within the budget.

        Who does not read is not answered either, or pinging would fill its buffer and look like reading.
        """
        self._control_until = control.after_one_more(self._control_until, self.last_received)
        if opcode == frames.PING and self.closed_with is None:
            if self._paused:
                self._pinged = payload
            else:
                self._say(control_frame(frames.PONG, payload))

    def _said_goodbye(self, code: int) -> None:
        """The peer's close frame: its own, which is answered, or the answer to ours."""
        self._deaf = True
        if self._over(code):
            self._say_last(close_frame(code))
            self._house.loop.call_soon(self._tell_clean_end)
        self._transport.close()
        self._cut_later()

    # -- out -------------------------------------------------------------------------------------------------

    def push(self, frame: Frame) -> None:
        """Take a broadcast; only while ready."""
        if self.ready:
            self._say(frame.deflated_wire if self.deflates else frame.wire)
        else:
            super().push(frame)

    def answer(self, message: ServerMessage) -> None:
        """Most answers go out at once, and nobody else gets them."""
        if self._paused or self._answers or self.closed_with is not None:
            super().answer(message)
        else:
            self.greeted = self.greeted or isinstance(message, Welcome)
            self._cork.write(self._transport, wire(message, self.codec))

    def answer_all(self, messages: Sequence[ServerMessage]) -> None:
        """Several answers in their order, in one write."""
        if self._paused or self._answers or self.closed_with is not None:
            super().answer_all(messages)
        else:
            self._say(b"".join([wire(message, self.codec) for message in messages]))

    def _write_now(self, made: Frame) -> bool:
        if self._paused:
            return False
        self._say(made.wire)
        return True

    def _resumed(self) -> None:
        """What waits, answers first; then it is ready again. Of all pings the last is answered (5.5.3)."""
        if self._pinged is not None and not self._paused and self.closed_with is None:
            pinged, self._pinged = self._pinged, None
            self._transport.write(control_frame(frames.PONG, pinged))
        if self._owes_ping and not self._paused:
            self._owes_ping = False
            self.ping()
        while not self._paused and self.closed_with is None:
            made = self._next()
            if made is None:
                if not self.ready:
                    self.ready = True
                    self.door.ready(self)
                return
            self._transport.write(made.wire)

    # -- the end ---------------------------------------------------------------------------------------------

    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close, behind what the transport holds; cut after CLOSE_SECONDS."""
        if self._over(code):
            self._say_last(close_frame(code, close_reason(words, retry_after)))
            self._cut_later()
            self._house.loop.call_soon(self._tell_abnormal_end)

    def _fail(self, code: int, reason: str) -> None:
        """A rule was broken: say so and hear no more (7.1.7).

        Our side of the connection ends at once; the peer's is read and thrown away for a moment, for closing
        over unread bytes would take the close frame back.
        """
        self.close(code, reason)
        self._deaf, self._unread = True, 0  # from here on it counts what is thrown away
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        if self._reader is not None:
            self._hear_out(self._reader.forget())

    def _hear_out(self, size: int) -> None:
        self._unread += size
        if self._unread > LAST_WORDS:
            self._transport.abort()

    def _cut_later(self) -> None:
        if self._closer is None:
            self._closer = self._house.loop.call_later(sockets.CLOSE_SECONDS, self._transport.abort)

    # -- watched by the pulse --------------------------------------------------------------------------------

    def silent_seconds(self, now: float) -> float:
        """How long nothing has come, pongs included, at the loop's time `now`."""
        return now - self.last_received

    def ping(self) -> None:
        """Ask for a sign of life; a peer that does not read just now is asked once it does."""
        if self._paused:
            self._owes_ping = True
        elif self.closed_with is None:
            self._transport.write(frames.PING_FRAME)

    def waiting_bytes(self) -> int | None:
        """How much waits to be sent."""
        return self._transport.get_write_buffer_size()
