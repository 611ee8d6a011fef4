"""Mistakes that somebody could make, each as one function; test_teeth.py proves that seeds find them.

`with BUGS[name](): tell(seed)` runs a seed on a product that has the mistake.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from server.bookings.applier import Applier
from server.bookings.rules import Booking
from server.holds.sweeper import Sweeper
from server.holds.trust import LivenessTrust
from server.payments import settle, store
from server.payments.closing import Closing
from server.payments.reconcile import Reconciler
from server.payments.rules import Case, Step
from server.payments.settle import Settle
from tests.simulation import scripts
from tests.simulation.live import Hold, Turn
from tests.simulation.provider import ProviderClient

Bug = Callable[[], AbstractContextManager[None]]


@contextmanager
def expiry_without_compare() -> Iterator[None]:
    """A hold's deadline moves, and its place in the queue of deadlines does not."""
    keep = Turn.keep

    def forgetful(turn: Turn, hold: Hold) -> None:
        before = turn.live.deadlines.get(hold["id"])
        keep(turn, hold)
        if before is not None and hold["id"] in turn.live.deadlines:
            turn.live.deadlines[hold["id"]] = before

    with patch.object(Turn, "keep", forgetful):
        yield


@contextmanager
def capacity_unchecked() -> Iterator[None]:
    """What is asked for is taken, if nobody has all of it."""

    def careless(turn: Turn, cart: list[Hold]) -> list[int]:
        own = {item[0] for hold in cart for item in hold["items"]}
        wanted = turn.given["items"]
        return [i for i, _ in wanted if i in own or turn.live.slots[i].available < 1]

    with patch.object(scripts, "_missing", careless):
        yield


@contextmanager
def liveness_trusted_at_once() -> Iterator[None]:
    """After an outage nobody is given the time to say that they live."""
    with patch.object(LivenessTrust, "__bool__", lambda _: True):
        yield


@contextmanager
def sweep_of_the_followed_alone() -> Iterator[None]:
    """A process ends only what it heard of; what pub/sub lost is nobody's."""

    async def nothing(_: Any) -> None:
        pass

    with patch.object(Sweeper, "sweep", nothing):
        yield


@contextmanager
def release_untold() -> Iterator[None]:
    """A hold that is given back in part is written, and not published."""
    release = scripts._release_part

    def quiet(turn: Turn, hold: Hold, left: list[list[int]]) -> None:
        release(turn, hold, left)
        turn.touched.clear()

    with patch.object(scripts, "_release_part", quiet):
        yield


@contextmanager
def confirm_ignores_ownership() -> Iterator[None]:
    """A hold that is another booking's is booked for this one as well."""

    def careless(turn: Turn, _: tuple[bytes, ...]) -> bytes:
        for each in map(turn.read, turn.given["holds"]):
            if each is not None:
                each["booking"] = turn.given["booking"]
                turn.finish(each, "confirmed", "confirmed")
        turn.commit()
        return turn.answer({"status": "confirmed", "version": turn.meta.version})

    with patch.dict(scripts.SCRIPTS, {"confirm": careless}):
        yield


@contextmanager
def capture_before_commit() -> Iterator[None]:
    """The money is taken first, and only then is the booking written as confirmed."""
    write = Settle._write

    async def hasty(it: Settle, case: Case, course: Any) -> Any:
        if case.step is Step.CONFIRM:
            await it._providers.capture(case.payment)
        return await write(it, case, course)

    with patch.object(Settle, "_write", hasty):
        yield


@contextmanager
def old_answers_believed() -> Iterator[None]:
    """What the provider said of a payment is believed for ten seconds, whatever is reported since."""
    fetch = ProviderClient.fetch
    known: dict[tuple[int, str], tuple[float, Any]] = {}

    async def remember(client: ProviderClient, intent_id: str) -> Any:
        now, key = asyncio.get_running_loop().time(), (id(client), intent_id)
        at, _ = known.get(key, (-100.0, None))
        if not now - 10 < at <= now:
            known[key] = (now, await fetch(client, intent_id))
        return known[key][1]

    with patch.object(ProviderClient, "fetch", remember):
        yield


@contextmanager
def refunds_taken_back_by_old_answers() -> Iterator[None]:
    """Seed 15's: an answer is as good as any, however old it is by the time it is written."""
    with (
        patch.object(Case, "bears_out", lambda case, seen: case.step is seen.step),
        patch.object(settle, "went_back", lambda _intent: 10**9),
    ):
        yield


@contextmanager
def unwanted_money_forgotten() -> Iterator[None]:
    """Seed 33's: what is noted as taken is looked at no more, though it has to go back."""

    async def forget(*_: object) -> None:
        pass

    with patch.object(store, "check_now", forget):
        yield


@contextmanager
def left_undone_by_a_crash() -> Iterator[None]:
    """Nobody looks for what Redis was not told of."""

    async def idle(_: Applier) -> float:
        return 1.0

    with patch.object(Applier, "work", idle):
        yield


@contextmanager
def deadline_asks_nobody() -> Iterator[None]:
    """A booking ends at its deadline, and its money, taken or not, is thought of no more."""

    async def hasty(closing: Closing, booking: Booking) -> None:
        async with closing._database.transaction() as connection:
            locked = await closing._bookings.lock(connection, booking.id)
            if locked.is_open:
                await closing._bookings.cancel(connection, locked, "expired", "failed")
        await closing._bookings.apply(booking.id)

    async def nothing(_: Reconciler) -> float:
        return 1.0

    with patch.object(Closing, "_expire", hasty), patch.object(Reconciler, "work", nothing):
        yield


BUGS: Final[dict[Bug, str]] = {
    expiry_without_compare: "I3: .* and ended at",
    capacity_unchecked: "I2: ",
    sweep_of_the_followed_alone: "I3: .* was to end at",
    release_untold: "I10: release on .* changed more than it published",
    capture_before_commit: "I4: .* is taken, and no booking was confirmed by it",
    old_answers_believed: "I8: .* was confirmed, and is cancelled|I4: |refund_came_back",
    deadline_asks_nobody: "I4: |there is left",
}
"""Found within a dozen seeds or so, and in which words."""

RARE: Final[dict[Bug, str]] = {
    confirm_ignores_ownership: "I2: |I1: |as booked, PostgreSQL|was .* and is confirmed",
    left_undone_by_a_crash: "there is left",
    liveness_trusted_at_once: "I7: ",
    refunds_taken_back_by_old_answers: "refund_came_back|there is left",
    unwanted_money_forgotten: "there is left",
}
"""Need a rare meeting, at other seeds whenever anything is changed: `make test` leaves them out."""
