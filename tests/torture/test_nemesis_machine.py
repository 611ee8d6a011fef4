"""Faults of the machine: networks and disks do their harm, and nothing of them is left.

Where a machine does not let one do it, the fault says so, and that is what is tested there.
"""

import asyncio
import random
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.torture.nemesis import machine
from tests.torture.nemesis.disk import DiskFull, SmallDisk
from tests.torture.nemesis.machine import NotHere
from tests.torture.nemesis.network import Link, Lossy, Namespace, Partition
from tests.torture.traces import where

CHANCE = random.Random(1)
pytestmark = pytest.mark.usefixtures("leaves_nothing_behind")


class Pair:
    """A listener in one namespace and a client in another, with one line between them."""

    def __init__(self, stack: ExitStack) -> None:
        self.here = stack.enter_context(Namespace())
        self.there = stack.enter_context(Namespace())
        self.link = Link(self.here, self.there)
        listener = stack.enter_context(self.there.opens(socket.socket))
        listener.bind((self.link.there, 0))
        listener.listen()
        self.client = stack.enter_context(self.here.opens(socket.socket))
        self.client.settimeout(5)
        self.client.connect(listener.getsockname())
        self.server = stack.enter_context(listener.accept()[0])
        for each in (self.client, self.server):
            each.setblocking(False)

    async def passes(self, sender: socket.socket, receiver: socket.socket, *, within: float = 5) -> bool:
        """Whether what one sends arrives at the other."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sender, b"ping")
        try:
            async with asyncio.timeout(within):
                return await loop.sock_recv(receiver, 100) != b""
        except TimeoutError:
            return False


@where(machine.no_namespaces)
async def test_namespaces_reach_each_other_by_their_link_and_nothing_else() -> None:
    with ExitStack() as stack:
        pair = Pair(stack)
        assert await pair.passes(pair.client, pair.server)
        assert await pair.passes(pair.server, pair.client)
        stranger = stack.enter_context(pair.here.opens(socket.socket))
        with pytest.raises(OSError, match="unreachable"):
            stranger.connect(("192.0.2.1", 80))
        inside = pair.there.runs(
            sys.executable, "-c", "import os; print(sorted(os.listdir('/sys/class/net')))"
        )
        assert "eth0" not in pair.there.runs("ip", "link") or inside


@where(machine.no_blackhole)
@pytest.mark.parametrize("way", ["both", "from here", "from there"])
async def test_while_parted_nothing_passes_that_way_and_all_arrives_after_it(way: Any) -> None:
    with ExitStack() as stack:
        pair = Pair(stack)
        fault = Partition(pair.link, way=way)
        for _ in range(2):
            await fault.strike(CHANCE)
        # what still goes one way arrives, though nobody acknowledges it
        for ends, open_way in (
            ((pair.client, pair.server), "from there"),
            ((pair.server, pair.client), "from here"),
        ):
            is_open = way == open_way
            assert await pair.passes(*ends, within=20 if is_open else 0.5) == is_open
        for _ in range(2):
            await fault.heal()
        assert await pair.passes(pair.client, pair.server, within=20)
        assert await pair.passes(pair.server, pair.client, within=20)


@where(machine.no_loss)
async def test_a_lossy_link_loses_some_packets_is_slow_and_is_healed() -> None:
    with ExitStack() as stack:
        pair = Pair(stack)
        near = stack.enter_context(pair.here.opens(lambda: socket.socket(type=socket.SOCK_DGRAM)))
        far = stack.enter_context(pair.there.opens(lambda: socket.socket(type=socket.SOCK_DGRAM)))
        far.bind((pair.link.there, 0))
        far.setblocking(False)
        near.connect(far.getsockname())

        async def arrive(number: int) -> int:
            count = 0
            for _ in range(number):
                near.send(b"x")
            try:
                while True:
                    async with asyncio.timeout(0.5):
                        await asyncio.get_running_loop().sock_recv(far, 10)
                    count += 1
            except TimeoutError:
                return count

        assert await arrive(200) == 200
        fault = Lossy(pair.link, share=0.3)
        for _ in range(2):
            await fault.strike(CHANCE)
        assert 90 < await arrive(200) < 190
        began = time.monotonic()
        for _ in range(16):
            near.send(bytes(1000))  # 128 kbit, less what is lost, at 256 kbit/s
        await arrive(1)
        assert time.monotonic() - began > 0.2
        for _ in range(2):
            await fault.heal()
        assert await arrive(200) == 200


@where(machine.no_mounts)
async def test_a_full_disk_takes_nothing_until_it_is_healed(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 2) as disk:
        (disk.path / "before").write_bytes(b"kept")
        fault = DiskFull(disk)
        for _ in range(2):
            await fault.strike(CHANCE)
        with pytest.raises(OSError, match="No space left"):
            (disk.path / "more").write_bytes(bytes(8192))
        for _ in range(2):
            await fault.heal()
        (disk.path / "after").write_bytes(bytes(1024 * 1024))
        assert (disk.path / "before").read_bytes() == b"kept"
    assert not disk.path.exists()


@where(machine.no_mounts)
async def test_a_disk_is_gone_also_when_its_body_raises_with_a_file_open(tmp_path: Path) -> None:
    def run() -> None:
        with SmallDisk(tmp_path / "disk", 1) as disk:
            files.append((disk.path / "open").open("wb"))
            raise KeyError

    files: list[BinaryIO] = []
    with pytest.raises(KeyError):
        run()
    assert not (tmp_path / "disk").exists()
    files[0].close()


async def test_what_a_machine_cannot_do_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.tried("no-such-program-of-anybody", "x") == "there is no `no-such-program-of-anybody`"
    assert machine.tried("sh", "-c", "echo not allowed >&2; exit 1") == (
        "`sh -c echo not allowed >&2; exit 1`: not allowed"
    )
    monkeypatch.setattr("tests.torture.nemesis.network.no_namespaces", lambda: "not today")
    with pytest.raises(NotHere, match="not today"):
        Namespace().__enter__()
