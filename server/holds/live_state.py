"""The live state as channels carry it: whole, or as the log's steps after a position."""

from channels.replica import Change, State
from server.holds.loading import Loader
from server.holds.packing import FIELDS, column
from server.holds.store import LogEntry, Meta, Unloaded

# Beyond so many steps a snapshot is the shorter answer.
MOST_STEPS = 5_000


async def read(loader: Loader, resource: str) -> State:
    """All of a resource at one moment."""

    async def once() -> tuple[Meta, bytes]:
        found = await loader.store.slots(resource)
        if found is None:
            raise Unloaded(resource)
        return found

    meta, records = await loader.with_loaded(resource, once)
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


async def changes_since(loader: Loader, resource: str, epoch: str, version: int) -> list[Change] | None:
    """What led from (epoch, version) to now; None if that is unknown, or too far back."""
    found = await loader.store.log_after(resource, version, MOST_STEPS + 1)
    if found is None:
        return None
    meta, entries = found
    if meta.epoch != epoch or len(entries) > MOST_STEPS or not _connects(meta, entries, version):
        return None
    return [Change(entry.from_version, entry.to_version, entry.changes) for entry in entries]


def _connects(meta: Meta, entries: list[LogEntry], version: int) -> bool:
    """Whether `version` is one that there was: the present one, or the one the first entry starts from."""
    return entries[0].from_version == version if entries else meta.version == version
