"""The nemesis heals whatever it struck, in whatever way it is left."""

import asyncio
import random
from typing import Any

import pytest

from tests.support.waiting import until
from tests.torture.nemesis import Nemesis


class Wound:
    """A fault that writes down what becomes of it."""

    def __init__(self, name: str, log: list[str], *, fails: str = "") -> None:
        self.name = name
        self.open = False
        self._log = log
        self._fails = fails

    async def strike(self, chance: random.Random) -> str:
        self.open = True
        self._log.append(f"{self.name} strikes")
        if self._fails == "half-way":
            raise RuntimeError("half-way")
        return str(chance.randrange(1000))

    async def heal(self) -> None:
        if self._fails == "healing":
            raise RuntimeError("does not heal")
        if self.open:
            self._log.append(f"{self.name} heals")
        self.open = False


class Witness:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, Any]]] = []

    def observe(self, client: str, kind: str, **what: Any) -> None:
        self.seen.append((client, kind, what))


def quick(*faults: Wound, seed: int = 1, recorder: Witness | None = None) -> Nemesis:
    return Nemesis(faults, seed=seed, every=0, lasts=0, recorder=recorder)


def idle(*faults: Wound) -> Nemesis:
    return Nemesis(faults, seed=1, every=1000, lasts=0)


async def test_each_strike_is_healed_before_the_next() -> None:
    log: list[str] = []
    async with quick(Wound("a", log), Wound("b", log)):
        await until(lambda: len(log) > 20)
    for struck, healed in zip(log[::2], log[1::2], strict=True):
        assert healed == struck.replace("strikes", "heals")


async def test_one_seed_makes_one_order_of_faults_and_chances() -> None:
    async def strikes(seed: int) -> list[str]:
        async with quick(Wound("a", []), Wound("b", []), seed=seed) as nemesis:
            await until(lambda: len(nemesis.strikes) > 9)
        return nemesis.strikes[:10]

    assert await strikes(7) == await strikes(7) != await strikes(8)


async def test_what_is_struck_at_the_end_is_healed_in_the_reverse_order() -> None:
    log: list[str] = []
    first, second = Wound("first", log), Wound("second", log)
    async with idle() as nemesis:
        await nemesis.strike(first)
        await nemesis.strike(second)
    assert log == ["first strikes", "second strikes", "second heals", "first heals"]


async def test_what_struck_half_way_is_healed_and_told() -> None:
    wound = Wound("a", [], fails="half-way")
    nemesis = quick(wound)
    with pytest.raises(BaseExceptionGroup, match="the nemesis"):
        async with nemesis:
            await until(lambda: wound.open)
    assert not wound.open


async def test_what_the_body_raises_is_raised_and_all_is_healed() -> None:
    wound = Wound("a", [])

    async def run() -> None:
        async with idle() as nemesis:
            await nemesis.strike(wound)
            raise KeyError

    with pytest.raises(KeyError):
        await run()
    assert not wound.open


async def test_one_that_does_not_heal_is_told_beside_what_the_body_raised_and_the_others_heal() -> None:
    wound = Wound("a", [])

    async def run() -> None:
        async with idle() as nemesis:
            await nemesis.strike(wound)
            await nemesis.strike(Wound("b", [], fails="healing"))
            raise KeyError

    with pytest.raises(KeyError) as raised:
        await run()
    assert not wound.open
    assert raised.value.__notes__ == ["the nemesis: RuntimeError('does not heal')"]


async def test_one_that_does_not_heal_fails_the_run() -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        async with idle() as nemesis:
            await nemesis.strike(Wound("b", [], fails="healing"))
    assert "does not heal" in repr(raised.value.exceptions)


async def test_a_cancelled_run_is_healed_also_when_it_is_cancelled_again() -> None:
    class Slow(Wound):
        healing = asyncio.Event()
        may_heal = asyncio.Event()

        async def heal(self) -> None:
            self.healing.set()
            await self.may_heal.wait()
            await super().heal()

    wound = Slow("slow", [])

    async def run() -> None:
        async with idle() as nemesis:
            await nemesis.strike(wound)
            await asyncio.Event().wait()

    running = asyncio.create_task(run())
    await until(lambda: wound.open)
    running.cancel()
    await wound.healing.wait()
    running.cancel()
    wound.may_heal.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not wound.open


async def test_a_fault_healed_by_hand_is_not_healed_again() -> None:
    log: list[str] = []
    wound = Wound("a", log)
    async with idle() as nemesis:
        await nemesis.strike(wound)
        await nemesis.heal(wound)
        wound.open = True
    assert log == ["a strikes", "a heals"]


async def test_the_history_is_told_before_and_after() -> None:
    witness = Witness()
    wound = Wound("a", [])
    async with Nemesis([], seed=1, every=1, lasts=0, recorder=witness) as nemesis:
        said = await nemesis.strike(wound)
    assert witness.seen == [
        ("nemesis", "fault", {"name": "a", "phase": phase, "said": text})
        for phase, text in (("strikes", ""), ("struck", said), ("healed", ""))
    ]


async def test_a_strike_on_its_way_at_the_end_is_waited_for() -> None:
    began = asyncio.Event()

    class Slow(Wound):
        async def strike(self, chance: random.Random) -> str:
            began.set()
            await asyncio.sleep(0.01)
            return await super().strike(chance)

    log: list[str] = []
    async with quick(Slow("slow", log)):
        await began.wait()
    assert log == ["slow strikes", "slow heals"]
