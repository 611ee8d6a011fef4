"""A hall of three rows on sale, and buyers who visit it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.settings import Settings
from tests.support.door import JWT_SECRET
from tests.support.house import House, open_house

ROWS = {"A": 10, "B": 10, "C": 4}


def hall(name: str = "hall", **more: object) -> ResourceDraft:
    slots = tuple(
        SlotDraft(
            id=f"{row}-{seat}",
            label=f"{row}-{seat}",
            price=5_000,
            category="stalls",
            section=f"row {row}",
            row=row,
        )
        for row, seats in ROWS.items()
        for seat in range(1, seats + 1)
    )
    fields: dict[str, object] = {
        "id": name,
        "kind": "seats",
        "title": "A hall",
        "owner": "olga",
        "time_zone": "Europe/Berlin",
        "currency": "eur",
        "policy": HoldPolicy(),
        "slots": slots,
    }
    return ResourceDraft(**{**fields, **more})  # type: ignore[arg-type]  # the fields are right by name


@asynccontextmanager
async def open_hall(settings: Settings, **more: Any) -> AsyncIterator[House]:
    """A process with the hall on sale."""
    async with open_house(replace(settings, jwt_secret=JWT_SECRET, **more)) as house:
        if not await house.parts.inventory.exists("hall"):
            await house.parts.inventory.create(hall())
        yield house


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings, disconnect_grace_seconds=1, heartbeat_seconds=1) as house:
        yield house


@pytest.fixture(params=["no", "yes"], ids=["line", "plain"])
async def either_house(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The same with both kinds of socket."""
    both = {"disconnect_grace_seconds": 1, "heartbeat_seconds": 1, "plain_sockets": request.param}
    async with open_hall(settings, **both) as house:
        yield house


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until what happens in the server's own time has happened."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.01)
