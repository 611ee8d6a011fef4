"""Where a cell plays: a street, people on it, a nemesis; and what every play ends with.

    async with open_stage(torture, size) as stage:
        async with stage.nemesis(faults, every=2.0, lasts=0.0):
            await stage.sale()

When the play is over everything is healed, everybody has done what they wanted, and then: no hold is left
over, every client sees what Redis has, the audit finds nothing, and the checkers find nothing in what all
people wrote down.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from redis.exceptions import RedisError

from server.errors import HoldfastError, Unavailable
from server.holds.packing import column, numbers
from server.holds.scripts import Scripts
from server.holds.store import HoldStore, key
from tests.support.waiting import until
from tests.torture import verdict
from tests.torture.history import History, Recorder
from tests.torture.hours import rents, shown
from tests.torture.matrix import Size, Strike, Torture, percentile
from tests.torture.nemesis import Fault, Nemesis
from tests.torture.people.maps import digest
from tests.torture.people.office import Office
from tests.torture.street import Street, open_street

Result = TypeVar("Result")

HALL: Final = "hall"
HOLD_SECONDS: Final = 15
PAYMENT_SECONDS: Final = 20
QUIET_SECONDS: Final = 40.0
CONVERGED_SECONDS: Final = 2.0
ASK_SECONDS: Final = 0.05


class Notes:
    """What the nemesis does, in the words of the checkers.

    What Redis has lost it may go on to lose until all is quiet: a booking that was under way finds its hold
    gone. So a losing fault is over, for whoever judges holds, when the play is.
    """

    def __init__(self, recorder: Recorder, losing: Collection[str]) -> None:
        self._recorder = recorder
        self._losing = losing

    def observe(self, client: str, kind: str, **what: Any) -> None:
        phase = {"strikes": "strike", "healed": "heal"}.get(what["phase"], what["phase"])
        goes_on = phase == "heal" and what["name"] in self._losing
        kind = "struck" if phase == "struck" or goes_on else kind
        self._recorder.observe(client, kind, **{**what, "phase": phase})


PENDING: Final = """
select distinct b.id, b.status, p.status, b.expires_at
from booking b left join payment p on p.booking_id = b.id
where b.status = 'pending'
  or (b.status = 'confirmed' and b.payment_status <> 'paid' and p.status = 'authorized')
  or (b.status = 'cancelled' and p.status in ('authorized', 'paid') and p.amount > 0)
  or exists (select from refund r where r.payment_id = p.id and r.status = 'requested')
  or b.applied_version < b.version
