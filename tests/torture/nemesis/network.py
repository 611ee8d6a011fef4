"""Networks of our own: namespaces joined by links, and links that swallow, lose or are slow.

    with Namespace() as here, Namespace() as there:
        link = Link(here, there)
        there.command("python", …)          # what runs there reaches `here` at link.here and nothing else
        here.opens(socket.socket)           # a socket of this process that is in `here`
        fault = Partition(link, "both")

Nothing of the machine's own network is touched: a namespace of ours has no way out but its links. It is
held by a process that ends with us, and is gone with it, links and all.
"""

import ctypes
import itertools
import os
import random
import subprocess
import threading
from collections.abc import Callable
from typing import Final, Literal, Self, TypeVar

from tests.torture.nemesis.machine import NotHere, no_blackhole, no_loss, no_namespaces

Made = TypeVar("Made")
Way = Literal["both", "from here", "from there"]

CLONE_NEWNET: Final = 0x40000000
RANDOM: Final = 0xFFFFF000 + 56  # what a packet filter reads as a random number (SKF_AD_RANDOM)
_numbers = itertools.count(1)


class Namespace:
    """A network of its own, with a loopback and the links that it is given; NotHere where there are none."""

    def __init__(self) -> None:
        self._holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if reason := no_namespaces():
            raise NotHere(reason)
        # it ends when its input does, so it cannot outlive us
        command = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise NotHere("a network namespace has no loopback")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it go. It is gone when whatever runs there has ended."""
        if self._holder is None:
            return
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()
        self._holder = None

    @property
    def pid(self) -> int:
        """A process that is in it."""
        assert self._holder is not None, "it is not open"
        return self._holder.pid

    def command(self, *words: str) -> list[str]:
        """What runs these words there."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *words]

    def runs(self, *words: str) -> str:
        """Run a command there, to its end; its output."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def opens(self, make: Callable[[], Made]) -> Made:
        """What `make` makes when it runs there; a socket stays where it was made."""
        made: list[Made] = []
        failed: list[BaseException] = []

        def enter() -> None:
            try:
                _enter(self.pid)
                made.append(make())
            except BaseException as error:  # noqa: BLE001  # raised below, in the thread that asked
                failed.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]


class Link:
    """A cable between two namespaces: `here` and `there` are the addresses of its ends."""

    def __init__(self, here: Namespace, there: Namespace) -> None:
        number = next(_numbers)
        assert number < 256 * 64, "out of addresses"
        block = f"10.77.{number // 64}.{number % 64 * 4}"
        stem, last = block.rpartition(".")[::2]
        self.here = f"{stem}.{int(last) + 1}"
        self.there = f"{stem}.{int(last) + 2}"
        self.ends = ((here, f"hf{number}a"), (there, f"hf{number}b"))
        (_, near), (_, far) = self.ends
        peer = ("peer", "name", far, "netns", str(there.pid))
        here.runs("ip", "link", "add", near, "type", "veth", *peer)
        for (place, device), address in zip(self.ends, (self.here, self.there), strict=True):
            place.runs("ip", "address", "add", f"{address}/30", "dev", device)
            place.runs("ip", "link", "set", device, "up")


class Partition:
    """What is sent from one end, or from both, is swallowed; nobody is told."""

    def __init__(self, *links: Link, way: Way = "both", name: str = "") -> None:
        self.name = name or f"partition, {way}"
        self._way = way
        self._links = links
        self._struck: list[tuple[Namespace, str]] = []

    async def strike(self, chance: random.Random) -> str:
        if reason := no_blackhole():
            raise NotHere(reason)
        if self._struck:
            return "is cut already"
        link = chance.choice(self._links)
        ends = {"both": link.ends, "from here": link.ends[:1], "from there": link.ends[1:]}[self._way]
        for place, device in ends:
            self._struck.append((place, device))
            place.runs("tc", "qdisc", "add", "dev", device, "root", "handle", "66:", "blackhole")
        return f"{self._way} on the link {link.here} to {link.there}"

    async def heal(self) -> None:
        while self._struck:
            _clear(*self._struck[-1])
            self._struck.pop()


class Lossy:
    """Both ends of a link lose a share of what they send, and send at most so many bits a second."""

    def __init__(self, link: Link, *, share: float = 0.05, rate: str = "256kbit") -> None:
        self.name = f"{share:.0%} loss, {rate}"
        self._link = link
        self._share = share
        self._rate = rate
        self._struck: list[tuple[Namespace, str]] = []

    async def strike(self, _chance: random.Random) -> str:
        if reason := no_loss():
            raise NotHere(reason)
        if self._struck:
            return "is lossy already"
        for place, device in self._link.ends:
            self._struck.append((place, device))
            self._shape(place, device)
        return f"{self.name} both ways"

    async def heal(self) -> None:
        while self._struck:
            _clear(*self._struck[-1])
            self._struck.pop()

    def _shape(self, place: Namespace, device: str) -> None:
        """Two classes: one that is slow, and one that swallows what a packet filter picks by chance."""
        kept = int(self._share * 2**32)
        # a random number of 32 bits at or above the share: no match, the slow class; below: swallowed
        program = f"4,32 0 0 {RANDOM},53 0 1 {kept},6 0 0 0,6 0 0 4294967295"
        for words in (
            "qdisc add dev {} root handle 66: htb default 10",
            f"class add dev {{}} parent 66: classid 66:10 htb rate {self._rate}",
            f"class add dev {{}} parent 66: classid 66:20 htb rate {self._rate}",
            "qdisc add dev {} parent 66:20 blackhole",
        ):
            place.runs("tc", *words.format(device).split())
        filter_ = f"filter add dev {device} parent 66: bpf bytecode".split()
        place.runs("tc", *filter_, program, "flowid", "66:20")


def _clear(place: Namespace, device: str) -> None:
    """Take off what the link was given; that there is nothing is as good."""
    if "66:" in place.runs("tc", "qdisc", "show", "dev", device):
        place.runs("tc", "qdisc", "del", "dev", device, "root")


def _enter(pid: int) -> None:
    """Have this thread make its sockets where the process is."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(number, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(number)
