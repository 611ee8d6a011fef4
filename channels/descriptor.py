"""Writing past a transport: when its descriptor may be written to, and how little waits before a peer.

A transport without TLS is asked to tell of every byte that the kernel does not take: it calls `pause_writing`
with the first, and `resume_writing` when it has none left. Whoever is not paused may therefore write to the
descriptor itself, behind all that went through the transport. What the kernel does not take there goes to the
transport, which finds out by itself what is wrong.
"""

import asyncio
import socket
from contextlib import suppress

HIGH_WATER = 32 * 1024
"""With TLS, where a transport counts what it encrypts: unsent bytes at which a peer counts as not reading."""

NO_DESCRIPTOR = -1
"""Stands for none: the kernel takes nothing there (EBADF)."""

NOT_SENT_LOW_WATER = 16 * 1024
"""What the kernel takes before it is sent: little, for what waits there is old on arrival."""


def keep_little(listener: socket.socket) -> None:
    """Have the kernel keep little unsent for each connection to this listener; they inherit the option."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):  # a Unix socket has no such option
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)


def narrow(transport: asyncio.Transport) -> int:
    """Let little wait in the transport; the descriptor to write to, NO_DESCRIPTOR with TLS.

    It stays this connection's own until the transport's protocol has heard `connection_lost`.
    """
    connection = transport.get_extra_info("socket")
    if connection is None or transport.get_extra_info("sslcontext") is not None:
        transport.set_write_buffer_limits(HIGH_WATER)
        return NO_DESCRIPTOR
    transport.set_write_buffer_limits(0)
    return int(connection.fileno())
