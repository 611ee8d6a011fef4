"""A device that is told while no page is open: the switch for it, and what its worker shows."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import expect

from server.notices.channels.vapid import new_private_key
from server.settings import Settings
from tests.browser.visitor import PATIENCE, Visitor
from tests.browser.yard import shop
from tests.support.waiting import until

__all__ = ["shop"]


@pytest.fixture
def shop_settings(shop_settings: Settings) -> Settings:
    """A server that can push."""
    return replace(shop_settings, vapid_private_key=new_private_key())


async def shown(visitor: Visitor) -> list[dict[str, Any]]:
    """The notifications that the device shows."""
    found: list[dict[str, Any]] = await visitor.page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.ready;
          const shown = await registration.getNotifications();
          return shown.map(({ title, body, data }) => ({ title, body, path: data.path }));
        }"""
    )
    return found


async def test_a_push_is_shown_and_leads_to_its_booking(ann: Visitor) -> None:
    await ann.context.grant_permissions(["notifications"], origin=ann.base_url)
    line = await ann.context.new_cdp_session(ann.page)
    registrations: list[str] = []
    line.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(each["registrationId"] for each in event["registrations"]),
    )
    await line.send("ServiceWorker.enable")
    await ann.signs_in("olga", roles=("owner",), to="/owner")
    switch = ann.page.get_by_role("button", name="Tell this device when no page is open")
    await expect(switch).to_be_visible(timeout=PATIENCE)
    assert await ann.violations() == []
    await ann.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    await until(lambda: registrations, PATIENCE / 1000)
    push = {"id": "e1", "kind": "booking_created", "title": "New booking", "message": "Tomorrow, nine to ten"}
    for data in (json.dumps(push | {"data": {"booking": "b/1"}}), "not ours"):
        content = {"origin": ann.base_url, "registrationId": registrations[-1], "data": data}
        await line.send("ServiceWorker.deliverPushMessage", content)
    async with asyncio.timeout(PATIENCE / 1000):
        while len(await shown(ann)) < 2:  # noqa: ASYNC110  # the browser tells nobody
            await asyncio.sleep(0.05)
    told = {each["title"]: each for each in await shown(ann)}
    assert told["New booking"]["body"] == push["message"]
    assert told["New booking"]["path"] == "/bookings/b%2F1"
    assert told["Holdfast"]["path"] == "/my-bookings"
