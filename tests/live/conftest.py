"""A hall of three rows on sale, and buyers who visit it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from server.holds.scripts import Scripts
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.settings import Settings
from tests.support.buyer import Tab
from tests.support.door import JWT_SECRET
from tests.support.house import House, open_house

GRACE_SECONDS = 3  # in which whoever went comes back on a busy machine, too
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
    async with open_hall(settings, disconnect_grace_seconds=GRACE_SECONDS, heartbeat_seconds=1) as house:
        yield house


@pytest.fixture(params=["no", "yes"], ids=["direct", "plain"])
async def either_house(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The same with both kinds of socket."""
    both = {"disconnect_grace_seconds": GRACE_SECONDS, "heartbeat_seconds": 1, "plain_sockets": request.param}
    async with open_hall(settings, **both) as house:
        yield house


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until what happens in the server's own time has happened."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.01)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that Redis is asked to run from here on."""
    run, names = Scripts.run, list[str]()

    async def noted(scripts: Scripts, name: str, *anything: Any, **more: Any) -> bytes:
        names.append(name)
        return await run(scripts, name, *anything, **more)

    monkeypatch.setattr(Scripts, "run", noted)
    return names


class Gate(asyncio.Event):
    """What Redis says of sessions that come back is heard while this is set; `said` counts its answers."""

    said = 0


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    run, gate = Scripts.run, Gate()
    gate.set()

    async def waits(scripts: Scripts, name: str, *anything: Any, **more: Any) -> bytes:
        found = await run(scripts, name, *anything, **more)
        if name == "returning":
            gate.said += 1
            await gate.wait()
        return found

    monkeypatch.setattr(Scripts, "run", waits)
    return gate


async def hello_is_asked(house: House, tab: Tab, **shown: Any) -> None:
    """It has said hello, and its session is being asked about."""
    before = len(house.parts.live.table.tabs)
    await tab.send({"type": "hello", "ref": 0, **shown})
    await eventually(lambda: len(house.parts.live.table.tabs) > before)
