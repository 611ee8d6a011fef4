"""Every property bites: it is broken once, by nothing but what it is about, and says so in its own words."""

import asyncio
import logging
import random
import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from server.payments.provider import Intent
from server.worker import with_the_others
from tests.simulation.catalogue import Catalogue, hall
from tests.simulation.determinism import Troubles
from tests.simulation.live import Live, Meta, Slot, Turn
from tests.simulation.money import MoneyProperties
from tests.simulation.postgres.server import Postgres
from tests.simulation.properties import Broken, LiveProperties
from tests.simulation.provider import Bank
from tests.simulation.redis import Redis
from tests.simulation.story import Failed, Story, tell
from tests.simulation.world import POLICY, World

NOW: Final = 1_000_000
DUE: Final = NOW + 5_000
BOOKING, PAYMENT = UUID(int=1), UUID(int=2)


class Room:
    """One place of a hall, held by ann; what Redis' scripts do to it is up to each test."""

    def __init__(self, *, here: bool = False) -> None:
        self.properties = LiveProperties(lambda _session: here)
        self.live = Live(meta=Meta(epoch="e", version=1), slots=[Slot(1, 0, 1)])
        self.hold: dict[str, Any] = {"id": "h", "session": "ann", "status": "held", "expires_at": DUE}
        self.hold["items"] = [[0, 1, 0]]
        self.live.holds["h"], self.live.deadlines["h"] = (self.hold, None), DUE
        self.does("hold", ("held", ""))

    def does(self, name: str, *told: tuple[str, str], now: int = NOW) -> None:
        """A script's turn, and what it told of the hold: its status and why."""
        turn = Turn(name, "hall", self.live, {}, 1000 * now)
        turn.events = [{"hold": {**self.hold, "status": status}, "reason": why} for status, why in told]
        self.properties.after(turn)

    def changes(self, *, version: int, since: int, shown: tuple[int, int]) -> None:
        """A step of the log."""
        self.live.meta.version = version
        self.live.log.append((version, since, [0, *shown]))

    def ends(self) -> None:
        """All of it as it should be."""
        self.live.slots[0].held = 0
        self.live.deadlines.clear()
        self.changes(version=2, since=1, shown=(1, 0))


def too_much_is_taken(room: Room) -> None:
    room.live.slots[0].booked = 1
    room.does("hold")


def less_than_nothing_is_held(room: Room) -> None:
    room.live.slots[0].held = -1
    room.does("hold")


def nobody_has_what_is_held(room: Room) -> None:
    room.live.deadlines.clear()
    room.does("release")


def a_version_falls(room: Room) -> None:
    room.live.meta.version = 0
    room.does("hold")


def the_log_has_a_gap(room: Room) -> None:
    room.changes(version=9, since=5, shown=(0, 1))
    room.does("hold")


def a_change_is_not_published(room: Room) -> None:
    room.ends()
    room.live.log[-1] = (2, 1, [])
    room.does("release")


def a_change_has_no_version(room: Room) -> None:
    room.ends()
    room.live.meta.version = 1
    room.does("release")


def it_ends_while_it_is_paid(room: Room) -> None:
    room.does("pay", ("paying", ""))
    room.ends()
    room.does("expire", ("released", "left"))


def it_ends_before_its_deadline(room: Room) -> None:
    room.ends()
    room.does("expire", ("expired", "deadline"), now=DUE - 1)


def a_deadline_ends_what_is_paid(room: Room) -> None:
    room.does("pay", ("paying", ""))
    room.ends()
    room.does("expire", ("expired", "deadline"), now=DUE)


def it_comes_back(room: Room) -> None:
    room.does("release", ("released", "released"))
    room.does("hold", ("held", ""))


def nobody_ends_it(room: Room) -> None:
    room.properties.deadlines_are_kept({"hall": room.live}, DUE + 1_301, served_since=NOW)


LIVE: Final[dict[Callable[[Room], None], str]] = {
    too_much_is_taken: "I2: hall 0 has",
    less_than_nothing_is_held: "I2: hall 0 has",
    nobody_has_what_is_held: "its holds 0",
    a_version_falls: "I10: hall went from version 1 to 0",
    the_log_has_a_gap: "I10: the log of hall has a gap before 9",
    a_change_is_not_published: "I10: release on hall changed more",
    a_change_has_no_version: "I10: release on hall changed more",
    it_ends_while_it_is_paid: "I6: .* was being paid for",
    it_ends_before_its_deadline: f"I3: .* was held until {DUE}",
    a_deadline_ends_what_is_paid: "I3: .* was paying until",
    it_comes_back: "was released and is held by hold",
    nobody_ends_it: "I3: hall h was to end at",
}


@pytest.mark.parametrize("breaks", LIVE, ids=lambda breaks: breaks.__name__)
def test_what_redis_has_breaks_a_promise(breaks: Callable[[Room], None]) -> None:
    with pytest.raises(Broken, match=LIVE[breaks]):
        breaks(Room())


