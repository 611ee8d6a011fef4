"""Driveways for tests of bookings: grids, and drivers whose holds are values. Redis is never asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from server.bookings.rules import Booking
from server.database.pool import Database
from server.holds.rules import Cart, HeldItem, Hold, cart_of, new_reference
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.ranges import wanted_range
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import HoldPolicy, Resource, ResourceDraft
from tests.payments.house import FORM, Buyer, House, Office

DRIVEWAY = "driveway"
OWNER = "olga"
HOURLY = 400
ORIGIN = "2026-01-01T00:00:00.000Z"
ALWAYS = dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))

Told = tuple[str, tuple[str, ...]]


def rules(**changed: Any) -> GridRules:
    """Quarters of an hour, day and night, at four pounds an hour."""
    standing: dict[str, Any] = {
        "step_minutes": 15,
        "origin": ORIGIN,
        "opening_hours": ALWAYS,
        "price_per_hour": HOURLY,
        "max_minutes": 7 * 1440,
    }
    return GridRules(**standing | changed)


def at(clock: str, days: int = 10) -> str:
    """A clock's time in so many days, UTC."""
    day = datetime.now(UTC).date() + timedelta(days=days)
    return f"{day.isoformat()}T{clock}:00.000Z"


@dataclass
class Standing:
    """A cart, and what it lost."""

    cart: Cart | None
    ended: list[Hold]


@dataclass
class Values:
    """Live holds that are only said to be: every range asked for is had."""

    database: Database
    carts: dict[str, list[Hold]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    lost: list[Hold] = field(default_factory=list)

    def put(self, hold: Hold) -> None:
        self.carts.setdefault(hold.session, []).append(hold)

    def _tell(self, what: str, holds: Sequence[Hold]) -> None:
        self.told.append((what, tuple(hold.id for hold in holds)))

    async def cart(self, session: str) -> Cart | None:
        return cart_of(self.carts.get(session, ()), owner=OWNER)

    async def standing(self, session: str) -> Standing:
        lost = [hold for hold in self.lost if hold.session == session]
        return Standing(await self.cart(session), lost)

    async def cart_to_book(self, session: str) -> Standing:
        return await self.standing(session)

    async def epoch(self, resource_id: str) -> str | None:
        async with self.database.connection() as connection:
            found: str | None = await connection.fetchval(
                "select epoch from resource where id = $1", resource_id
            )
        return found

    async def ensure(self, resource_id: str) -> None:
        self.loaded.append(resource_id)

    async def load(self, resource_id: str) -> None:
        self.loaded.append(resource_id)

    async def begin_paying(self, holds: Sequence[Hold], booking: str, until_ms: int) -> list[Hold]:  # noqa: ARG002  # as asked
        for hold in holds:
            self.carts.pop(hold.session, None)
        self._tell("paying", holds)
        return []

    async def confirm(self, holds: Sequence[Hold], booking: str) -> None:  # noqa: ARG002  # as asked
        self._tell("confirm", holds)

    async def retake(self, holds: Sequence[Hold], booking: str, until_ms: int) -> bool:  # noqa: ARG002  # as asked
        self._tell("retake", holds)
        return True

    async def return_to_cart(self, holds: Sequence[Hold], booking: str) -> Cart | None:  # noqa: ARG002  # as asked
        self._tell("give back", holds)
        for hold in holds:
            self.put(msgspec.structs.replace(hold, status="held", booking=None))
        return None

    async def end(self, holds: Sequence[Hold], booking: str, status: str, reason: str) -> None:  # noqa: ARG002  # as asked
        self._tell("end", holds)

    async def unbook(self, holds: Sequence[Hold], booking: str, epoch: str) -> None:  # noqa: ARG002  # as asked
        self._tell("unbook", holds)


class Driver(Buyer):
    """A buyer of ranges: `await ann.parks("09:00", "17:00")` holds, books and pays."""

    def wants(self, start: str, end: str, *, days: int = 10, until: int | None = None, **more: Any) -> Hold:
        """Held from a clock's time until another, in so many days."""
        street: Street = more.pop("street")
        name = more.pop("resource", DRIVEWAY)
        reference = more.pop("reference", None) or street.reference(self.caller.session)
        wanted = wanted_range(
            street.calendars[name],
            at(start, days),
            at(end, days if until is None else until),
            street.house.clock(),
        )
        hold = Hold(
            id=uuid4().hex,
            session=self.caller.session,
            resource=name,
            reference=reference,
            items=tuple(HeldItem(*item) for item in wanted.items),
            currency="gbp",
            status="held",
            created_at=street.house.clock(),
            expires_at=street.house.clock() + 900_000,
            range=wanted.range,
        )
        street.holds.put(hold)
        return hold


class Street:
    """A house that sells driveways, to drivers whose holds are values."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.holds = Values(house.database)
        self.calendars: dict[str, Calendar] = {}
        self._references: dict[str, str] = {}
        self.office: Office = house.opens_office(self._wrap)
        house.office = self.office

    def _wrap(self, name: str, part: Any) -> Any:
        return self.holds if name == "holds" else part

    async def sells(
        self,
        grid: GridRules | None = None,
        *,
        resource: str = DRIVEWAY,
        policy: HoldPolicy | None = None,
        time_zone: str = "UTC",
    ) -> Resource:
        """A driveway, or a car park."""
        draft = ResourceDraft(
            id=resource,
            kind="grid",
            title=f"Behind the {resource}",
            owner=OWNER,
            time_zone=time_zone,
            currency="gbp",
            policy=policy or HoldPolicy(),
            grid=grid or rules(),
        )
        await self.office.inventory.create(draft)
        made = (await self.office.inventory.get(resource)).resource
        self.calendars[resource] = Calendar(made)
        return made

    def reference(self, session: str) -> str:
        """Of the session's cart: another one after each booking."""
        if not self.holds.carts.get(session):
            self._references[session] = new_reference()
        return self._references[session]

    def driver(self, name: str) -> Driver:
        return Driver(self.office, name)

    def holds_for(self, driver: Driver, start: str, end: str, **more: Any) -> Hold:
        return driver.wants(start, end, street=self, **more)

    async def books(self, driver: Driver, start: str, end: str, **more: Any) -> Booking:
        """Held and booked, and to be paid."""
        self.holds_for(driver, start, end, **more)
        await driver.books(FORM)
        return driver.own

    async def sold(self, driver: Driver, start: str, end: str, **more: Any) -> Booking:
        """Held, booked and paid."""
        await self.books(driver, start, end, **more)
        await driver.pays()
        assert await driver.status() == ("confirmed", "paid")
        return driver.own

    async def ranges(self) -> list[tuple[str, str, str, bool]]:
        """(resource, from, until, whether it is exclusive) of all that is taken, by the clock."""
        async with self.house.database.connection() as connection:
            rows = await connection.fetch(
                """
                select resource_id, to_char(lower(during) at time zone 'UTC', 'HH24:MI') as start,
                  to_char(upper(during) at time zone 'UTC', 'HH24:MI') as until, exclusive
                from booking_range order by 1, 2
                """
            )
        return [tuple(row.values()) for row in rows]

    async def taken(self, resource: str = DRIVEWAY) -> list[tuple[str, int]]:
        """(step, how often it is taken) of all that are."""
        async with self.house.database.connection() as connection:
            rows = await connection.fetch(
                "select id, taken from slot where resource_id = $1 and taken > 0 order by index", resource
            )
        return [(row["id"][11:16], row["taken"]) for row in rows]


__all__ = ["Driver", "Street", "Values", "at", "rules"]
