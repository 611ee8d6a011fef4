"""A process' bookings and payments: shipped, on the simulated PostgreSQL and the simulated provider."""

from typing import cast

from server.bookings.announcer import Announcer
from server.bookings.booked import PostgresBooked
from server.bookings.service import Bookings
from server.database.pool import Database
from server.holds.scripts import Scripts
from server.holds.service import Holds
from server.payments.service import Payments
from server.worker import Worker
from tests.simulation.catalogue import Catalogue
from tests.simulation.clock import Clock
from tests.simulation.network import Weather
from tests.simulation.postgres.server import Pool, Postgres
from tests.simulation.provider import NAME, Bank, ProviderClient

PAYMENT_SECONDS = 14
_IDLE = ("payments.changes", "bookings.complete")
"""Nothing is changed here, and nothing takes place at a time."""


class Office:
    """`opens` once there are holds; `booked` is what they are rebuilt from."""

    def __init__(self, postgres: Postgres, bank: Bank, weather: Weather, clock: Clock) -> None:
        self.pool = Pool(postgres, weather)
        self.database = Database(cast("object", self.pool))  # type: ignore[arg-type]  # as much of one as is asked for
        self.client = ProviderClient(bank, weather)
        self.booked = PostgresBooked(self.database, clock.milliseconds)
        self._clock = clock

    def opens(self, holds: Holds, scripts: Scripts, catalogue: Catalogue) -> None:
        self.bookings = Bookings(
            self.database,
            holds,
            catalogue,
            Announcer(scripts.command),
            payment_seconds=PAYMENT_SECONDS,
            clock=self._clock.milliseconds,
        )
        self.payments = Payments(
            self.database, self.bookings, providers={NAME: self.client}, clock=self._clock.milliseconds
        )

    def workers(self) -> list[Worker]:
        every = [*self.bookings.workers(), *self.payments.workers()]
        return [worker for worker in every if worker.name not in _IDLE]

    def dies(self, *, in_flight: bool) -> None:
        self.pool.dies(in_flight=in_flight)
        for link in self.client.links:
            link.close(in_flight=in_flight)
