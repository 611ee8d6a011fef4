"""Harm that is always undone: a fault strikes and heals, and the nemesis sees to it that each is healed."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

__all__ = ["Fault", "Nemesis", "Witness"]

Result = TypeVar("Result")

END_SECONDS = 30


class Fault(Protocol):
    """One kind of harm to what it was given when it was made."""

    @property
    def name(self) -> str:
        """What it is called in histories and reports."""

    async def strike(self, chance: random.Random) -> str:
        """Do harm, and say what was done. To strike what is struck already changes nothing."""

    async def heal(self) -> None:
        """Undo it, as often as one likes, also when it never struck or failed half-way."""


class Witness(Protocol):
    """Whoever writes down what happened: the recorder of a history."""

    def observe(self, client: str, kind: str, **what: Any) -> None:
        """Note one thing that happened just now."""


class Nemesis:
    """Strikes with one fault after the other while its context is open; all is healed when that is left.

    A strike comes `every` so many seconds and lasts `lasts` of them (a pair: between so many and so many).
    Which fault, and all chances that it takes itself, follow from the seed alone.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        seed: int,
        every: float,
        lasts: float | tuple[float, float],
        recorder: Witness | None = None,
    ) -> None:
        self._faults = list(faults)
        self._chance = random.Random(seed)
        self._every = every
        self._lasts = lasts if isinstance(lasts, tuple) else (lasts, lasts)
        self._recorder = recorder
        self._over = asyncio.Event()
        self._struck: list[Fault] = []
        self._striking: asyncio.Task[None] | None = None
        self.strikes: list[str] = []

    async def __aenter__(self) -> Self:
        self._striking = asyncio.create_task(self._strike_on(), name="nemesis")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        undoing = asyncio.create_task(self._end(), name="nemesis heals")
        failures = await _in_spite_of_cancelling(undoing)
        if failures and error is not None:
            for failure in failures:
                error.add_note(f"the nemesis: {failure!r}")
        elif failures:
            raise BaseExceptionGroup("the nemesis", failures)

    async def strike(self, fault: Fault) -> str:
        """One strike now, beside those that come by themselves; it lasts until the end, or `heal`."""
        self._struck.append(fault)
        self._note(fault, "strikes", "")
        said = await fault.strike(self._chance)
        self.strikes.append(f"{fault.name}: {said}")
        self._note(fault, "struck", said)
        return said

    async def heal(self, fault: Fault) -> None:
        """Undo one fault; where that fails it is tried again at the end."""
        await fault.heal()
        self._struck = [each for each in self._struck if each is not fault]
        self._note(fault, "healed", "")

    async def _strike_on(self) -> None:
        while self._faults:
            lasts = self._chance.uniform(*self._lasts)
            if await self._is_over_in(max(self._every - lasts, 0)):
                return
            fault = self._chance.choice(self._faults)
            await self.strike(fault)
            await self._is_over_in(lasts)
            await self.heal(fault)

    async def _is_over_in(self, seconds: float) -> bool:
        """Whether the end has come, after so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()

    async def _end(self) -> list[BaseException]:
        failures = await self._last_failure()
        for fault in reversed(self._struck.copy()):
            try:
                await self.heal(fault)
            except Exception as failure:  # noqa: BLE001  # the others have to be healed all the same
                failures.append(failure)
        return failures

    async def _last_failure(self) -> list[BaseException]:
        """How the striking failed. A strike on its way is waited for: its threads cannot be cancelled."""
        assert self._striking is not None
        self._over.set()
        await asyncio.wait([self._striking], timeout=END_SECONDS)
        self._striking.cancel()
        ended = (await asyncio.gather(self._striking, return_exceptions=True))[0]
        return [ended] if ended is not None else []

    def _note(self, fault: Fault, phase: str, said: str) -> None:
        if self._recorder is not None:
            self._recorder.observe("nemesis", "fault", name=fault.name, phase=phase, said=said)


async def _in_spite_of_cancelling(task: asyncio.Task[Result]) -> Result:
    """What the task comes to; whoever cancels meanwhile is obeyed after that."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as order:
            cancelled = order
    if cancelled is not None:
        raise cancelled
    return task.result()
