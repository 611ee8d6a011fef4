"""A real Chromium, and visitors who use it. An error in the console of any page fails the test."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from bench import stadium
from server.database.pool import Database
from server.embedded.seed import seed
from server.inventory.importer import import_file
from server.inventory.reports import ImportOptions
from server.inventory.service import Inventory
from server.settings import Settings
from tests.browser.visitor import Visitor, Visits
from tests.support.door import JWT_SECRET
from tests.support.house import House, open_house

STADIUM_SEATS = 7000
ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = (
    "--no-sandbox",  # root has no other way; the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """$CHROME, else the one that scripts/browser.py finds or installs."""
    if chosen := os.environ.get("CHROME"):
        return chosen
    found = subprocess.run(
        [sys.executable, str(ROOT / "scripts/browser.py")], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


@pytest.fixture(scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    """One browser for this worker; each visitor has a profile of their own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
def shop_settings(settings: Settings) -> Settings:
    """With heartbeats and a grace by which no busy machine is taken for a lost line, or costs its holds."""
    return replace(settings, heartbeat_seconds=4, disconnect_grace_seconds=30, jwt_secret=JWT_SECRET)


@pytest.fixture
async def shop(shop_settings: Settings) -> AsyncIterator[House]:
    """A running shop that sells the demo's catalogue."""
    await seed(shop_settings.database_url)
    async with open_house(shop_settings) as house:
        yield house


@pytest.fixture
async def visits(chromium: Browser, shop: House) -> AsyncIterator[Visits]:
    """Opens browsers for visitors of the shop; at the end every console has to be clean."""
    async with AsyncExitStack() as stack:
        made = Visits(chromium, shop.base_url, stack)
        yield made
        made.check()


@pytest.fixture
async def ann(visits: Visits) -> Visitor:
    """A visitor at a desk."""
    return await visits.enter()


@pytest.fixture
async def ben(visits: Visits) -> Visitor:
    """Another visitor at another desk."""
    return await visits.enter()


@pytest.fixture
async def stadium_hall(shop: House, tmp_path: Path) -> str:
    """The id of a hall of so many seats."""
    path = tmp_path / "stadium.csv"
    stadium.write(path, STADIUM_SEATS)
    database = await Database.connect(shop.parts.settings.database_url, size=2)
    inventory = Inventory(database)
    report = await import_file(database, inventory, path, ImportOptions(resource="stadium", currency="eur"))
    assert report.ok, report.text()
    await inventory.close()
    await database.close()
    return "stadium"
