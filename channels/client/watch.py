"""A resource, live: a replica that snapshots and deltas keep, over as many connections as it takes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self

from channels.client.connection import Connection, Message
from channels.client.errors import HoldfastError, LineClosed, Unreachable, refusal
from channels.client.patience import may_go_well_later
from channels.client.replica import Numbers, Outcome, Replica, Sum
from channels.supervisor import stop

QUIET_SECONDS: Final = 25.0
"""A quiet channel repeats its position each ten seconds or so; one silent for so long has been forgotten."""

AGAIN_SECONDS: Final = 1.0

View = Sequence[str] | Literal["totals"] | None
LookUp = Callable[[Sequence[str]], Awaitable[tuple[int, list[int]]]]


class Watch:
    """Use it as a context: inside, the numbers are there.

    `view` are sections (of a grid: its days), "totals" (sums by section), or None for all; `look_up` says of
    sections which layout they are of and which slots they have. Changes that nobody has asked for yet are
    merged: whoever is slow gets fewer of them, never stale ones.
    """

    def __init__(
        self, connection: Connection, resource: str, view: View, *, look_up: LookUp, seconds: float
    ) -> None:
        self.resource = resource
        self._replica = Replica()
        self._connection = connection
        self._channel = f"availability:{resource}"
        self._sections = None if view is None or isinstance(view, str) else list(view)
        self._view: Any = view if self._sections is None else {"sections": self._sections}
        self._look_up = look_up
        self._known = 0
        self._seconds = seconds
        self._asked: int | None = None
        self._spoke = time.monotonic()
        self._current = False
        self._error: HoldfastError | None = None
        self._touched: set[int] | None = set()
        self._changed = asyncio.Event()
        self._again: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._seconds):
                if self._sections is not None:
                    self._known, self._replica.indices = await self._look_up(self._sections)
                await self._connection.listen(self)
                await self.until(lambda: self._current)
        except TimeoutError:
            await self.close()
            raise Unreachable(f"{self.resource}: no snapshot came in time") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Follow it no more."""
        self._connection.leave(self)
        self.ended(LineClosed(1000))
        await stop(self._again)
        await self._connection.say("unsubscribe", channel=self._channel)

    # What there is to see.

    @property
    def position(self) -> tuple[str, int] | None:
        """(epoch, version) of what is seen."""
        return self._replica.position

    @property
    def layout(self) -> int:
        """Another one means that the resource is to be read again."""
        return self._replica.layout

    @property
    def current(self) -> bool:
        """Whether it is connected, the server is sure of what it says, and this has caught up with that."""
        return self._current and self._connection.live and not self._connection.stale

    def at(self, index: int) -> Numbers:
        """The numbers of a slot, by its index."""
        return self._replica.at(index)

    @property
    def numbers(self) -> dict[int, Numbers]:
        """Of every slot of the view, by its index."""
        return self._replica.numbers

    @property
    def totals(self) -> dict[str, Sum]:
        """Of the view "totals", by section."""
        return dict(self._replica.sections)

    async def changes(self) -> AsyncIterator[frozenset[int] | None]:
        """The slots that changed since the last time, by index; None: all may have. It has no end."""
        while True:
            await self.until(lambda: self._touched is None or bool(self._touched))
            touched, self._touched = self._touched, set()
            yield None if touched is None else frozenset(touched)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of this; raise what keeps it from ever becoming so."""
        while not holds():
            if self._error is not None:
                raise self._error
            await self._changed.wait()

    # As the connection's listener.

    async def welcomed(self, _message: Message) -> None:
        """Follow from where this stands."""
        await self._subscribe()

    def lost(self) -> None:
        """It goes on at the next welcome."""
        self._asked, self._current = None, False
        self._tell()

    def ended(self, error: HoldfastError) -> None:
        """It goes on no more."""
        self._error = self._error or error
        self._current = False
        self._tell()

    async def heard(self, message: Message) -> None:
        """A message of the connection's."""
        if message.get("type") == "heartbeat" and time.monotonic() - self._spoke > QUIET_SECONDS:
            self._spoke = time.monotonic()
            await self._subscribe()
        elif self._asked is not None and message.get("ref") == self._asked:
            self._asked = None
            if message["type"] == "error":
                self._refused(message)
        elif message.get("channel") == self._channel:
            self._spoke = time.monotonic()
            await self._take(message)

    async def _take(self, message: Message) -> None:
        if message["type"] == "totals":
            self._took(self._replica.totals(message), None)
        elif message["type"] == "snapshot":
            self._replica.snapshot(message)
            self._snapshot_came()
        elif message["type"] == "delta":
            outcome, touched = self._replica.delta(message)
            if outcome is not Outcome.GAP:
                self._took(outcome, touched)
            elif self._asked is None and self._again is None:
                self._current = False
                await self._subscribe()

    def _snapshot_came(self) -> None:
        """Of sections only the slots of the layout that is known can be told apart."""
        if self._sections is None or (self._replica.layout == self._known and self._replica.fits):
            self._took(Outcome.APPLIED, None)
            return
        self._current = False
        self._replica.epoch = None
        self._do(self._look_again)

    def _took(self, outcome: Outcome, touched: Sequence[int] | None) -> None:
        self._current = True
        if outcome is Outcome.APPLIED and touched is None:
            self._touched = None
        elif touched and self._touched is not None:
            self._touched.update(touched)
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _subscribe(self) -> None:
        self._asked = await self._connection.say(
            "subscribe", channel=self._channel, position=self._replica.position, view=self._view
        )

    def _refused(self, message: Message) -> None:
        """What may be had later is asked for again; all else is the watch's end."""
        error = refusal(0, message)
        if not may_go_well_later(error):
            self.ended(error)
            return

        async def later() -> None:
            await asyncio.sleep(error.retry_after or AGAIN_SECONDS)
            await self._subscribe()

        self._do(later)

    async def _look_again(self) -> None:
        """The layout is another: which slots the sections have now, and then a snapshot of them."""
        while True:
            try:
                self._known, indices = await self._look_up(self._sections or ())
                self._replica.look_at(indices)
                break
            except HoldfastError as error:
                if not may_go_well_later(error):
                    self.ended(error)
                    return
            await asyncio.sleep(AGAIN_SECONDS)
        await self._subscribe()

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        """One thing at a time, beside the connection's reading."""

        async def done() -> None:
            try:
                await work()
            finally:
                self._again = None

        if self._again is None:
            self._again = asyncio.create_task(done(), name=f"holdfast watch {self.resource}")
