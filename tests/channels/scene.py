"""A hub over a small world, moved on by hand."""

import asyncio

from channels.codec import Codec
from channels.hub import Hub
from channels.sender import Sender
from tests.channels.world import Clock, Reader, Truth, World

HALL = "availability:hall"


class Scene:
    """A hub over a world, moved on by hand: no background tasks, no waiting."""

    def __init__(self, *truths: Truth, sender: Sender | None = None) -> None:
        self.world = World(*truths)
        self.clock = Clock()
        self.hub = Hub(self.world, self.world, self.world, clock=self.clock, sender=sender)
        self.truth = next(iter(self.world.truths.values()))

    def reader(self, codec: Codec = Codec.JSON, *, room: int = 1_000_000) -> Reader:
        return Reader(self.hub, codec, room=room)

    async def tick(self) -> None:
        await self.hub.fanout.send_news()

    async def check(self) -> None:
        """One position check, and what it repairs."""
        await self.hub.staleness.check()
        await self.settle()

    async def settle(self) -> None:
        for upkeep in list(self.hub._upkeeps.values()):
            if upkeep._task is not None:
                await asyncio.wait([upkeep._task])