def test_a_hold_that_ends_by_leaving_though_its_buyer_is_there() -> None:
    absent, there = Room(), Room(here=True)
    absent.ends()
    absent.does("expire", ("released", "left"))
    there.ends()
    with pytest.raises(Broken, match=r"I7: .* who is still there"):
        there.does("expire", ("released", "left"))


def test_what_is_as_it_should_be_breaks_nothing() -> None:
    room = Room()
    room.properties.deadlines_are_kept({"hall": room.live}, DUE + 1_300, served_since=NOW)
    room.ends()
    room.does("expire", ("expired", "deadline"), now=DUE)
    room.properties.deadlines_are_kept({"hall": room.live}, DUE + 9_000, served_since=NOW)


def test_a_hold_that_is_given_back_behind_its_deadline_has_a_moment_to_end_in() -> None:
    room = Room()
    room.does("pay", ("paying", ""))
    room.does("return_to_cart", ("held", "cancelled"), now=DUE + 9_000)
    room.properties.deadlines_are_kept({"hall": room.live}, DUE + 9_000 + 1_300, served_since=NOW)
    with pytest.raises(Broken, match="I3: hall h was to end at"):
        room.properties.deadlines_are_kept({"hall": room.live}, DUE + 9_000 + 1_301, served_since=NOW)


# -- bookings and money -------------------------------------------------------------------------------------


class Till:
    """A booking of one seat for 2,500, confirmed by a payment that was captured: all is well."""

    def __init__(self) -> None:
        self.postgres, self.bank = Postgres(), Bank(random.Random(1), lambda: NOW)
        self.postgres.opens(Catalogue([hall("hall", (1,), POLICY)]))
        self.money = MoneyProperties(self.postgres, self.bank)
        intent = Intent(id="in_0", status="captured", amount=2_500, currency="eur", captured=2_500)
        self.bank.intents["in_0"] = msgspec.structs.replace(intent, metadata={"booking": str(BOOKING)})
        self.bank.ledger.captured["in_0"] = 2_500
        self.payment: dict[str, Any] = {
            "id": PAYMENT, "booking_id": BOOKING, "accepted": True, "amount": 2_500, "provider_id": "in_0",
            "kept": 0,
        }  # fmt: skip
        self.booking: dict[str, Any] = {
            "status": "confirmed", "total": 2_500, "cancel_reason": None, "version": 1, "applied_version": 1,
        }  # fmt: skip
        self.line: dict[str, Any] = {
            "booking_id": BOOKING, "resource": "hall", "index": 0, "quantity": 1, "state": "confirmed",
            "hold": "h",
        }  # fmt: skip
        self.refund: dict[str, Any] | None = None
        tables = self.postgres.tables
        tables.put("payment", PAYMENT, self.payment)
        tables.put("booking", BOOKING, self.booking)
        tables.put("booking_line", 1, self.line)
        self.slot = tables.table("slot")["hall", 0]
        self.slot["taken"] = 1

    def commits(self, *tables: str) -> list[str]:
        """A transaction that changed these."""
        rows = {"booking": (BOOKING, self.booking), "booking_line": (1, self.line), "slot": (("hall", 0), {})}
        return list(self.money.after({(name, rows[name][0]): rows[name][1] for name in tables}))


def more_is_taken_than_there_is(till: Till) -> None:
    till.line["quantity"] = till.slot["taken"] = 2
    till.commits("slot")


def a_slot_is_counted_wrongly(till: Till) -> None:
    till.line["state"] = "released"
    till.commits("booking_line")


def too_little_money_was_accepted(till: Till) -> None:
    till.payment["amount"] = 2_499
    till.commits("booking")


def nothing_was_accepted(till: Till) -> None:
    till.payment["accepted"] = False
    till.commits("booking")


def the_money_is_not_there(till: Till) -> None:
    declined = msgspec.structs.replace(till.bank.intents["in_0"], status="declined", captured=0)
    till.bank.intents["in_0"] = declined
    till.commits("booking")


def the_provider_knows_nothing(till: Till) -> None:
    till.bank.intents.clear()
    till.commits("booking")


def money_is_taken_for_nothing(till: Till) -> None:
    till.payment["accepted"] = False
    till.money.is_accepted("in_0")


def nobody_wanted_it_ended(till: Till) -> None:
    till.commits("booking")
    till.booking.update(status="cancelled", cancel_reason="expired")
    till.commits("booking")


def nobody_wanted_it_cancelled(till: Till) -> None:
    till.booking.update(status="cancelled", cancel_reason="by_buyer")
    till.commits("booking")


def some_wait_in_a_ring(till: Till) -> None:
    till.postgres.tables.rings.append("slot")
    till.commits("slot")


def redis_counts_otherwise(till: Till) -> None:
    redis = Redis(lambda: NOW)
    redis.resources["hall"] = Live(meta=Meta(epoch="e", version=1), slots=[Slot(0, 0, 1)])
    till.money.agrees_with(redis)


