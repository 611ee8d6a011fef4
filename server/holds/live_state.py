"""The live state as channels carry it: whole, or as the log's steps after a position."""

import asyncio
from collections.abc import Callable, Sequence

from channels.replica import Change, Position, State
from server.errors import Unavailable
from server.holds import days
from server.holds.loading import Loader
from server.holds.packing import FIELDS, column
from server.holds.passing import pass_time
from server.holds.store import HoldStore, LogEntry, Meta, Unloaded
from server.inventory.grid.calendar import Calendar

# Beyond so many steps a snapshot is the shorter answer.
MOST_STEPS = 5_000
ANSWER_SECONDS = 0.7  # less than the hub's own patience, so that it hears of those that answer

Span = tuple[int, int]
Choose = Callable[[Calendar, int], Span]
"""Which steps of a grid to show, (first, how many), if the first of its today is this one."""


def whole_horizon(calendar: Calendar, first: int) -> Span:
    """All that is on sale or shown."""
    return first, calendar.horizon(first)


async def read(loader: Loader, resource: str, choose: Choose = whole_horizon) -> State:
    """A resource at one moment: all of it, or of a grid the steps that `choose` names."""

    async def once() -> tuple[Meta, bytes]:
        found = await loader.store.slots(resource)
        if found is None:
            raise Unloaded(resource)
        return found

    meta, records = await loader.with_loaded(resource, once)
    if meta.chunk:
        return await _read_grid(loader, resource, choose)
    return State(
        epoch=meta.epoch,
        version=meta.version,
        layout=meta.layout,
        width=meta.width,
        first=0,
        count=len(records) // (FIELDS * meta.width),
        available=column(records, 0, meta.width),
        held=column(records, 1, meta.width),
    )


async def _read_grid(loader: Loader, resource: str, choose: Choose) -> State:
    """Where time has come on since Redis was last told, it is told first."""
    reading, calendar = await loader.read_days(resource)
    if days.is_behind(calendar, reading):
        await pass_time(loader, resource)
        reading, calendar = await loader.read_days(resource)
    return days.state_of(calendar, reading, *choose(calendar, reading.first))


async def changes_since(loader: Loader, resource: str, epoch: str, version: int) -> list[Change] | None:
    """What led from (epoch, version) to now; None if that is unknown, or too far back."""
    found = await loader.store.log_after(resource, version, MOST_STEPS + 1)
    if found is None:
        return None
    meta, entries = found
    if meta.epoch != epoch or len(entries) > MOST_STEPS or not _has_all_since(meta, entries, version):
        return None
    return [Change(entry.from_version, entry.to_version, entry.changes) for entry in entries]


async def positions(store: HoldStore, resources: Sequence[str]) -> dict[str, Position | None]:
    """Where each resource stands; see Holds.positions."""
    asked = (_metas_in_time(store, some) for some in store.by_server(resources))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    failed = [each for each in answers if isinstance(each, BaseException)]
    metas = [each for each in answers if not isinstance(each, BaseException)]
    unexpected = next((each for each in failed if not isinstance(each, Unavailable)), None)
    if failed and (unexpected is not None or not metas):
        raise unexpected or failed[0]
    return {
        name: None if meta is None else (meta.epoch, meta.version)
        for some in metas
        for name, meta in some.items()
    }


async def _metas_in_time(store: HoldStore, resources: Sequence[str]) -> dict[str, Meta | None]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await store.metas(resources)
    except TimeoutError as error:
        raise Unavailable("Redis does not answer", retry_after=1) from error


def _has_all_since(meta: Meta, entries: list[LogEntry], version: int) -> bool:
    """Whether these are all steps since `version`: the first starts there, or none came since."""
    return entries[0].from_version == version if entries else meta.version == version
