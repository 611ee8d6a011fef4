"""The circuit breaker: nobody waits for a provider that is away, and it is noticed when it is back."""

import asyncio

import pytest

from server.payments.breaker import Circuit, Guarded
from server.payments.free import Free
from server.payments.provider import Intent, Order, ProviderRefused, ProviderUnavailable


class Third:
    """Somebody who answers, refuses or is away, as the test says."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.asked = 0
        self.failure: Exception | None = None

    async def _answer(self) -> str:
        self.asked += 1
        if self.failure:
            raise self.failure
        return "here"

    async def ask(self) -> str:
        return await self.circuit.call(self._answer)

    @property
    def state(self) -> str:
        return self.circuit.state

    async def is_asked_in_vain(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ProviderUnavailable):
                await self.ask()


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def third(time: Time) -> Third:
    return Third(Circuit("stripe", failures=3, open_ms=10_000, clock=time))


async def test_answers_go_through(third: Third) -> None:
    assert await third.ask() == "here"
    assert third.state == "closed"


async def test_failures_in_a_row_open_it(third: Third) -> None:
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(2)
    third.failure = None
    await third.ask()
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(2)
    assert third.state == "closed"
    await third.is_asked_in_vain(1)
    assert third.state == "open"


async def test_while_it_is_open_nobody_waits(third: Third) -> None:
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(3)
    third.failure = None
    await third.is_asked_in_vain(5)
    assert third.asked == 3


async def test_a_refusal_is_an_answer(third: Third) -> None:
    third.failure = ProviderRefused("no")
    for _ in range(5):
        with pytest.raises(ProviderRefused):
            await third.ask()
    assert third.state == "closed"


class LockedOut(ProviderUnavailable):
    away = False


async def test_being_locked_out_is_an_answer(third: Third) -> None:
    third.failure = LockedOut()
    await third.is_asked_in_vain(5)
    assert (third.asked, third.state) == (5, "closed")


async def test_after_a_while_one_call_finds_it_back(third: Third, time: Time) -> None:
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(3)
    time.now += 10_000
    assert third.state == "half_open"
    third.failure = None
    assert await third.ask() == "here"
    assert third.state == "closed"


async def test_a_call_that_finds_it_away_still_keeps_it_open(third: Third, time: Time) -> None:
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(3)
    time.now += 10_000
    await third.is_asked_in_vain(3)
    assert (third.asked, third.state) == (4, "open")


async def test_one_call_at_a_time_looks(time: Time) -> None:
    circuit = Circuit("stripe", failures=1, open_ms=10_000, clock=time)
    third = Third(circuit)
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(1)
    time.now += 10_000
    looked, may_answer = asyncio.Event(), asyncio.Event()

    async def look() -> str:
        looked.set()
        await may_answer.wait()
        return "back"

    looking = asyncio.create_task(circuit.call(look))
    await looked.wait()
    await third.is_asked_in_vain(2)
    assert third.asked == 1
    may_answer.set()
    assert await looking == "back"
    assert circuit.state == "closed"


async def test_a_look_that_is_given_up_lets_the_next_one_look(time: Time) -> None:
    circuit = Circuit("stripe", failures=1, open_ms=10_000, clock=time)
    third = Third(circuit)
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(1)
    time.now += 10_000
    looked = asyncio.Event()

    async def look() -> str:
        looked.set()
        await asyncio.Event().wait()
        return "never"

    looking = asyncio.create_task(circuit.call(look))
    await looked.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    third.failure = None
    assert await third.ask() == "here"


async def test_reading_lists_takes_nobodys_turn_to_look(time: Time) -> None:
    """Lists take long: whoever wants to pay must not wait for one to learn that the provider is back."""
    circuit = Circuit("stripe", failures=1, open_ms=10_000, clock=time)
    third = Third(circuit)
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(1)
    reading, may_answer = asyncio.Event(), asyncio.Event()

    class Long(Free):
        async def recent(self, since_ms: int) -> list[Intent]:
            reading.set()
            await may_answer.wait()
            return await super().recent(since_ms)

    guarded = Guarded(Long(), circuit)
    with pytest.raises(ProviderUnavailable, match="not asked"):
        await guarded.recent(0)
    time.now += 10_000
    listing = asyncio.create_task(guarded.recent(0))
    await reading.wait()
    third.failure = None
    assert await third.ask() == "here"
    assert circuit.state == "closed"
    may_answer.set()
    assert await listing == []


async def test_lists_alone_notice_that_the_provider_is_back(time: Time) -> None:
    circuit = Circuit("stripe", failures=1, open_ms=10_000, clock=time)
    third = Third(circuit)
    third.failure = ProviderUnavailable()
    await third.is_asked_in_vain(1)
    time.now += 10_000
    assert await Guarded(Free(), circuit).recent(0) == []
    assert circuit.state == "closed"


class Away(Free):
    """Refuses nothing and never answers."""

    name = "free"

    def __getattribute__(self, name: str) -> object:
        if name in {"name", "refuses"} or name.startswith("__"):
            return super().__getattribute__(name)

        async def nobody(*_: object) -> object:
            raise ProviderUnavailable(name)

        return nobody


ORDER = Order(payment="p1", booking="b1", reference="BK-1", amount=0, currency="usd")


async def test_every_call_of_a_provider_goes_through_its_circuit(time: Time) -> None:
    circuit = Circuit("stripe", failures=100, clock=time)
    provider = Guarded(Away(), circuit)
    calls = {
        "create": (ORDER, "k"),
        "fetch": ("i",),
        "capture": ("i", 1, "k"),
        "cancel": ("i", "k"),
        "refund": ("i", 1, "k"),
        "fetch_refund": ("r",),
        "recent": (0,),
    }
    for name, arguments in calls.items():
        with pytest.raises(ProviderUnavailable, match=name):
            await getattr(provider, name)(*arguments)
    assert circuit._failures == len(calls)
    assert provider.name == "free"
    assert provider.refuses(0, "usd") is None


async def test_a_provider_that_never_answers_is_not_waited_for(time: Time) -> None:
    class Mute(Free):
        async def fetch(self, intent_id: str) -> Intent:
            await asyncio.Event().wait()
            return await super().fetch(intent_id)

    circuit = Circuit("stripe", failures=1, clock=time)
    with pytest.raises(ProviderUnavailable, match="in time"):
        await Guarded(Mute(), circuit, seconds=0.01).fetch("i")
    assert circuit.state == "open"
