"""One buyer's socket that waits for each answer: enough to make a change now and then."""

import os
import socket
import time
from typing import Any

import msgpack

from bench.viewers import request, says
from bench.watchers import client_frame

CLOSE, PING, PONG = 8, 9, 10


class Buyer:
    """Holds and releases; whatever else the server says is passed over."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request(port))
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._socket.recv(4096)
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        self._asked = 0
        self.asks({"type": "hello"})

    def asks(self, message: dict[str, Any]) -> dict[str, Any]:
        """Its answer; raise RuntimeError if that is an error."""
        self._asked += 1
        self._socket.sendall(says({**message, "ref": self._asked}))
        while True:
            answer = self._next()
            if answer.get("ref") == self._asked:
                break
        if answer["type"] == "error":
            raise RuntimeError(answer["message"])
        return answer

    def _next(self) -> dict[str, Any]:
        while True:
            head, size = self._more(2)
            if size >= 126:
                size = int.from_bytes(self._more(2 if size == 126 else 8), "big")
            data = self._more(size)
            if head & 0x0F == PING:
                self._socket.sendall(client_frame(data, PONG))
            elif head & 0x0F == CLOSE:
                raise RuntimeError(f"the server closed a buyer's socket with {data!r}")
            else:
                message: dict[str, Any] = msgpack.unpackb(data)
                return message

    def _more(self, size: int) -> bytes:
        while len(self._rest) < size:
            got = self._socket.recv(65536)
            if not got:
                raise RuntimeError("the server closed a buyer's socket")
            self._rest += got
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def holds(self, resource: str, slots: list[str]) -> str:
        """Hold them; the hold's id."""
        items = [[slot, 1] for slot in slots]
        hold: str = self.asks({"type": "hold", "op": op(), "resource": resource, "items": items})["hold"][
            "id"
        ]
        return hold

    def releases(self, hold: str) -> None:
        """Give it back."""
        self.asks({"type": "release", "op": op(), "hold": hold})

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def op() -> str:
    """An operation's own name."""
    return f"{time.time_ns():x}{os.urandom(6).hex()}"
