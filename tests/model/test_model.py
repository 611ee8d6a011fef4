"""The model and the real scripts, side by side: after each command both say the same of everything."""

import asyncio
import os
from collections.abc import Callable, Coroutine
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

from channels.replica import State
from server.errors import Conflict, HoldExpired, LimitExceeded, SlotTaken
from server.holds.carts import Standing
from server.holds.client import connect
from server.holds.packing import numbers
from server.holds.rules import Hold as RealHold
from server.holds.store import Answer
from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.holds.world import Buyer, Clock, Hall, Listener, World, hall, places
from tests.model.model import Hold, Model, Refusal, Terms

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.holds.keeper import Keeper
    from server.holds.service import Holds

T = TypeVar("T")
Records = list[tuple[int, int, int, int]]

CAPACITIES = {"hall": (1, 1, 1, 3, 1, 1), "other": (1, 2, 1), "ottos": (1, 1)}
POLICIES = {"hall": (60, 110), "other": (40, 90), "ottos": (60, 110)}
OWNERS = {"hall": "olga", "other": "olga", "ottos": "otto"}
LIMIT, GRACE, LIVENESS = 5, 10, 30
SESSIONS, PROCESSES = ("ann", "ann", "ben"), ("one", "two")
# More than 0: so many sequences drawn anew instead of the same few each time. 2,000 take about half an hour.
MODEL_EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
PATIENCE_SECONDS = 60

ITEMS = st.dictionaries(st.integers(0, 5), st.integers(1, 2), min_size=1, max_size=2)
WANTS = st.fixed_dictionaries(
    {
        "session": st.sampled_from(SESSIONS),
        "process": st.sampled_from(PROCESSES),
        "name": st.sampled_from(("hall", "hall", "hall", "other", "ottos")),
        "items": ITEMS,
        "connected": st.booleans(),
    }
)


def made_hall(name: str) -> Hall:
    seconds, ceiling = POLICIES[name]
    policy = HoldPolicy(hold_seconds=seconds, hold_max_seconds=ceiling, max_hold_items=LIMIT)
    sizes = {f"s{index}": size for index, size in enumerate(CAPACITIES[name])}
    return hall(name, places(**sizes), owner=OWNERS[name], policy=policy)