"""
"""What is not at its end: a booking that waits to be paid, money promised or to be given back, and a
change that Redis has not been told: it would move the map on while people write down how it ended."""


@dataclass(frozen=True)
class Sold:
    """What came of a sale, as its buyers know it."""

    seconds: float
    tickets: int


@dataclass
class Truth:
    """What Redis has at one moment."""

    epoch: str
    version: int
    digest: str


@dataclass
class Stage:
    """A play in progress."""

    torture: Torture
    size: Size
    street: Street
    crowds: Sequence[Office]
    recorder: Recorder
    began: float
    losing: Sequence[str] = ()
    confirmed: int = 0
    """Bookings that their buyers know to be confirmed, once all is quiet: some hear it after the sale."""

    marks: dict[str, list[float]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def store(self) -> HoldStore:
        """What Redis has, as the product reads it."""
        return HoldStore(Scripts(self.street.client))

    # The play.

    def nemesis(
        self, faults: Sequence[Fault], *, every: float = 2.0, lasts: float | tuple[float, float] = 0.0
    ) -> Nemesis:
        """Strikes at these while the context is open; all strikes are on the cell's time line."""
        return Nemesis(
            faults,
            seed=self.torture.seed,
            every=every,
            lasts=lasts,
            recorder=Notes(self.recorder, self.losing),
        )

    async def arrive(self, people: int | None = None, port: int = 0) -> None:
        """Everybody comes and looks."""
        each = -(-(people or self.size.people) // len(self.crowds))
        await self.order("comes", count=each, port=port)

    async def sale(self, *, seconds: float | None = None, **plan: Any) -> Sold:
        """Everybody buys until content, sold out, or out of time."""
        until = time.monotonic() + (seconds or self.size.seconds)
        crowds = await self.order("buy", until=until, **plan)
        return Sold(
            seconds=max(crowd["seconds"] for crowd in crowds),
            tickets=sum(crowd["tickets"] for crowd in crowds),
        )

    async def order(self, what: str, **fields: Any) -> list[Mapping[str, Any]]:
        """Have every crowd do it; what each answers."""
        return await asyncio.gather(*(crowd.order(what, **fields) for crowd in self.crowds))

    async def are_back(self) -> None:
        """Return when everybody who means to be there is there."""

        async def nobody_is_away() -> bool:
            return not sum(each["away"] for each in await self.order("pictures"))

        await until(nobody_is_away, QUIET_SECONDS)

    @asynccontextmanager
    async def beside(self, work: Awaitable[Result]) -> AsyncIterator[asyncio.Future[Result]]:
        """Something that goes on meanwhile; its result may be awaited afterwards."""
        task = asyncio.ensure_future(work)
        try:
            yield task
            await task
        finally:
            task.cancel()

    def took(self, what: str, share: float) -> float:
        """Seconds within which this share of all were answered."""
        return percentile(self.marks.get(what, ()), share)

    # Its end.

    async def truth(self) -> Truth | None:
        """What Redis has now; None if it does not know the hall."""
        found = await self.store.slots(HALL)
        if found is None:
            return None
        meta, records = found
        if meta.chunk:
            hours = await shown(self.street, self.store, HALL)
            return None if hours is None else Truth(*hours)
        columns = [tuple(numbers(column(records, which, meta.width), meta.width)) for which in (0, 1)]
        return Truth(meta.epoch, meta.version, digest(*columns))

    async def alive(self) -> str:
        """What is still held, and which bookings still wait for their payment; empty where all is quiet."""
        try:
            live = [
                str(await self.street.client.zrange(key(HALL, name), 0, -1))
                for name in ("deadlines", "paying")
                if await self.street.client.exists(key(HALL, name))
            ]
            async with self.street.database.connection() as connection:
                pending = await connection.fetch(PENDING)
        except (RedisError, HoldfastError, OSError) as error:  # on its way back: ask again
            return repr(error)
        waiting = [" ".join(map(str, row)) for row in pending]
        return f"holds {live}, bookings {waiting}" if live or waiting else ""

    async def quietens(self) -> None:
        """Wait until what was begun has ended; that something never does is a violation."""
        began = time.monotonic()
        while alive := await self.alive():
            if time.monotonic() - began > QUIET_SECONDS:
                text = f"something still lives {QUIET_SECONDS:.0f} s after the end"
                self.torture.breaks("I3", text, alive)
                break
            await asyncio.sleep(0.2)
        self.confirmed = sum(each["confirmed"] for each in await self.order("progress"))

    async def converges(self, within: float = CONVERGED_SECONDS) -> float:
        """Seconds from the last change until every client saw what Redis has; a violation if never."""
        began = time.monotonic()
        patience = max(4 * within, 10.0)
        while True:
            changed, wrong = await self._wrong()
            if not wrong:
                return max(0.0, time.monotonic() - max(began, changed))
            if time.monotonic() - began > patience:
                self.torture.breaks("I5", f"after {patience:.0f} s not everybody sees what Redis has", wrong)
                return time.monotonic() - began
            await asyncio.sleep(ASK_SECONDS)

    async def _wrong(self) -> tuple[float, str]:
        """When the last change was, and what is still wrong."""
        try:
            truth = await self.truth()
        except Unavailable:
            truth = None
        if truth is None:
            return 0.0, "Redis does not know the hall"
        pictures = await self.order("pictures")
        seen = Counter[str]()
        for each in pictures:
            seen.update(each["seen"])
        away = sum(each["away"] for each in pictures)
        right = sum(
            number
            for picture, number in seen.items()
            if picture == f"{truth.epoch} {truth.version} {truth.digest}"
        )
        wrong = seen.total() - right
        if wrong or away:
            return 0.0, f"{wrong} of {seen.total()} are wrong, {away} away; truth {truth}; {dict(seen)}"
        return await self._changed(truth.version), ""

    async def _changed(self, version: int) -> float:
        """When that was: versions are µs of Redis' clock; long ago where that clock was put back since."""
        age = await self.store.now() / 1e3 - version / 1e6
        return time.monotonic() - age if age >= 0 else 0.0

    async def settles(self, within: float = CONVERGED_SECONDS) -> None:
        """All that every play ends with, but for the checkers."""
        await self.quietens()
        lag = await self.converges(within)
        progress = await self.order("progress")
        people = sum(each["people"] for each in progress)
        self.torture.figure(
            "every client sees Redis' state after the last change",
            f"{lag:.2f} s",
            f"≤ {within:g} s",
            reached=lag <= within,
            n=people,
        )
        await self.order("end")
        for name in self.losing:
            self.recorder.observe("nemesis", "fault", name=name, phase="heal", said="all is quiet")
        if truth := await self.truth():
            self.recorder.observe("server", "truth", resource=HALL, **asdict(truth))
        await self.is_audited()

    async def is_audited(self) -> None:
        """What `holdfast audit` says, and what people measured since it was asked for last."""
        for finding in await self.street.findings():
            self.torture.breaks(finding.invariant, str(finding))
        for each in await self.order("marks"):
            for name, values in each["marks"].items():
                self.marks.setdefault(name, []).extend(values)
            self.counts.update(each["counts"])

    def strikes(self, history: History) -> Iterable[Strike]:
        """The time line."""
        for seen in history.observations:
            if seen.kind in {"fault", "struck"} and seen.what["phase"] != "strike":
                what, said = str(seen.what.get("name")), seen.what.get("said")
                yield Strike(
                    at=round(seen.at / 1e9 - self.began, 2),
                    what=f"{what}: {said}" if said else what,
                    phase=str(seen.what.get("phase")),
                )


@asynccontextmanager
async def open_stage(
    torture: Torture,
    size: Size,
    *,
    within: float = CONVERGED_SECONDS,
    losing: Sequence[str] = (),
    hall: Mapping[str, Any] | None = None,
    by_the_hour: bool = False,
    crowds: int = 0,
    **street: Any,
) -> AsyncIterator[Stage]:
    """A street with a hall on sale and its crowds, nobody there yet; at the end all is checked.

    `within` is how soon every client has to be right, `losing` names the faults that may take away what
    nobody has begun to pay, `hall` what `Street.sells` is given (or its policy alone, where time is what is
    on sale, `by_the_hour`), and the rest what `open_street` takes.
    """
    given = {
        **({} if by_the_hour else {"seats": size.seats}),
        "hold_seconds": HOLD_SECONDS,
        "hold_max_seconds": 4 * HOLD_SECONDS,
        "payment_seconds": PAYMENT_SECONDS,
        **(hall or {}),
    }
    folder = torture.folder
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(
            open_street(torture.ground, folder, **{"processes": size.processes, **street})
        )
        await (rents(on, HALL, **given) if by_the_hour else on.sells(HALL, **given))
        recorder = stack.enter_context(Recorder(folder / "conductor.jsonl"))
        stripe = 0 if on.stripe is None else int(on.stripe.base_url.rpartition(":")[2])
        offices = [
            await stack.enter_async_context(
                Office.opens(folder, "abc"[number], HALL, on.ports, seed=torture.seed, stripe=stripe)
            )
            for number in range(crowds or size.crowds)
        ]
        stage = Stage(torture, size, on, offices, recorder, time.monotonic(), losing)
        yield stage
        torture.say("waits until all is quiet")
        await stage.settles(within)
        torture.say(f"{stage.confirmed} bookings are known to be confirmed")
        await stage.order("goes")
        recorder.flush()
        history = History.read(*folder.glob("*.jsonl"))
        torture.outcome.strikes += stage.strikes(history)
        await verdict.judge(torture, history, on, verdict.terms_of(on, frozenset(losing)))
