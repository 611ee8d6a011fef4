"""Thousands of sockets in a process of their own (bench/c/watchers.c), and their stories read afterwards."""

import contextlib
import struct
import subprocess
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compiler import compiled
from bench.rig import LOAD_CORE, on_core

STARTED, OPENED, CLOSED = -1, -2, -3
_EVENT = struct.Struct("<iiq")
_DEFLATED = 0x40
_TAIL = b"\x00\x00\xff\xff"


@dataclass(frozen=True)
class Stats:
    """What the watchers counted: frames and bytes of data since they began; their own processor time."""

    word: str
    open: int
    failed: int
    lost: int
    frames: int
    bytes: int
    least: int
    most: int
    cpu: float

    @property
    def in_time(self) -> bool:
        return self.word == "ok"


@dataclass(frozen=True)
class Frame:
    """A distinct data frame; `wire` is its size with its head."""

    opcode: int
    payload: bytes
    wire: int
    deflated: bool


@dataclass(frozen=True)
class Log:
    """Each distinct frame once, and of each watcher what it got when (seconds of the machine's clock)."""

    frames: dict[int, Frame]
    events: dict[int, list[tuple[int, float]]]


def handshake(port: int, path: str = "/ws", *, protocol: str = "", deflate: bool = False) -> bytes:
    """A request to upgrade."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    if protocol:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    if deflate:
        lines.append("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover")
    return "\r\n".join([*lines, "", ""]).encode()


def client_frame(payload: bytes, opcode: int = 2) -> bytes:
    """A whole frame of a client. Its mask is zeros, which costs the server the same work."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + bytes(4) + payload


def server_frame(size: int) -> bytes:
    """A whole frame of a server that has so many bytes with its head; there is none of 128 or 129."""
    payload = size - (2 if size < 130 else 4)
    length = bytes((payload,)) if payload < 126 else b"\x7e" + payload.to_bytes(2, "big")
    return b"\x82" + length + bytes(payload)


class Watchers:
    """One such process; watchers are known by number. Use `watching`."""

    def __init__(self, port: int, request: bytes, folder: Path) -> None:
        self._log = folder / "log"
        request_file = folder / "handshake"
        request_file.write_bytes(request)
        with on_core(LOAD_CORE):
            self._child = subprocess.Popen(
                [compiled("watchers"), str(port), request_file, self._log],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def _asks(self, command: str) -> Stats:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline().split()
        if not line:
            raise RuntimeError("the watchers ended")
        values = dict(part.split("=") for part in line[1:])
        cpu = float(values.pop("cpu"))
        return Stats(line[0], **{name: int(value) for name, value in values.items()}, cpu=cpu)

    def says(self, *frames: bytes) -> None:
        """What each watcher that opens from now on sends once it is upgraded."""
        self._asks(f"message {b''.join(frames).hex()}")

    def opens(self, number: int, *, first: int = 0, at_once: int = 200) -> None:
        """Begin to open them, at most so many handshakes on their way at once."""
        self._asks(f"limit {at_once}")
        self._asks(f"open {first} {number}")

    def wait(self, frames: int, seconds: float) -> Stats:
        """Until every open watcher that reads has had so many frames; `in_time` says whether."""
        return self._asks(f"wait {frames} {seconds}")

    def joined(self, number: int, frames: int, seconds: float) -> Stats:
        """Wait until so many are open and each has had so many frames, or raise."""
        stats = self.wait(frames, seconds)
        if stats.open < number or not stats.in_time:
            raise RuntimeError(f"only {stats.open} of {number} watchers joined ({stats.word}: {stats})")
        return stats

    def settles(self, seconds: float = 20.0) -> None:
        """Wait until hardly anything comes: about a frame a second for each, as when all is quiet."""
        deadline, before = time.monotonic() + seconds, self.stats()
        while time.monotonic() < deadline:
            time.sleep(1)  # what comes in a second is what is counted
            now = self.stats()
            if now.frames - before.frames <= 1.2 * now.open:
                break
            before = now

    def zero(self) -> None:
        """Count frames of each from here."""
        self._asks("zero")

    def logs(self, on: bool) -> None:
        """Write down frames, or stop to."""
        self._asks(f"log {int(on)}")

    def drop(self, first: int, number: int) -> None:
        """Close them at once, without a word."""
        self._asks(f"drop {first} {number}")

    def pause(self, first: int, number: int) -> None:
        """Read nothing."""
        self._asks(f"pause {first} {number}")

    def trickle(self, first: int, number: int) -> None:
        """Read a byte a second."""
        self._asks(f"trickle {first} {number}")

    def resume(self, first: int, number: int) -> None:
        """Read on."""
        self._asks(f"resume {first} {number}")

    def stats(self) -> Stats:
        """As it stands."""
        return self._asks("stats")

    def story(self) -> Log:
        """What was logged since the last time."""
        if not self._asks("dump").in_time:
            raise RuntimeError("the watchers could not write their log")
        frames = read_frames(self._log.with_suffix(".frames").read_bytes())
        return Log(frames, read_events(self._log.with_suffix(".events").read_bytes()))

    def quit(self) -> None:
        """Close all and end."""
        with contextlib.suppress(OSError, RuntimeError):
            self._asks("quit")
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def read_frames(data: bytes) -> dict[int, Frame]:
    """LOG.frames: a first byte, a size and a payload each, numbered from 1."""
    found: dict[int, Frame] = {}
    at = 0
    while at < len(data):
        head, size = data[at], int.from_bytes(data[at + 1 : at + 5], "little")
        payload = data[at + 5 : at + 5 + size]
        wire = size + (2 if size < 126 else 4 if size < 65536 else 10)
        deflated = bool(head & _DEFLATED)
        if deflated:
            payload = zlib.decompressobj(-15).decompress(payload + _TAIL)
        found[len(found) + 1] = Frame(head & 0x0F, payload, wire, deflated)
        at += 5 + size
    return found


def read_events(data: bytes) -> dict[int, list[tuple[int, float]]]:
    """LOG.events: a watcher, a frame or one of STARTED, OPENED, CLOSED, and when."""
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for watcher, frame, when in _EVENT.iter_unpack(data):
        found[watcher].append((frame, when / 1e9))
    return dict(found)


def sequences(log: Log, watchers: Sequence[int]) -> dict[tuple[int, ...], list[int]]:
    """Who got the very same frames in the same order: the frames → the watchers."""
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for watcher in watchers:
        got = tuple(frame for frame, _ in log.events.get(watcher, ()) if frame > 0)
        found[got].append(watcher)
    return dict(found)


@contextlib.contextmanager
def watching(port: int, request: bytes) -> Iterator[Watchers]:
    """A process of watchers, with its scratch folder."""
    with tempfile.TemporaryDirectory(prefix="holdfast-watchers-") as folder:
        watchers = Watchers(port, request, Path(folder))
        try:
            yield watchers
        finally:
            watchers.quit()
