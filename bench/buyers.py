"""Many buyers' sockets on one server, in one thread: epoll, frames made beforehand, answers hardly read.

Masks are all zeros, which RFC 6455 allows a client that is no browser: the server's work is the same and this
side's is none. Answers are told apart by their first bytes, for `type` comes first.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgpack

_HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: holdfast.v1.msgpack\r\n\r\n"
)
_ID = b"\xa2id\xd9\x20"
READ_BYTES = 256 * 1024
CONNECTING = 256  # handshakes on their way at once
PATIENCE = 60.0


def masked(message: dict[str, object]) -> bytes:
    """A client's message as a whole frame."""
    data = msgpack.packb(message)
    size = len(data)
    head = bytes((0x82, 0x80 | size)) if size < 126 else b"\x82\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + data


@dataclass(eq=False, slots=True)
class Buyer:
    """One socket. `asked_at` is when it asked for what it waits for, 0.0 if for nothing."""

    socket: socket.socket
    number: int
    rest: bytes = b""
    is_open: bool = False
    asked_at: float = 0.0
    hold: str = ""
    token: str = ""


@dataclass
class Answers:
    """What came of many commands; seconds each took."""

    took: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    def ms(self, share: float) -> float:
        """The time within which this share of them was answered."""
        ordered = sorted(self.took)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Buyers:
    """`count` sessions with a socket each. `on_push(buyer, payload)` hears what nobody asked for."""

    def __init__(self, port: int, count: int) -> None:
        self.all: list[Buyer] = []
        self.on_push: Callable[[Buyer, bytes], None] = lambda _buyer, _data: None
        self._port = port
        self._count = count
        self._poll = select.epoll()
        self._by_fd: dict[int, Buyer] = {}
        self._answered: Callable[[Buyer, bytes], None] = lambda _buyer, _data: None
        self._waiting = 0

    # Coming and going.

    def connect(self, tokens: Iterable[str] = ()) -> Answers:
        """Open them all and say hello: with these tokens, or as new sessions; times are of whole joins."""
        hellos = deque(tokens)
        answers, began = Answers(), time.perf_counter()
        self._answered = lambda buyer, data: self._welcomed(answers, buyer, data)
        opened = 0
        while len(answers.took) < self._count:
            while opened < self._count and self._waiting < CONNECTING:
                self._dial(opened, hellos.popleft() if hellos else "")
                opened += 1
            self._turn(began)
        answers.seconds = time.perf_counter() - began
        return answers

    def _dial(self, number: int, token: str) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect(("127.0.0.1", self._port))
        buyer = Buyer(connection, number, token=token, asked_at=time.perf_counter())
        connection.sendall(_HANDSHAKE.format(port=self._port).encode())
        connection.setblocking(False)
        self._by_fd[connection.fileno()] = buyer
        self._poll.register(connection, select.EPOLLIN)
        self.all.append(buyer)
        self._waiting += 1

    def _welcomed(self, answers: Answers, buyer: Buyer, data: bytes) -> None:
        answers.took.append(time.perf_counter() - buyer.asked_at)
        if kind_of(data) == b"welcome":
            buyer.token = msgpack.unpackb(data)["token"]
        else:
            answers.refused.append(data)

    def drop(self) -> list[str]:
        """Close them all without a word; the tokens to come back with."""
        for buyer in self.all:
            self._poll.unregister(buyer.socket)
            buyer.socket.close()
        tokens = [buyer.token for buyer in self.all]
        self.all.clear()
        self._by_fd.clear()
        return tokens

    # Asking.

    def ask(self, buyer: Buyer, frame: bytes) -> None:
        """Send one command."""
        buyer.asked_at = time.perf_counter()
        buyer.socket.send(frame)
        self._waiting += 1

    def ask_all(self, frames: Iterable[tuple[Buyer, bytes]], window: int) -> Answers:
        """Send all commands, at most `window` of them unanswered at a time."""
        answers, began, left = Answers(), time.perf_counter(), iter(frames)
        self._answered = lambda buyer, data: self._note(answers, buyer, data)
        following = next(left, None)
        while following is not None or self._waiting:
            while following is not None and self._waiting < window:
                self.ask(*following)
                following = next(left, None)
            self._turn(began)
        answers.seconds = time.perf_counter() - began
        return answers

    def ask_evenly(self, frames: Iterable[tuple[Buyer, bytes]], rate: float) -> Answers:
        """Send `rate` commands a second, whatever is answered."""
        answers, began = Answers(), time.perf_counter()
        self._answered = lambda buyer, data: self._note(answers, buyer, data)
        for place, (buyer, frame) in enumerate(frames):
            while (wait := began + place / rate - time.perf_counter()) > 0:
                self._turn(time.perf_counter(), wait)
            self.ask(buyer, frame)
        while self._waiting:
            self._turn(began + 3600)
        answers.seconds = time.perf_counter() - began
        return answers

    def listen(self, seconds: float) -> None:
        """Hear what comes unasked."""
        until = time.perf_counter() + seconds
        while (wait := until - time.perf_counter()) > 0:
            self._turn(time.perf_counter(), wait)

    def _note(self, answers: Answers, buyer: Buyer, data: bytes) -> None:
        answers.took.append(time.perf_counter() - buyer.asked_at)
        kind = kind_of(data)
        if kind == b"held":
            place = data.find(_ID) + len(_ID)
            buyer.hold = data[place : place + 32].decode()
        elif kind == b"error":
            answers.refused.append(data)

    # Reading.

    def _turn(self, began: float, wait: float = 1.0) -> None:
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"{self._waiting} commands were not answered")
        for fd, _ in self._poll.poll(wait):
            self._read(self._by_fd[fd])

    def _read(self, buyer: Buyer) -> None:
        data = buyer.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError(f"buyer {buyer.number} was closed")
        data = buyer.rest + data
        if not buyer.is_open:
            data = self._open(buyer, data)
        start = 0
        while (end := _end_of(data, start)) is not None:
            head, payload = end
            if data[start] == 0x82:
                self._take(buyer, data[head:payload])
            elif data[start] == 0x88:
                raise ConnectionError(f"buyer {buyer.number} was closed: {data[head:payload]!r}")
            start = payload
        buyer.rest = data[start:]

    def _open(self, buyer: Buyer, data: bytes) -> bytes:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return data
        if not data.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(data[:end].decode())
        buyer.is_open = True
        hello: dict[str, object] = {"type": "hello"}
        buyer.socket.send(masked(hello | ({"token": buyer.token} if buyer.token else {})))
        return data[end + 4 :]

    def _take(self, buyer: Buyer, data: bytes) -> None:
        if kind_of(data) in _ANSWERS:
            self._waiting -= 1
            self._answered(buyer, data)
            buyer.asked_at = 0.0
        else:
            self.on_push(buyer, data)


_ANSWERS = frozenset((b"held", b"ok", b"error", b"welcome"))


def kind_of(data: bytes) -> bytes:
    """A message's `type`, which comes first in its map."""
    return data[7 : 7 + (data[6] & 31)]


def _end_of(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `start` begins and ends; None if it is not whole yet."""
    if len(data) < start + 2:
        return None
    size, head = data[start + 1], start + 2
    if size >= 126:
        head += 2 if size == 126 else 8
        if len(data) < head:
            return None
        size = int.from_bytes(data[start + 2 : head], "big")
    return (head, head + size) if len(data) >= head + size else None
