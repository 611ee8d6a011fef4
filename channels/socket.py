"""One browser's socket: its messages in, answers and broadcasts out, and neither ever waits for the other.

Two classes know how bytes get there: `DirectSocket` (direct.py), which is uvicorn's protocol object itself,
without a task, and `PlainSocket` (plain.py), which stands on ASGI. What waits for a client that does not read
is the same in both: answers in a bounded queue, of broadcasts at most one; the hub passes over a socket that
is not `ready` and catches it up afterwards.

There is no loop that receives: a socket calls its `Talk` when a message was heard, and once when it is over.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from channels.codec import Codec, Frame, frame
from channels.descriptor import NO_DESCRIPTOR
from channels.handshake import Knock
from channels.hearing import FrameError, decode
from channels.protocol import AnyClientMessage, CloseCode, ServerMessage, Welcome

if TYPE_CHECKING:
    from asyncio import Future

MAX_UNREAD_ANSWERS = 1024 * 1024
"""Bytes of its own answers that a client may leave unread."""

BLOCKED_SECONDS = 60.0
"""How long a client may read nothing at all while something waits for it."""

CLOSE_SECONDS = 5.0
"""How long a closing handshake, or a last write, may take before the connection is cut."""

MAX_BAD_FRAMES = 3
SLOW_RETRY_SECONDS = 5.0
ABNORMAL = 1006
"""Stands for an end without a close frame (RFC 6455, 7.1.5), and is never sent."""


class Talk(Protocol):
    """What is said over one socket. Both are called from the event loop and must not wait."""

    def heard(self, message: AnyClientMessage) -> None:
        """The client said something."""
        ...

    def ended(self, code: int, *, clean: bool) -> None:
        """The socket is closed, by whom ever; `clean` if the peer said so itself, with a close frame."""
        ...


class Registry(Protocol):
    """Where open sockets are known, for heartbeats and liveness."""

    def add(self, socket: "Socket") -> None:
        """A socket opened."""
        ...

    def remove(self, socket: "Socket") -> None:
        """It closed."""
        ...


@dataclass(frozen=True, slots=True)
class Denial:
    """An HTTP answer instead of a socket."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Door(Protocol):
    """Who decides about handshakes."""

    @property
    def registry(self) -> Registry:
        """Where its sockets are known."""
        ...

    @property
    def has_rate_limit(self) -> bool:
        """Whether the rate of an address is limited, which all processes count together, in Redis."""
        ...

    def rate_limit_wait(self, knock: Knock) -> "Future[float]":
        """Ask Redis' rate limit: seconds until this address may connect, 0.0 for now.

        Called only if `has_rate_limit`.
        """
        ...

    def too_many(self, knock: Knock, wait: float) -> Denial:
        """The refusal of a handshake whose address has to wait so many seconds."""
        ...

    def admit(self, knock: Knock) -> Codec | Denial:
        """The agreed codec of a handshake that may go on."""
        ...

    def opens(self, socket: "Socket", knock: Knock) -> Talk:
        """The talk over an admitted socket."""
        ...

    def ready(self, socket: "Socket") -> None:
        """The socket can take a broadcast again."""
        ...


