"""What owners and buyers write is shown as text wherever it appears, never run."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from server.inventory.rules import Category, Money, ResourceDraft, SlotDraft
from server.settings import Settings
from tests.browser.visitor import PATIENCE, Visitor
from tests.support.house import House, open_house

EVIL = "<img src=x onerror=window.struck=1>"
SCRIPT = "</title><script>window.struck=1</script>"
STRUCK = "() => window.struck ?? document.querySelectorAll('img[src=x]').length"


def trap() -> ResourceDraft:
    """A resource whose every text is markup."""
    slots = tuple(
        SlotDraft(
            id=f"A-{seat}",
            label=f"{EVIL} {seat}",
            price=500,
            category=EVIL,
            section=EVIL,
            row=EVIL,
            x=seat * 20.0,
            y=0.0,
        )
        for seat in (1, 2, 3)
    )
    return ResourceDraft(
        id="trap",
        kind="seats",
        title=f"{EVIL}{SCRIPT}",
        owner="olga",
        time_zone="Europe/Berlin",
        currency="eur",
        description=f"{EVIL}{SCRIPT}",
        categories=(Category(name=EVIL, colour=f"red;{EVIL}", price=Money(500, "eur")),),
        slots=slots,
    )


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[House]:
    async with open_house(settings) as house:
        await house.parts.inventory.create(trap())
        yield house


async def is_unharmed(visitor: Visitor) -> None:
    assert await visitor.page.evaluate(STRUCK) == 0, visitor.page.url


async def test_markup_stays_text_on_every_page(ann: Visitor) -> None:
    await ann.opens("/")
    await ann.reads(EVIL)
    await is_unharmed(ann)
    await ann.opens("/resources/trap")
    await ann.reads(EVIL)
    await ann.takes("A-2")
    await expect(ann.page.locator("cart-panel .lines li")).to_contain_text(EVIL, timeout=PATIENCE)
    await ann.page.mouse.move(700, 500)
    await ann.clicks("List")
    await is_unharmed(ann)
    await ann.opens("/booking")
    await ann.page.get_by_label("Anything we should know?").fill(EVIL)
    await ann.fills_in(name=EVIL)
    await is_unharmed(ann)
    await ann.clicks("Go to payment")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await ann.clicks("Pay")
    await ann.has_title("You're booked")
    await ann.reads(EVIL)
    await is_unharmed(ann)
    await ann.opens("/kiosk/trap")
    await ann.reads(EVIL)
    await is_unharmed(ann)