def what_was_seen_is_lost(till: Till) -> None:
    till.money.seen_confirmed[BOOKING] = None
    till.booking["status"] = "cancelled"
    till.money.agrees_with(Redis(lambda: NOW))


def nobody_knows_whose_money_it_is(till: Till) -> None:
    till.postgres.tables.table("booking").clear()
    till.money.agrees_with(Redis(lambda: NOW))


MONEY: Final[dict[Callable[[Till], None], str]] = {
    more_is_taken_than_there_is: "I1: of .* 2 are taken",
    a_slot_is_counted_wrongly: "I1: of .* 1 are taken, its lines say 0",
    too_little_money_was_accepted: "I4: .* do not make its total",
    nothing_was_accepted: "I4: .* is confirmed by 0 payments",
    the_money_is_not_there: "I4: .* has no money",
    the_provider_knows_nothing: "I4: .* has no money: None",
    money_is_taken_for_nothing: "I4: in_0 is taken, and no booking was confirmed by it",
    nobody_wanted_it_ended: "I8: .* was confirmed, and is cancelled: expired",
    nobody_wanted_it_cancelled: "and nobody asked for that",
    some_wait_in_a_ring: "in a ring: slot",
    redis_counts_otherwise: "Redis has 0 of hall 0 as booked, PostgreSQL 1",
    what_was_seen_is_lost: "I8: .* was answered as confirmed, and is lost",
    nobody_knows_whose_money_it_is: "I4: in_0 has money of a booking that there never was",
}


@pytest.mark.parametrize("breaks", MONEY, ids=lambda breaks: breaks.__name__)
def test_what_postgresql_or_the_provider_has_breaks_a_promise(breaks: Callable[[Till], None]) -> None:
    with pytest.raises(Broken, match=MONEY[breaks]):
        breaks(Till())


def test_a_booking_that_is_paid_and_cancelled_by_whoever_asked_breaks_nothing() -> None:
    till = Till()
    assert till.commits("booking", "booking_line", "slot") == [f"booking {str(BOOKING)[:6]} is confirmed "]
    assert till.money.unsettled() == []
    till.money.asked[BOOKING] = None
    till.booking.update(status="cancelled", cancel_reason="by_buyer")
    till.line["state"], till.slot["taken"] = "released", 0
    till.bank.ledger.refunded["in_0"] = 2_500
    till.commits("booking", "booking_line", "slot")
    assert till.money.unsettled() == []


UNSETTLED: Final[dict[str, Callable[[Till], object]]] = {
    "is pending": lambda till: till.booking.update(status="pending"),
    "is not told of": lambda till: till.booking.update(version=2),
    "is authorised": lambda till: till.bank.intents.update(
        in_0=msgspec.structs.replace(till.bank.intents["in_0"], status="authorised")
    ),
    "is requested": lambda till: till.postgres.tables.put(
        "refund",
        1,
        {
            "status": "requested",
            "amount": 700,
            "payment_id": PAYMENT,
            "purpose": "part:1",
            "booking_id": BOOKING,
        },
    ),
    "has 0 at the provider, not 2500": lambda till: till.bank.ledger.captured.clear(),
    "has 5000 at the provider, not 2500": lambda till: till.bank.ledger.captured.update(in_0=5_000),
    "cancelled .* has 2500 at the provider, not 0": lambda till: till.booking.update(status="cancelled"),
}


@pytest.mark.parametrize("what", UNSETTLED)
def test_what_has_no_end_yet_is_waited_for(what: str) -> None:
    till = Till()
    UNSETTLED[what](till)
    (left,) = till.money.unsettled()
    assert re.search(what, left)


# -- a story that breaks something fails --------------------------------------------------------------------


async def _breaks_a_property(world: World, _: Troubles) -> None:
    world.breaks(Broken("I2: whatever it is"))


async def _logs_a_dead_letter(_world: World, troubles: Troubles) -> None:
    troubles.error("event_dead", id="ev_1")


async def _has_a_loop_that_dies(_world: World, _: Troubles) -> None:
    logging.getLogger("holdfast.supervisor").error("a loop died")


async def _looks_at_the_real_clock(_world: World, _: Troubles) -> None:
    with_the_others(1.0)


async def _never_ends(_world: World, _: Troubles) -> None:
    await asyncio.Event().wait()


STORIES: Final[dict[Story, str]] = {
    _breaks_a_property: "Broken: I2: whatever it is",
    _logs_a_dead_letter: "logged, and may never be: event_dead",
    _has_a_loop_that_dies: "logged, and may never be: a loop died",
    _looks_at_the_real_clock: "server.worker reads time.monotonic",
    _never_ends: "Deadlock",
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_any_story_in_which_something_breaks_fails(story: Story) -> None:
    with pytest.raises(Failed, match=STORIES[story]):
        tell(1, story)
