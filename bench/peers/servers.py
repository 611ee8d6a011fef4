"""Each contender of the fan-out: how it starts, what a watcher says to it, how it is told to publish."""

import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.compiler import Missing, compiled
from bench.peers import fetch
from bench.rig import SERVER_CORE, Program
from bench.watchers import client_frame, handshake
from tests.support.processes import free_port

START_SECONDS = 15.0


@dataclass
class Peer:
    """A running server. `publish` makes it send one message to all; `joined` is what each gets first."""

    name: str
    program: Program
    port: int
    request: bytes
    publish: Callable[[], None]
    says: tuple[bytes, ...] = ()
    joined: int = 0
    version: str = ""
    sockets: list[socket.socket] = field(default_factory=list)

    def stop(self) -> None:
        """End it."""
        for each in self.sockets:
            each.close()
        self.program.stop()


def connected(program: Program, port: int) -> socket.socket:
    """A connection to it, as soon as it listens."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        if program.has_ended or time.monotonic() > deadline:
            program.stop()
            raise Missing(f"it did not start: {program.tail()[-200:]}")
        time.sleep(0.02)  # a peer says by nothing else that it listens


def _ordered(  # one byte on the port of orders is one message
    name: str,
    command: list[str],
    folder: Path,
    size: int,
    *,
    environment: dict[str, str] | None = None,
    path: str = "/ws",
    says: tuple[bytes, ...] = (),
    joined: int = 0,
) -> Peer:
    port, orders = free_port(), free_port()
    log = folder / f"{re.sub('[^a-z]', '', name.lower())}.log"
    last = str(size)
    if command[0].startswith(str(compiled("loop"))):
        frame = folder / "frame"
        frame.write_bytes(b"\x82" + (bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")))
        with frame.open("ab") as file:
            file.write(b"x" * size)
        last = str(frame)
    program = Program(
        [*command, str(port), str(orders), last],
        core=SERVER_CORE,
        log=log,
        environment={**os.environ, **(environment or {})},
    )
    ordering = connected(program, orders)
    request = handshake(port, path)
    return Peer(
        name,
        program,
        port,
        request,
        lambda: ordering.sendall(b"."),
        says=says,
        joined=joined,
        sockets=[ordering],
    )


def c_loop(folder: Path, size: int) -> Peer:
    """The limit: bench/c/loop.c."""
    return _ordered("C loop of send()", [str(compiled("loop"))], folder, size)


def websockets(folder: Path, size: int) -> Peer:
    """The library that Holdfast's Python clients use, as a server."""
    return _ordered(
        "websockets.broadcast", [sys.executable, "-m", "bench.peers.with_websockets"], folder, size
    )


def starlette(folder: Path, size: int) -> Peer:
    """What most would write."""
    return _ordered(
        "Starlette send_bytes in a loop", [sys.executable, "-m", "bench.peers.with_starlette"], folder, size
    )


def ws(folder: Path, size: int) -> Peer:
    """Node's."""
    node, modules = fetch.node()
    script = str(Path(__file__).with_name("ws.js"))
    return _ordered("ws (Node)", [node, script], folder, size, environment={"NODE_PATH": str(modules)})


def socket_io(folder: Path, size: int) -> Peer:
    """On ws, in rooms, with a protocol of its own."""
    node, modules = fetch.node()
    script = str(Path(__file__).with_name("socket_io.js"))
    return _ordered(
        "Socket.IO (Node)", [node, script], folder, size, environment={"NODE_PATH": str(modules)},
        path="/socket.io/?EIO=4&transport=websocket", says=(client_frame(b"40", 1),), joined=2,
    )  # fmt: skip


NGINX = """
load_module {module};
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /ws {{
      nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message newest;
    }}
    location /publish {{ nchan_publisher; nchan_channel_id all; nchan_message_buffer_length 1; }}
  }}
}}
"""


def nchan(folder: Path, size: int) -> Peer:
    """Nchan in nginx, one worker; a message is published with POST."""
    root = fetch.debian()
    port = free_port()
    configuration = folder / "nginx.conf"
    module = root / "usr/lib/nginx/modules/ngx_nchan_module.so"
    configuration.write_text(NGINX.format(module=module, folder=folder, port=port))
    command = [str(root / "usr/sbin/nginx"), "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    program = Program(command, core=SERVER_CORE, log=folder / "nchan.log")
    publisher = connected(program, port)
    post = f"POST /publish HTTP/1.1\r\nHost: nchan\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size

    def publish() -> None:
        publisher.sendall(post)
        if not publisher.recv(4096).startswith((b"HTTP/1.1 201", b"HTTP/1.1 202")):
            raise RuntimeError("nchan did not take a message")

    return Peer("nginx + Nchan (C)", program, port, handshake(port), publish, sockets=[publisher])


NATS = """
host: 127.0.0.1
port: {port}
ping_interval: "30m"
websocket {{ host: 127.0.0.1, port: {sockets}, no_tls: true, compression: false }}
"""


def nats(folder: Path, size: int) -> Peer:
    """nats-server over its own WebSockets."""
    binary = fetch.debian() / "usr/sbin/nats-server"
    port, sockets = free_port(), free_port()
    configuration = folder / "nats.conf"
    configuration.write_text(NATS.format(port=port, sockets=sockets))
    program = Program([str(binary), "-c", str(configuration)], core=SERVER_CORE, log=folder / "nats.log")
    publisher = connected(program, port)
    publisher.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    message = b"PUB all %d\r\n" % size + b"x" * size + b"\r\n"
    says = client_frame(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB all 1\r\nPING\r\n')
    connected(program, sockets).close()
    return Peer(
        "nats-server (Go)", program, sockets, handshake(sockets, "/"), lambda: publisher.sendall(message),
        says=(says,), joined=2, sockets=[publisher],
    )  # fmt: skip


CONTENDERS: dict[str, Callable[[Path, int], Peer]] = {
    "C loop of send()": c_loop,
    "nginx + Nchan (C)": nchan,
    "ws (Node)": ws,
    "websockets.broadcast": websockets,
    "Socket.IO (Node)": socket_io,
    "nats-server (Go)": nats,
    "Starlette send_bytes in a loop": starlette,
}
FETCHED = frozenset({"nginx + Nchan (C)", "ws (Node)", "Socket.IO (Node)", "nats-server (Go)"})
