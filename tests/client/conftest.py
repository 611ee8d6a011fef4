"""A hall and a driveway for programs, in a whole Holdfast on a real port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import msgspec
import pytest

from channels.client import Booked, Booking, Client, Patience
from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.live.conftest import hall
from tests.live.driveway import draft
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House, open_house

QUICK = Patience(seconds=30, base=0.01, most=0.1)
ANN = {"name": "Ann Example", "email": "ann@example.org"}


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[House]:
    """Olga's hall, her driveway, and one of hers where she wants to be asked."""
    chosen = replace(settings, jwt_secret=JWT_SECRET, disconnect_grace_seconds=1, heartbeat_seconds=1)
    async with open_house(chosen) as house:
        asked = msgspec.structs.replace(draft(), id="asked", policy=HoldPolicy(approval_seconds=3_600))
        for resource in (hall(), draft(), asked):
            await house.parts.inventory.create(resource)
        yield house


def client_of(base_url: str, user: str | None = None, **options: Any) -> Client:
    """A program, of a user's or nobody's."""
    roles = ("owner",) if user == "olga" else ("buyer",)
    token = None if user is None else jwt_of(user, roles=roles)
    return Client(base_url, token=token, **{"patience": QUICK, **options})


@cache
def today() -> datetime:
    """The day as these tests begin: a midnight meanwhile moves none that they speak of."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def at(hour: int, days: int = 2) -> datetime:
    """A full hour in so many days."""
    return today() + timedelta(days=days, hours=hour)


class Losing(httpx.AsyncHTTPTransport):
    """Loses the first answer to each change, after the server has made it."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        name = request.headers.get("idempotency-key")
        if name is None or name in self.lost:
            return answer
        self.lost.append(name)
        await answer.aclose()
        raise httpx.ReadTimeout("the answer was lost", request=request)


async def pays(client: Client, booked: Booked) -> Booking:
    """In the sandbox, and wait until all of it has arrived."""
    assert booked.payment is not None
    await client.payments.settle_in_sandbox(booked.payment.id)
    return await becomes(client, booked.booking.id, lambda booking: booking.payment_status == "paid")


async def becomes(client: Client, booking: str, holds: Callable[[Booking], bool]) -> Booking:
    """Wait until this is true of a booking."""
    async with asyncio.timeout(60):
        while not holds(found := await client.bookings.get(booking)):  # noqa: ASYNC110  # no event of every change
            await asyncio.sleep(0.02)
    return found
