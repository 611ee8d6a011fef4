"""The grid's model and the real scripts, side by side, over days that pass."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from server.errors import Conflict, HoldExpired, InvalidRange, SlotTaken
from server.holds.client import connect
from server.holds.rules import Hold as RealHold
from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.holds.grids import ALWAYS, MORNINGS, STARTED, Records, driveway, kept, shown, takes
from tests.holds.world import Clock, Listener, World
from tests.model.grid_model import GridModel, Steps
from tests.model.model import Hold, Refusal, Terms
from tests.model.test_model import MODEL_EXAMPLES, PATIENCE_SECONDS

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

SECONDS, CEILING = 1200, 4000
SESSIONS = ("ann", "ann", "ben", "cleo")
DAY = 86_400
MILLISECOND = 0.001


class OverDays(RuleBasedStateMachine):
    """One car park for two, half an hour free after each, half hours by London's clock."""

    redis_url: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        self.redis: Redis = connect(self.redis_url)
        self.redis.connection_pool.connection_kwargs["socket_timeout"] = PATIENCE_SECONDS
        await self.redis.flushall()
        self.clock = Clock()
        policy = HoldPolicy(hold_seconds=SECONDS, hold_max_seconds=CEILING, max_hold_items=0)
        self.drive = driveway(capacity=2, buffer_minutes=30, horizon_days=4, policy=policy)
        self.world = World(self.redis, [self.drive], Settings(), self.clock)
        await self.world.main.ensure("drive")
        self.listener = Listener(self.redis)
        await self.listener.start(["drive"])
        self.seen = await self.world.main.read("drive")
        self.screen = shown(self.seen)
        steps = Steps(lambda index: self.drive.steps.capacities(index, 1)[0])
        self.model = GridModel({"drive": Terms("olga", steps, 1000 * SECONDS, 1000 * CEILING, 10**6)})
        self.real: dict[int, str] = {}
        self.told: dict[str, RealHold] = {}
        self.booked: dict[str, list[int]] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self._close())
        self.loop.close()

    async def _close(self) -> None:
        await self.listener.close()
        await self.redis.aclose()

    # Running both.

    @property
    def now(self) -> int:
        self.model.passed = self.drive.steps.index_at(self.clock.milliseconds) + 1
        return self.clock.milliseconds

    def done(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def run(self, work: Coroutine[Any, Any, T]) -> T | Refusal:
        try:
            return self.done(work)
        except SlotTaken:
            return "taken"
        except HoldExpired:
            return "no cart"
        except Conflict as error:
            return "paying" if "being paid" in error.detail else "no cart"

    # Commands.

    @rule(
        session=st.sampled_from(SESSIONS),
        start=st.integers(14, 30),
        length=st.integers(1, 6),
        days=st.sampled_from((0, 0, 1, 1, 2)),
    )
    def hold(self, session: str, start: int, length: int, days: int) -> None:
        self.clock.passes(MILLISECOND)  # two of one moment have no order
        today = (self.now // 1000 - round(STARTED.timestamp())) // DAY + days
        clocks = (f"{half // 2:02}:{half % 2 * 30:02}" for half in (start, start + length))
        try:
            real = self.run(takes(self.world.buyer(session), self.drive, *clocks, days=today))
        except InvalidRange:  # past or closed: the inventory's tests say when
            return
        index = self.drive.step(f"{start // 2:02}:{start % 2 * 30:02}", today)
        capacities = self.drive.steps.capacities(index, length + 1)
        items = {index + place: 1 for place in range(length + 1) if capacities[place]}
        before = set(self.model.holds)
        expected = self.model.hold(session, "drive", items, self.now)
        if isinstance(expected, str) or isinstance(real, str):
            assert real == expected
            return
        self.real[expected.number] = real.hold.id
        assert real.created == (expected.number not in before)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if not self.model.holds:
            return
        hold = data.draw(st.sampled_from(list(self.model.holds.values())))
        caller = self.world.buyer(hold.session).caller
        real = self.run(self.world.main.release(caller, self.real[hold.number], op=None))
        expected = self.model.release(hold, None)
        assert (real if isinstance(real, str) else None) == expected

    @rule(session=st.sampled_from(SESSIONS))
    def extend(self, session: str) -> None:
        real = self.run(self.world.buyer(session).extends())
        expected = self.model.extend(session, self.now)
        assert (real if isinstance(real, str) else None) == expected

    @rule(seconds=st.sampled_from((60, 600, 1200, 1800, 7200)))
    def time_passes(self, seconds: int) -> None:
        self.clock.passes(seconds)

    @rule(hours=st.sampled_from((14, 24, 30, 75)))
    def days_pass(self, hours: int) -> None:
        self.clock.passes(hours * 3600)

    @rule()
    def sweep(self) -> None:
        self.done(self.world.main.expire())
        self.model.expire("drive", self.now)

    @rule(session=st.sampled_from(SESSIONS))
    def begin_paying(self, session: str) -> None:
        cart = self.model.cart(session, self.now)
        if cart:
            booking, until = f"booking-{len(self.booked)}", self.now + 100_000
            self.booked[booking] = [hold.number for hold in cart]
            assert self.done(self.world.main.begin_paying(self._reals(cart), booking, until)) == []
            assert self.model.begin_paying(cart, booking, until, self.now) is None

    def _reals(self, holds: list[Hold]) -> list[RealHold]:
        return [self.told[self.real[hold.number]] for hold in holds]

    @precondition(lambda self: self.booked)
    @rule(
        data=st.data(), what=st.sampled_from(("confirm", "confirm", "unbook", "end", "give back", "retake"))
    )
    def settle(self, data: st.DataObject, what: str) -> None:
        booking = data.draw(st.sampled_from(sorted(self.booked)))
        holds = [self.model.holds[number] for number in self.booked[booking]]
        reals, main, until = self._reals(holds), self.world.main, self.now + 50_000
        match what:
            case "confirm" if all(hold.booking == booking for hold in holds):
                self.done(main.confirm(reals, booking))
                self.model.confirm(booking)
            case "unbook" if all(hold.status == "confirmed" for hold in holds):
                epoch = self.done(main.epoch("drive"))
                assert epoch is not None
                self.done(main.unbook(reals, booking, epoch))
                self.model.unbook(self.booked[booking])
            case "end":
                self.done(main.end(reals, booking, "expired", "deadline"))
                self.model.end(booking)
            case "give back":
                self.done(main.return_to_cart(reals, booking))
                self.model.return_to_cart(booking, self.now)
            case "retake" if all(hold.status in ("expired", "released") for hold in holds):
                taken = self.done(main.retake(reals, booking, until))
                assert taken == (self.model.retake(holds, booking, until, self.now) is None)

    @rule(hours=st.sampled_from((None, ALWAYS, MORNINGS)))
    def rebuild(self, hours: Any) -> None:
        """From what PostgreSQL would know; under other opening hours, what no longer fits is lost."""
        if hours is not None:
            self.drive.changes_rules(opening_hours=hours)
        self.drive.confirmed = {slot: n for (_, slot), n in self.model.booked.items() if n}
        paying = [hold for hold in self.model.standing("drive") if hold.status == "paying"]
        self.drive.pending = self._reals(paying)
        self.done(self.world.main.load("drive"))
        self.model.rebuild()

    # What both must say.

    @invariant()
    def both_say_the_same(self) -> None:
        now = self.now
        state, records = self.done(self._look())
        self._hear()
        fresh, taken = shown(state), self.model.taken()
        assert state.first == self.drive.steps.today(now)
        capacities = self.drive.steps.capacities(state.first, state.count)
        for index, capacity in zip(fresh, capacities, strict=True):
            held, booked = taken.get(index, (0, 0))
            free = 0 if index < self.model.passed else max(0, capacity - held - booked)
            assert fresh[index] == (free, held), index
        assert self.screen == fresh
        self._compare_records(records, taken)
        for session in set(SESSIONS):
            standing = self.done(self.world.main.standing(session))
            expected = self.model.of_session(session, now)
            found = {hold.id: hold for hold in standing.live}
            assert found.keys() == {self.real[hold.number] for hold in expected}
            for hold in expected:
                real = found[self.real[hold.number]]
                assert {item.index: item.quantity for item in real.items} == hold.items
                assert (real.status, real.expires_at) == (hold.status, hold.expires_at)

    async def _look(self) -> tuple[Any, Records]:
        return await self.world.main.read("drive"), await kept(self.world, self.drive)

    def _compare_records(self, records: Records, taken: Mapping[int, tuple[int, int]]) -> None:
        """In Redis is what the model has of the days that are kept, and nothing of others."""
        chunk = self.drive.steps.chunk
        oldest = (self.drive.steps.today(self.now) // chunk - 2) * chunk
        assert all(index >= oldest for index in records)
        for index, (_, held, booked, _) in records.items():
            assert (held, booked) == taken.get(index, (0, 0)), index
        assert all(index < oldest or index in records for index in taken if any(taken[index]))

    def _hear(self) -> None:
        """Old snapshot + deltas = fresh snapshot."""
        heard = self.done(self.listener.so_far())
        for event in heard.events:
            self.told[event.hold.id] = event.hold
        for _, epoch, start, end, changes in heard.changes:
            if changes is None:
                self.seen = self.done(self.world.main.read("drive"))
                self.screen = shown(self.seen)
                self.version = self.seen.version
                continue
            if end <= self.seen.version:  # told before the reading that a reset asked for
                continue
            assert (epoch, start) == (self.seen.epoch, getattr(self, "version", self.seen.version))
            self.version = end
            for place in range(0, len(changes), 3):
                index, available, held = changes[place : place + 3]
                assert index in self.screen
                self.screen[index] = (available, held)


@pytest.mark.timeout(36_000 if MODEL_EXAMPLES else 600)
def test_the_scripts_do_to_grids_what_the_model_says(redis_url: str) -> None:
    class OnThisRedis(OverDays):
        pass

    OnThisRedis.redis_url = redis_url
    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            derandomize=not MODEL_EXAMPLES,
            max_examples=MODEL_EXAMPLES or 20,
            database=None,
            stateful_step_count=35,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
            report_multiple_bugs=False,
        ),
    )
