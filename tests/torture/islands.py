"""Servers and clients in networks of their own, so that what parts them is a network's doing.

An island is a server that reaches Redis, PostgreSQL and its visitors by one link each, and nothing else. The
mainland is another namespace at the far ends of the links, where proxies of ours lead on to what listens on
this machine's loopback. Nothing of the machine's own network is touched.
"""

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from server.embedded.process import choose_port
from tests.support.processes import ROOT, Process
from tests.torture.nemesis.network import Link, Namespace
from tests.torture.proxy import Proxy

SETTING = {"redis": "REDIS_URL", "postgresql": "DATABASE_URL", "stripe": "STRIPE_API_BASE"}


class Island(Process):
    """`holdfast run` in a namespace; `links` are its cables, by what is at their other end."""

    def __init__(self, place: Namespace, links: Mapping[str, Link], log: Path, port: int) -> None:
        super().__init__({}, log, port)
        self.links = links
        self._place = place

    def lives_by(self, settings: Mapping[str, str]) -> None:
        """What it is started with."""
        self._environment = {
            **self._environment,
            **settings,
            "PORT": str(self.port),
            "HOST": self.links["visitors"].there,
        }

    def _launch(self) -> None:
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self._place.command(sys.executable, "-m", "server", "run"),
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )


@asynccontextmanager
async def island(settings: Mapping[str, str], folder: Path) -> AsyncIterator[Island]:
    """One that is not yet started, and the ways to and from it; NotHere where there are no namespaces."""
    async with AsyncExitStack() as stack:
        mainland = stack.enter_context(Namespace())
        place = stack.enter_context(Namespace())
        ways = [way for way in SETTING if SETTING[way] in settings]
        links = {way: Link(mainland, place) for way in (*ways, "visitors")}
        made = Island(place, links, folder / "island.log", choose_port(folder / "island.port"))
        own = dict(settings)
        for way in ways:
            own[SETTING[way]] = await _outwards(stack, mainland, links[way], own[SETTING[way]])
        made.lives_by(own)
        await stack.enter_async_context(
            Proxy(
                links["visitors"].there,
                made.port,
                at=("127.0.0.1", made.port),
                connects=lambda: mainland.opens(socket.socket),
            )
        )
        yield made


async def _outwards(stack: AsyncExitStack, mainland: Namespace, link: Link, url: str) -> str:
    """The address by which an island reaches what `url` names."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    proxy = await stack.enter_async_context(
        Proxy(
            address.hostname,
            address.port,
            at=(link.here, 0),
            listens=lambda: mainland.opens(socket.socket),
        )
    )
    user = address.netloc.rpartition("@")[0]
    place = f"{user}@{link.here}:{proxy.port}" if user else f"{link.here}:{proxy.port}"
    return address._replace(netloc=place).geturl()


@asynccontextmanager
async def detour(port: int) -> AsyncIterator[tuple[int, Link]]:
    """Another port that leads to this one, by way of a link that may be tormented."""
    async with AsyncExitStack() as stack:
        here = stack.enter_context(Namespace())
        there = stack.enter_context(Namespace())
        link = Link(here, there)
        far = Proxy("127.0.0.1", port, at=(link.there, 0), listens=lambda: there.opens(socket.socket))
        await stack.enter_async_context(far)
        near = Proxy(link.there, far.port, connects=lambda: here.opens(socket.socket))
        await stack.enter_async_context(near)
        yield near.port, link