class Socket:
    """An accepted WebSocket that speaks `codec`."""

    __slots__ = (
        "_answers",
        "_bad_frames",
        "_broadcast",
        "_stuck",
        "_talk",
        "_unread",
        "closed_with",
        "codec",
        "deflates",
        "descriptor",
        "door",
        "greeted",
        "ready",
        "write",
    )

    def __init__(self, door: Door) -> None:
        self.door = door
        self.codec = Codec.JSON
        self.deflates = False
        self.ready = False
        self.greeted = False
        self.closed_with: int | None = None
        self.write: Callable[[bytes | memoryview], object] | None = None
        self.descriptor = NO_DESCRIPTOR
        self._talk: Talk | None = None
        self._answers: deque[Frame] | None = None
        self._unread = 0
        self._broadcast: Frame | None = None
        self._bad_frames = 0
        self._stuck: tuple[int, float] | None = None

    def _begin(self, codec: Codec, knock: Knock, *, ready: bool = True) -> None:
        """The handshake is done; not `ready` if that is not out yet."""
        self.codec = codec
        self.ready = ready
        self._talk = self.door.opens(self, knock)
        self.door.registry.add(self)

    # -- in --------------------------------------------------------------------------------------------------

    def _heard(self, data: bytes | str) -> None:
        """A message of the right kind came.

        A malformed one is answered with `bad_request`, the third closes with 4500.
        """
        if self.closed_with is not None or self._talk is None:
            return
        try:
            message = decode(data, self.codec)
        except FrameError as error:
            self.answer(error.answer)
            self._bad_frames += 1
            if self._bad_frames >= MAX_BAD_FRAMES:
                self.close(CloseCode.BAD_FRAMES, "three malformed frames")
            return
        self._talk.heard(message)

    def _heard_wrong_kind(self) -> None:
        wanted, other = ("text", "binary") if self.codec is Codec.JSON else ("binary", "text")
        self.close(CloseCode.WRONG_KIND, f"{self.codec.value} has {wanted} frames, not {other}")

    # -- out -------------------------------------------------------------------------------------------------

    def answer(self, message: ServerMessage) -> None:
        """Send the client something of its own; it goes before any broadcast that still waits."""
        if isinstance(message, Welcome):
            self.greeted = True
        if self.closed_with is not None:
            return
        made = frame(message, self.codec)
        if self._answers or not self._write_now(made):
            self._queue(made)

    def answer_all(self, messages: Sequence[ServerMessage]) -> None:
        """Several answers in their order, where that can be in one write."""
        for message in messages:
            self.answer(message)

    def in_one_write(self, work: Callable[[], None]) -> None:
        """Do `work` at once, with all that it answers in one write where that can be."""
        work()

    def _queue(self, made: Frame) -> None:
        self.ready = False
        if self._answers is None:
            self._answers = deque()
        self._answers.append(made)
        self._unread += len(made.data)
        if self._unread > MAX_UNREAD_ANSWERS:
            self.close(CloseCode.SLOW, "too many answers unread", SLOW_RETRY_SECONDS)

    def push(self, frame: Frame) -> None:
        """Take a broadcast; only while ready. One that comes all the same replaces what waits."""
        if self.closed_with is None and not self._write_now(frame):
            self.ready = False
            self._broadcast = frame

    def _next(self) -> Frame | None:
        """What goes out next of what waits: answers first."""
        if self._answers:
            made = self._answers.popleft()
            self._unread -= len(made.data)
            return made
        self._answers = None
        waiting, self._broadcast = self._broadcast, None
        return waiting

    @abstractmethod
    def _write_now(self, made: Frame) -> bool:
        """Write, if nothing that was said before still waits and the peer reads."""

    @abstractmethod
    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close; one that does not read is sent nothing more."""

    def _over(self, code: int) -> bool:
        """Note the end; False if it had come before."""
        if self.closed_with is not None:
            return False
        self.closed_with = code
        self.ready = False
        self._answers = self._broadcast = None
        self.door.registry.remove(self)
        return True

    def _tell_end(self, *, clean: bool) -> None:
        talk, self._talk = self._talk, None
        if talk is not None and self.closed_with is not None:
            talk.ended(self.closed_with, clean=clean)

    def _tell_clean_end(self) -> None:
        self._tell_end(clean=True)

    def _tell_abnormal_end(self) -> None:
        self._tell_end(clean=False)

    # -- watched by the pulse --------------------------------------------------------------------------------

    def silent_seconds(self, now: float) -> float:  # noqa: ARG002 - see direct.py
        """How long nothing has come, pongs included, by the loop's time; 0 where nobody can tell."""
        return 0.0

    def ping(self) -> None:
        """Ask for a sign of life, where that can be done."""

    def waiting_bytes(self) -> int | None:
        """How much waits to be sent; None where nobody can tell."""
        return None

    @property
    def was_stuck(self) -> bool:
        """Whether something waited when this was last looked at."""
        return self._stuck is not None

    def close_if_stuck(self, now: float) -> None:
        """Close if the peer has read nothing at all for BLOCKED_SECONDS while something waited."""
        if self.ready or self.closed_with is not None:
            self._stuck = None
            return
        waiting = self.waiting_bytes()
        if waiting is None:
            return
        if self._stuck is None or self._stuck[0] != waiting:
            self._stuck = (waiting, now)
        elif now - self._stuck[1] >= BLOCKED_SECONDS:
            self.close(CloseCode.SLOW, "nothing read for too long", SLOW_RETRY_SECONDS)
