"""Driveways for the world of halls: `await takes(ann, drive, "09:00", "17:00")`, tomorrow by its clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec

from channels.replica import State
from server.holds.packing import FIELDS, numbers
from server.holds.passing import pass_time
from server.holds.places import Held
from server.holds.rules import HoldRequest
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import HoldPolicy, Resource
from tests.holds.world import START, Buyer, Hall, World

ALWAYS = dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))
MORNINGS = dict.fromkeys(WEEKDAYS, (("07:00", "12:00"),))
ORIGIN = "2026-01-01T00:00:00.000Z"
STARTED = datetime.fromtimestamp(START / 1_000_000, UTC)
"""A Friday at 08:00, in London too."""

Records = dict[int, tuple[int, int, int, int]]


def driveway(
    name: str = "drive", *, zone: str = "Europe/London", policy: HoldPolicy | None = None, **rules: Any
) -> "Driveway":
    """Half hours, day and night, at four an hour; `rules` as in GridRules."""
    standing: dict[str, Any] = {
        "step_minutes": 30,
        "origin": ORIGIN,
        "opening_hours": ALWAYS,
        "price_per_hour": 400,
        "horizon_days": 20,
        "max_minutes": 5 * 1440,
    }
    resource = Resource(
        id=name, kind="grid", title=name, owner="olga", time_zone=zone, currency="gbp", layout=1, epoch="",
        policy=policy or HoldPolicy(), grid=GridRules(**standing | rules),
    )  # fmt: skip
    return Driveway(resource, (), calendar=Calendar(resource))


class Driveway(Hall):
    """A hall whose slots are steps of time."""

    @property
    def steps(self) -> Calendar:
        assert self.calendar is not None
        return self.calendar

    def changes_rules(self, **rules: Any) -> None:
        assert self.resource.grid is not None
        grid = msgspec.structs.replace(self.resource.grid, **rules)
        self.resource = msgspec.structs.replace(self.resource, layout=self.resource.layout + 1, grid=grid)
        self.calendar = Calendar(self.resource)

    def moment(self, clock: str, days: int = 1) -> str:
        """A clock's time there, so many days after the day on which all tests begin."""
        day = STARTED.date() + timedelta(days=days)
        local = datetime.combine(day, time.fromisoformat(clock), self.steps.zone)
        return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def step(self, clock: str, days: int = 1) -> int:
        moment = datetime.fromisoformat(self.moment(clock, days))
        return self.steps.index_at(round(moment.timestamp() * 1000))


async def takes(
    buyer: Buyer,
    drive: Driveway,
    start: str,
    end: str,
    *,
    days: int = 1,
    until: int | None = None,
    op: str | None = None,
) -> Held:
    """Holds from a clock's time `days` after the first day to another, on that day or `until` another."""
    span = drive.moment(start, days), drive.moment(end, days if until is None else until)
    request = HoldRequest(resource=drive.resource.id, range=span)
    return await buyer.process.hold(buyer.caller, request, op=op, connected=False)


def books(drive: Driveway, start: str, end: str, *, days: int = 1) -> None:
    """PostgreSQL has a confirmed booking of it."""
    for index in range(drive.step(start, days), drive.step(end, days)):
        drive.confirmed[index] = drive.confirmed.get(index, 0) + 1


def shown(state: State) -> dict[int, tuple[int, int]]:
    """Index → (available, held)."""
    available, held = numbers(state.available, state.width), numbers(state.held, state.width)
    return {state.first + place: pair for place, pair in enumerate(zip(available, held, strict=True))}


async def sees(world: World, drive: Driveway, start: str, end: str, *, days: int = 1) -> set[tuple[int, int]]:
    """What is shown of the steps between: the different (available, held)."""
    state = shown(await world.main.read(drive.resource.id))
    return {state[index] for index in range(drive.step(start, days), drive.step(end, days))}


async def kept(world: World, drive: Driveway) -> Records:
    """Index → (available, held, booked, capacity), of all chunks that Redis has."""
    await world.main.ensure(drive.resource.id)
    reading = await world.main.store.days(drive.resource.id)
    assert reading is not None
    found: Records = {}
    for day, records in reading.days.items():
        flat = numbers(records, reading.width)
        for place in range(reading.chunk):
            found[day * reading.chunk + place] = tuple(flat[place * FIELDS : place * FIELDS + FIELDS])  # type: ignore[assignment]  # four each
    return found


async def passes(world: World, drive: Driveway, seconds: float) -> None:
    """Time passes, and Redis is told."""
    world.time_passes(seconds)
    await pass_time(world.main.loader, drive.resource.id)
