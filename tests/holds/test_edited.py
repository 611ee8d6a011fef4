"""An owner edits a hall while another process builds it anew: what is sold is what the last edit says."""

import asyncio
from typing import Any

import msgspec

from server.accounts.rules import Caller
from server.holds.rules import HoldRequest
from server.inventory.rules import Resource, ResourceDraft, Slot, SlotDraft
from server.inventory.service import Edit
from server.settings import Settings
from tests.bookings.rates import head_of
from tests.support.house import open_house


def priced(amount: int) -> Edit:
    """An edit of what every seat costs."""

    def edit(old: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        price = msgspec.structs.replace(slots[0].price, amount=amount)
        return head_of(old), tuple(msgspec.structs.replace(slot, price=price) for slot in slots)

    return edit


async def test_an_edit_during_a_rebuild_is_not_taken_for_told(settings: Settings) -> None:
    draft = ResourceDraft(
        id="hall", kind="seats", title="Hall", owner="olga", time_zone="Europe/Berlin", currency="eur",
        slots=(SlotDraft(id="A-1", label="A-1", price=2_500),),
    )  # fmt: skip
    async with open_house(settings) as one, open_house(settings) as two:
        await one.parts.inventory.create(draft)
        loader, store = one.parts.holds.loader, two.parts.holds.loader.store
        put, take_lease = loader._put, store.take_lease
        has_read, waits, goes_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def puts_late(*given: Any) -> bool:
            has_read.set()
            await goes_on.wait()
            return await put(*given)

        async def has_to_wait(*given: Any) -> Any:
            waits.set()
            return await take_lease(*given)

        loader._put = puts_late  # type: ignore[method-assign,assignment]
        store.take_lease = has_to_wait  # type: ignore[method-assign,assignment]
        first = asyncio.create_task(one.parts.inventory.change("hall", priced(3_000)))
        await has_read.wait()
        second = asyncio.create_task(two.parts.inventory.change("hall", priced(9_900)))
        await waits.wait()
        goes_on.set()
        await asyncio.gather(first, second)
        request = HoldRequest(resource="hall", items=(("A-1", 1),))
        held = await one.parts.holds.hold(Caller(session="ann"), request, op=None, connected=False)
        assert [item.price for item in held.hold.items] == [9_900]
