"""A phone that looks at one block of a stadium hears of that block alone; from afar, of all of it again."""

import msgpack
from playwright.async_api import WebSocket

from channels.client import Client
from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.support.house import House
from tests.support.waiting import until

NEAR, BESIDE, FAR, AWAY = "s20", "s21", "s3500", "s6000"


class Ear:
    """What a page's socket says and hears."""

    def __init__(self, visitor: Visitor) -> None:
        self.views: list[object] = []
        self.shown: list[object] = []
        self.told: set[int] = set()
        visitor.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, payload: str | bytes) -> None:
        message = msgpack.unpackb(payload) if isinstance(payload, bytes) else {}
        if message.get("type") == "subscribe" and message["channel"].startswith("availability:"):
            self.views.append(message.get("view"))

    def _received(self, payload: str | bytes) -> None:
        message = msgpack.unpackb(payload) if isinstance(payload, bytes) else {}
        if message.get("type") == "delta":
            self.told.update(message["changes"][::3])
        if message.get("type") == "snapshot":
            self.shown.append(message.get("sections"))


async def test_a_phone_hears_of_the_block_it_looks_at_alone(
    visits: Visits, shop: House, stadium_hall: str
) -> None:
    ann = await visits.enter(size=PHONE)
    ear = Ear(ann)
    await ann.opens(f"/resources/{stadium_hall}")
    await ann.sees(AWAY, "available")
    async with Client(shop.base_url) as ben:
        await ben.holding.hold(stadium_hall, [(FAR, 1)])
        await ann.sees(FAR, "held")
        await ann.page.evaluate("(slot) => document.querySelector('seat-map').reveal([slot])", NEAR)
        await until(lambda: ear.shown[-1] is not None, seconds=PATIENCE / 1000)
        before = set(ear.told)
        await ben.holding.hold(stadium_hall, [(AWAY, 1)])
        await ben.holding.hold(stadium_hall, [(NEAR, 1)])
        await ann.sees(NEAR, "held")
        await until(lambda: ear.told - before, seconds=PATIENCE / 1000)
        assert len(ear.told - before) == 1
        await ann.sees(FAR, "held")
        await ann.sees(AWAY, "available")
        await ann.page.get_by_role("button", name="Show everything").click()
        await ann.sees(AWAY, "held")
        await ben.holding.hold(stadium_hall, [(BESIDE, 1)])
        await ann.sees(BESIDE, "held")
    assert ear.views[-1] is None
