"""What must be true of bookings and money: after every commit, and once all is quiet."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from tests.simulation.postgres.server import Postgres
from tests.simulation.postgres.transactions import Name, Row
from tests.simulation.properties import Broken
from tests.simulation.provider import Bank
from tests.simulation.redis import Redis

ASKED_FOR = ("by_buyer", "by_owner", "refunded")


class MoneyProperties:
    """I1, I4 and I8. `asked` are the bookings that somebody wanted cancelled or given back."""

    def __init__(self, postgres: Postgres, bank: Bank) -> None:
        self._tables = postgres.tables
        self._bank = bank
        self._statuses: dict[UUID, str] = {}
        self.asked: dict[UUID, None] = {}
        self.seen_confirmed: dict[UUID, None] = {}

    # After every commit.

    def after(self, changed: dict[Name, Row | None]) -> Iterator[str]:
        """Says what became of bookings."""
        if self._tables.rings:
            raise Broken(f"some wait for each other in a ring: {self._tables.rings[0]}")
        tables = {table for table, _ in changed}
        if tables & {"slot", "booking_line"}:
            self._slots_are_counted()
        for (table, key), row in changed.items():
            if table == "booking" and row is not None and self._statuses.get(key) != row["status"]:
                yield f"booking {str(key)[:6]} is {row['status']} {row['cancel_reason'] or ''}"
                self._moves_rightly(key, row)
                self._statuses[key] = row["status"]

    def stands(self, hold: str) -> bool:
        """Whether PostgreSQL has the hold in a booking that is pending or confirmed."""
        lines = self._tables.table("booking_line").values()
        return any(line["hold"] == hold and line["state"] != "released" for line in lines)

    def _slots_are_counted(self) -> None:
        """I1: what is taken of a slot is what its lines say, and never more than there is."""
        counted: dict[tuple[str, int], int] = {}
        for line in self._tables.table("booking_line").values():
            if line["state"] != "released":
                pair = (line["resource"], line["index"])
                counted[pair] = counted.get(pair, 0) + line["quantity"]
        for pair, slot in self._tables.table("slot").items():
            if not counted.get(pair, 0) == slot["taken"] <= slot["capacity"]:
                raise Broken(f"I1: of {pair} {slot['taken']} are taken, its lines say {counted.get(pair, 0)}")

    def _moves_rightly(self, booking: UUID, row: Row) -> None:
        before = self._statuses.get(booking)
        if row["status"] == "confirmed":
            self._is_paid(booking, row)
        elif before == "confirmed" and booking not in self.asked:
            raise Broken(f"I8: {booking} was confirmed, and is {row['status']}: {row['cancel_reason']}")
        if row["status"] == "cancelled" and row["cancel_reason"] in ASKED_FOR and booking not in self.asked:
            raise Broken(f"{booking} was cancelled as {row['cancel_reason']}, and nobody asked for that")

    def _is_paid(self, booking: UUID, row: Row) -> None:
        """I4: a booking is confirmed by money that is really there."""
        accepted = [p for p in self._payments(booking) if p["accepted"]]
        if sum(p["amount"] for p in accepted) != row["total"]:
            raise Broken(f"I4: {booking} is confirmed by {len(accepted)} payments that do not make its total")
        for each in accepted:
            intent = self._bank.intents.get(each["provider_id"])
            if intent is None or not intent.has_money:
                raise Broken(f"I4: {booking} is confirmed, and {each['provider_id']} has no money: {intent}")

    def is_accepted(self, intent: str) -> None:
        """I4: nothing is taken before a booking was confirmed by it."""
        payments = self._tables.table("payment").values()
        if not any(p["provider_id"] == intent and p["accepted"] for p in payments):
            raise Broken(f"I4: {intent} is taken, and no booking was confirmed by it")

    def _payments(self, booking: UUID) -> list[Row]:
        table = self._tables.table("payment")
        return [table[key] for key in self._tables.keys_of("payment", booking)]

    # Once all is quiet.

    def unsettled(self) -> list[str]:
        """What has yet to come to its end."""
        return [*self._bookings_left(), *self._refunds_left(), *self._money_left()]

    def _bookings_left(self) -> Iterator[str]:
        for name, row in self._tables.table("booking").items():
            if row["status"] == "pending":
                yield f"booking {name} is pending"
            elif row["applied_version"] < row["version"]:
                yield f"booking {name} is not told of"

    def _refunds_left(self) -> Iterator[str]:
        for name, row in self._tables.table("refund").items():
            if row["status"] in ("requested", "pending"):
                yield f"refund {name} of {row['amount']} is {row['status']}"

    def _money_left(self) -> Iterator[str]:
        """I4: what the provider keeps of a booking is what that costs, if it stands, and nothing else."""
        kept: dict[str, int] = {}
        for name, intent in self._bank.intents.items():
            booking = intent.metadata["booking"]
            kept[booking] = kept.get(booking, 0) + self._bank.ledger.kept(name)
            if intent.status in ("authorised", "processing"):
                yield f"{name} of {booking} is {intent.status}"
        for name, row in self._tables.table("booking").items():
            wanted = self._to_be_kept(name, row)
            if kept.get(str(name), 0) != wanted:
                yield f"{row['status']} {name} has {kept.get(str(name), 0)} at the provider, not {wanted}"

    def _to_be_kept(self, booking: UUID, row: Row) -> int:
        if row["status"] == "cancelled":
            return int(sum(p["kept"] for p in self._payments(booking)))
        accepted = [p["id"] for p in self._payments(booking) if p["accepted"]]
        parts = sum(
            refund["amount"]
            for refund in self._tables.table("refund").values()
            if refund["payment_id"] in accepted
            and refund["purpose"].startswith("part:")
            and refund["status"] == "succeeded"
        )
        return int(row["total"] - parts)

    def agrees_with(self, redis: Redis) -> None:
        """Redis says of every slot what PostgreSQL does, and what was seen as confirmed still is."""
        for name, live in redis.resources.items():
            if live.meta.epoch is None:
                continue
            for index, slot in enumerate(live.slots):
                taken = self._tables.table("slot")[name, index]["taken"]
                if slot.booked != taken:
                    raise Broken(f"Redis has {slot.booked} of {name} {index} as booked, PostgreSQL {taken}")
        for booking in self.seen_confirmed:
            if self._tables.table("booking")[booking]["status"] != "confirmed" and booking not in self.asked:
                raise Broken(f"I8: {booking} was answered as confirmed, and is lost")
        self._nothing_was_kept_for_nothing()

    def _nothing_was_kept_for_nothing(self) -> None:
        known: dict[str, Any] = {str(name): row for name, row in self._tables.table("booking").items()}
        for name, intent in self._bank.intents.items():
            if intent.metadata["booking"] not in known and self._bank.ledger.kept(name):
                raise Broken(f"I4: {name} has money of a booking that there never was")