class SideBySide(RuleBasedStateMachine):
    """Commands run on both; refusals, places, holds, deltas and events are compared."""

    redis_url: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        self.redis: Redis = connect(self.redis_url)
        # A machine that is busy with other things is no fault that this suite looks for.
        self.redis.connection_pool.connection_kwargs["socket_timeout"] = PATIENCE_SECONDS
        await self.redis.flushall()
        self.clock = Clock()
        chosen = Settings(disconnect_grace_seconds=GRACE, liveness_seconds=LIVENESS)
        self.world = World(self.redis, [made_hall(name) for name in CAPACITIES], chosen, self.clock)
        self.processes: dict[str, Holds] = {name: self.world.process(name) for name in PROCESSES}
        self.keepers: dict[str, Keeper] = {
            name: self.world.keeper(holds) for name, holds in self.processes.items()
        }
        for name in CAPACITIES:
            await self.world.main.ensure(name)
        self.states: dict[str, State] = {name: await self.world.state(name) for name in CAPACITIES}
        self.listener = Listener(self.redis)
        await self.listener.start(CAPACITIES)
        self.model = Model(
            {
                name: Terms(OWNERS[name], CAPACITIES[name], 1000 * seconds, 1000 * ceiling, LIMIT)
                for name, (seconds, ceiling) in POLICIES.items()
            }
        )
        self.real: dict[int, str] = {}
        self.sockets: dict[str, dict[str, int]] = {name: {} for name in PROCESSES}
        self.said = {name: _spy(holds) for name, holds in self.processes.items()}
        self.booked: dict[str, list[int]] = {}
        self.told: dict[str, RealHold] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self._close())
        self.loop.close()

    async def _close(self) -> None:
        await self.listener.close()
        await self.redis.aclose()

    # Running both.

    @property
    def now(self) -> int:
        return self.clock.milliseconds

    def run(self, work: Coroutine[Any, Any, T]) -> T | Refusal:
        """What the real one answers, a refusal by the model's word for it."""
        try:
            return self.loop.run_until_complete(work)
        except SlotTaken:
            return "taken"
        except LimitExceeded:
            return "limit"
        except Conflict as error:
            return _conflict(error)
        except HoldExpired:
            return "no cart"

    def done(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def buyer(self, session: str, process: str) -> Buyer:
        return self.world.buyer(session, process=self.processes[process])

    def pick(self, data: st.DataObject, choose: Callable[[Hold], bool] = lambda _: True) -> Hold | None:
        chosen = [hold for hold in self.model.holds.values() if choose(hold)]
        return data.draw(st.sampled_from(chosen)) if chosen else None

    # Commands.

    # What buyers do most is drawn most: each of these is a hold.

    @rule(wants=WANTS)
    def first_hold(self, wants: dict[str, Any]) -> None:
        self.hold(**wants)

    @rule(wants=WANTS)
    def second_hold(self, wants: dict[str, Any]) -> None:
        self.hold(**wants)

    @rule(wants=WANTS)
    def third_hold(self, wants: dict[str, Any]) -> None:
        self.hold(**wants)

    @rule(wants=WANTS, seconds=st.integers(1, 30))
    def later_hold(self, wants: dict[str, Any], seconds: int) -> None:
        self.clock.passes(seconds)
        self.hold(**wants)

    def hold(self, session: str, process: str, name: str, items: dict[int, int], connected: bool) -> None:
        sizes = CAPACITIES[name]
        items = {slot: min(wanted, sizes[slot]) for slot, wanted in items.items() if slot < len(sizes)}
        if not items:
            return
        connected = connected and session in self.sockets[process]
        slots = [f"s{slot}*{wanted}" for slot, wanted in items.items()]
        before = set(self.model.holds)
        real = self.run(self.buyer(session, process).holds(*slots, hall=name, connected=connected))
        expected = self.model.hold(session, name, items, self.now)
        if isinstance(expected, str) or isinstance(real, str):
            assert real == expected
            return
        self.real[expected.number] = real.hold.id
        assert real.created == (expected.number not in before)
        if real.created and connected:
            self.model.live_until(session, process, name, self.now + 1000 * LIVENESS)

    def _keepers_tell(self) -> None:
        """What processes have heard of holds and sockets they say to the scripts; the model hears it too."""
        self._hear()
        for process, keeper in self.keepers.items():
            before = len(self.said[process])
            self.done(keeper.read())
            self.done(keeper.flush())
            self._model_hears(process, before)

    def _model_hears(self, process: str, before: int) -> None:
        for script, hall_name, session in self.said[process][before:]:
            if script == "renew":
                self.model.renew(session, process, hall_name, self.now + 1000 * LIVENESS)
            else:
                self.model.live_until(session, process, hall_name, self.now + 1000 * GRACE)

    def _was_told(self, session: str, process: str, seconds: int) -> None:
        """Wherever the session's cart is, the process has said just now how long it lives.

        What is paid for does not ask for that; given back to its cart, it is told anew.
        """
        for name in {hold.hall for hold in self.model.cart(session, self.now)}:
            assert self.model.lives[name, session][process] == self.now + 1000 * seconds

    @rule(data=st.data(), part=st.booleans())
    def release(self, data: st.DataObject, part: bool) -> None:
        hold = self.pick(data)
        if hold is None:
            return
        items = {min(hold.items): 1} if part and hold.status == "held" else None
        slots = [f"s{slot}*{wanted}" for slot, wanted in (items or {}).items()]
        buyer = self.buyer(hold.session, "one")
        real = self.run(self.world.main.release(buyer.caller, self.real[hold.number], _items(slots), op=None))
        expected = self.model.release(hold, items)
        assert (real if isinstance(real, str) else None) == expected

    @rule(session=st.sampled_from(SESSIONS), seconds=st.integers(0, 59))
    def extend(self, session: str, seconds: int) -> None:
        self.clock.passes(seconds)
        real = self.run(self.buyer(session, "one").extends())
        expected = self.model.extend(session, self.now)
        assert (real if isinstance(real, str) else None) == expected

    @rule(session=st.sampled_from(SESSIONS))
    def release_cart(self, session: str) -> None:
        self.done(self.buyer(session, "one").releases_all())
        self.model.release_cart(session, self.now)

    # Sockets.

    @rule(session=st.sampled_from(SESSIONS), process=st.sampled_from(PROCESSES))
    def open_socket(self, session: str, process: str) -> None:
        opened = self.sockets[process]
        opened[session] = opened.get(session, 0) + 1
        self.keepers[process].socket_opened(session, f"{session}-{opened[session]}")
        self._keepers_tell()
        self._was_told(session, process, LIVENESS)

    @precondition(lambda self: any(self.sockets.values()))
    @rule(data=st.data())
    def close_socket(self, data: st.DataObject) -> None:
        process, session = data.draw(
            st.sampled_from([(p, s) for p, sessions in self.sockets.items() for s in sessions])
        )
        opened = self.sockets[process]
        self.keepers[process].socket_closed(session, f"{session}-{opened[session]}")
        self._keepers_tell()
        opened[session] -= 1
        if opened[session] == 0:
            del opened[session]
            self._was_told(session, process, GRACE)

    @rule(session=st.sampled_from(SESSIONS))
    def leave(self, session: str) -> None:
        self.done(self.buyer(session, "one").leaves())
        for name in CAPACITIES:
            self.model.live_until(session, "leave", name, self.now + 1000 * GRACE)

    @rule()
    def renew(self) -> None:
        for process, keeper in self.keepers.items():
            before = len(self.said[process])
            self.done(keeper.renew())
            self._model_hears(process, before)
            for session in self.sockets[process]:
                self._was_told(session, process, LIVENESS)

    # Time.

    @rule(seconds=st.sampled_from((1, 10, 11, 29, 30, 31, 40, 60, 100)))
    def time_passes(self, seconds: int) -> None:
        self.clock.passes(seconds)

    @rule()
    def sweep(self) -> None:
        self.done(self.world.main.expire())
        for name in CAPACITIES:
            self.model.expire(name, self.now)

    # Bookings.

    @rule(session=st.sampled_from(SESSIONS))
    def begin_paying(self, session: str) -> None:
        cart = self.model.cart(session, self.now)
        if not cart:
            return
        booking, until = f"booking-{len(self.booked)}", self.now + 100_000
        self.booked[booking] = [hold.number for hold in cart]
        assert self.done(self.world.main.begin_paying(self._reals(cart), booking, until)) == []
        assert self.model.begin_paying(cart, booking, until, self.now) is None

    def _reals(self, holds: list[Hold]) -> list[RealHold]:
        return [self.told[self.real[hold.number]] for hold in holds]

    @precondition(lambda self: self.booked)
    @rule(data=st.data(), what=st.sampled_from(("confirm", "end", "give back", "give back", "retake")))
    def settle(self, data: st.DataObject, what: str) -> None:
        booking = data.draw(st.sampled_from(sorted(self.booked)))
        holds = [self.model.holds[number] for number in self.booked[booking]]
        reals, main, until = self._reals(holds), self.world.main, self.now + 50_000
        match what:
            case "confirm" if all(hold.booking == booking for hold in holds):
                self.done(main.confirm(reals, booking))
                self.model.confirm(booking)
            case "end":
                self.done(main.end(reals, booking, "expired", "deadline"))
                self.model.end(booking)
            case "give back":
                refused = self.run(main.return_to_cart(reals, booking))
                assert (refused if isinstance(refused, str) else None) == self.model.return_to_cart(
                    booking, self.now
                )
            case "retake" if all(hold.status in ("expired", "released") for hold in holds):
                taken = self.done(main.retake(reals, booking, until))
                assert taken == (self.model.retake(holds, booking, until, self.now) is None)

    @rule(name=st.sampled_from(sorted(CAPACITIES)))
    def rebuild(self, name: str) -> None:
        """From what PostgreSQL would know; nothing is lost when Redis was whole."""
        it = self.world.catalogue.halls[name]
        it.confirmed = {slot: n for (where, slot), n in self.model.booked.items() if where == name}
        paying = [hold for hold in self.model.standing(name) if hold.status == "paying"]
        it.pending = self._reals(paying)
        self.done(self.world.main.load(name))

    # What both must say.

    def _hear(self) -> None:
        """Old snapshot + deltas = fresh snapshot; every change of a hold was told, and told truly."""
        heard = self.done(self.listener.so_far())
        for event in heard.events:
            self.told[event.hold.id] = event.hold
        for name, epoch, start, end, changes in heard.changes:
            state = self.states[name]
            if changes is None:
                self.states[name] = self.done(self.world.state(name))
                continue
            assert (state.epoch, state.version) == (epoch, start)
            self.states[name] = _applied(state, end, changes)
        for process in self.keepers.values():
            process.hear_events(heard.events)

    @invariant()
    def both_say_the_same(self) -> None:
        self._keepers_tell()
        records, fresh, standings = self.done(self._look())
        for name in CAPACITIES:
            self._compare_channel(self.states[name], fresh[name])
            self._compare_places(name, records[name])
        for session in set(SESSIONS):
            self._compare_holds(session, standings[session])

    async def _look(self) -> tuple[dict[str, Records], dict[str, State], dict[str, Standing]]:
        """Everything that may be seen."""
        main, sessions = self.world.main, sorted(set(SESSIONS))
        records = await asyncio.gather(*map(self.world.records, CAPACITIES))
        states = await asyncio.gather(*map(self.world.state, CAPACITIES))
        standings = await asyncio.gather(*map(main.standing, sessions))
        return (
            dict(zip(CAPACITIES, records, strict=True)),
            dict(zip(CAPACITIES, states, strict=True)),
            dict(zip(sessions, standings, strict=True)),
        )

    @staticmethod
    def _compare_channel(followed: State, fresh: State) -> None:
        assert (followed.epoch, followed.version) == (fresh.epoch, fresh.version)
        assert (followed.available, followed.held) == (fresh.available, fresh.held)

    def _compare_places(self, name: str, records: Records) -> None:
        for slot, (available, held, booked, capacity) in enumerate(records):
            assert capacity == CAPACITIES[name][slot]
            assert held == self.model.held(name, slot), (name, slot)
            assert booked == self.model.booked.get((name, slot), 0)
            assert available == self.model.available(name, slot)
            assert held + booked <= capacity

    def _compare_holds(self, session: str, standing: Standing) -> None:
        expected = self.model.of_session(session, self.now)
        found = {hold.id: hold for hold in standing.live}
        assert found.keys() == {self.real[hold.number] for hold in expected}
        references: dict[int, set[str]] = {}
        for hold in expected:
            real = found[self.real[hold.number]]
            assert real == self.told[real.id]
            assert {item.index: item.quantity for item in real.items} == hold.items
            assert (real.status, real.expires_at) == (hold.status, hold.expires_at)
            assert (real.first_hold_at, real.booking) == (hold.first_hold_at, hold.booking)
            references.setdefault(hold.cart, set()).add(real.reference)
        assert all(len(each) == 1 for each in references.values())
        assert len(set.union(set(), *references.values())) == len(references)
        cart = standing.cart
        assert cart is None or {hold.expires_at for hold in cart.holds} == {cart.expires_at}


def _spy(holds: "Holds") -> list[tuple[str, str, str]]:
    """From here on, what a process says of how alive sessions are: (script, resource, session)."""
    said: list[tuple[str, str, str]] = []
    run = holds.store.run

    async def listen(name: str, resource: str, /, *blobs: bytes, **content: Any) -> Answer:
        if name == "renew" or content.get("field") == holds.process:
            said.extend((name, resource, session) for session in content["sessions"])
        return await run(name, resource, *blobs, **content)

    holds.store.run = listen  # type: ignore[method-assign]  # a spy
    return said


def _items(slots: list[str]) -> list[tuple[str, int]] | None:
    return [(name, int(wanted)) for name, _, wanted in (slot.partition("*") for slot in slots)] or None


def _conflict(error: Conflict) -> Refusal:
    words: dict[str, Refusal] = {"owner": "conflict", "being paid": "paying", "no cart": "no cart"}
    return next(refusal for word, refusal in words.items() if word in error.detail)


def _applied(state: State, end: int, changes: list[int]) -> State:
    available, held = numbers(state.available, state.width), numbers(state.held, state.width)
    for place in range(0, len(changes), 3):
        index, available[changes[place]], held[changes[place]] = changes[place : place + 3]
        assert place == 0 or index > changes[place - 3]
    return State(state.epoch, end, state.layout, state.width, 0, state.count, bytes(available), bytes(held))


@pytest.mark.timeout(36_000 if MODEL_EXAMPLES else 600)
def test_the_scripts_do_what_the_model_says(redis_url: str) -> None:
    class OnThisRedis(SideBySide):
        pass

    OnThisRedis.redis_url = redis_url
    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            derandomize=not MODEL_EXAMPLES,
            max_examples=MODEL_EXAMPLES or 30,
            database=None,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # No shrinking: every step asks a real Redis, and a failure's steps are printed as they are.
            phases=[Phase.explicit, Phase.generate],
            report_multiple_bugs=False,
        ),
    )
