"""`holdfast import`: a file into resources, all of it or nothing.

What a file is shows in its name and inside: `.csv` is slots of one resource, `.yaml` a catalogue, `.json` a
seating plan if it has `zones`, else a catalogue. A plan or CSV may have a sidecar file (`hall.prices.yaml`
beside `hall.seating-plan.json`) with `prices`, `seat_id` and the fields of a resource. A resource that is
there already is changed by the rule of layouts, and importing the same file again changes nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from server.database.migrate import require_current
from server.database.pool import Database
from server.errors import HoldfastError, Unavailable, UnknownResource
from server.inventory.catalogue import read_catalogue, read_seat_id
from server.inventory.documents import Document, Unreadable, decode_text, read_json, read_yaml
from server.inventory.drafts import ID_HINT, check_whole, is_id, read_head
from server.inventory.edits import standing_head
from server.inventory.fields import Fields, Problems
from server.inventory.grid.drafts import kept_origin
from server.inventory.price_lists import check_names, without_unknown
from server.inventory.prices import price_map
from server.inventory.reports import ImportOptions, ImportReport
from server.inventory.rules import Resource, ResourceDraft, Slot, lay_out
from server.inventory.seating_plan import SeatId, read_seating_plan
from server.inventory.service import Edit, Inventory
from server.inventory.slots_csv import read_slots_csv

_SUFFIXES = ".json, .yaml, .yml or .csv"
_DEFAULTS = {"owner": "house", "time_zone": "UTC", "currency": "usd"}


async def import_file(
    database: Database, inventory: Inventory, path: Path, options: ImportOptions
) -> ImportReport:
    """Read a file and write what it says; the report lists every problem, and then nothing was written.

    Raises MigrationError if the database is not of this version, Unavailable if it is away.
    """
    async with database.connection() as connection:
        await require_current(connection)
    report = ImportReport(path.name, options.dry_run)
    drafts: list[ResourceDraft] = []
    try:
        file = await asyncio.to_thread(_open, path)
        standing = None if file.is_catalogue else await _standing(inventory, path, options)
        drafts = await asyncio.to_thread(_drafts, file, standing, options, report)
    except OSError as error:
        report.problems.append(f"cannot be read: {error.strerror or error}")
    except Unreadable as error:
        report.problems.append(str(error))
    if options.keep_grids:
        drafts = [each for each in drafts if each.grid is None or not await inventory.exists(each.id)]
    await write_drafts(inventory, drafts, report)
    return report


async def write_drafts(inventory: Inventory, drafts: Sequence[ResourceDraft], report: ImportReport) -> None:
    """Try all, then write all; a problem of one leaves every one as it was."""
    if report.ok:
        report.problems += [f"{each.id!r} is no id; {ID_HINT}" for each in drafts if not is_id(each.id)]
    if report.ok:
        await _write(inventory, drafts, report, dry_run=True)
    if report.ok and not report.dry_run:
        report.done.clear()
        await _write(inventory, drafts, report, dry_run=False)


async def _write(
    inventory: Inventory, drafts: Sequence[ResourceDraft], report: ImportReport, *, dry_run: bool
) -> None:
    for draft in drafts:
        try:
            if await inventory.exists(draft.id):
                written = await inventory.change(draft.id, _replacing(draft), dry_run=dry_run)
            else:
                written = await inventory.create(draft, dry_run=dry_run)
        except Unavailable:
            raise
        except HoldfastError as error:
            fields = "".join(f"; {each.field} {each.message}" for each in error.errors or ())
            report.problems.append(f"{draft.id}: {error.detail}{fields}")
        else:
            report.done.append((draft.id, written))


def _replacing(draft: ResourceDraft) -> Edit:
    def edit(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        return _at_home(draft, resource), lay_out(slots, draft.slots, currency=draft.currency)

    return edit


def _at_home(draft: ResourceDraft, standing: Resource) -> ResourceDraft:
    """A grid counts from where it always did."""
    if draft.grid is None or standing.grid is None:
        return draft
    return msgspec.structs.replace(draft, grid=kept_origin(draft.grid, standing.grid))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    text: str
    document: Document

    @property
    def is_csv(self) -> bool:
        return self.path.suffix.lower() == ".csv"

    @property
    def is_catalogue(self) -> bool:
        return not self.is_csv and "zones" not in self._top

    @property
    def _top(self) -> Mapping[str, object]:
        return self.document.value if isinstance(self.document.value, dict) else {}

    @property
    def plan_name(self) -> str:
        """A seating plan's own name."""
        name = self._top.get("name")
        return name.strip() if isinstance(name, str) else ""

    @property
    def categories(self) -> frozenset[str]:
        """The names of a seating plan's categories."""
        found = self._top.get("categories")
        items = found if isinstance(found, list) else []
        return frozenset(str(item.get("name")) for item in items if isinstance(item, dict))


def _open(path: Path) -> _File:
    readers: Mapping[str, Callable[[str], Document]] = {
        ".csv": lambda _: Document(None),
        ".yaml": read_yaml,
        ".yml": read_yaml,
        ".json": read_json,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Unreadable(f"is of no kind that can be imported; names end in {_SUFFIXES}")
    text = decode_text(path.read_bytes())
    return _File(path, text, reader(text))


async def _standing(inventory: Inventory, path: Path, options: ImportOptions) -> Resource | None:
    try:
        return (await inventory.get(options.resource or _base_name(path))).resource
    except UnknownResource:
        return None


def _drafts(
    file: _File, standing: Resource | None, options: ImportOptions, report: ImportReport
) -> list[ResourceDraft]:
    if file.is_catalogue:
        return _from_catalogue(file, options, report)
    sidecar = file.path.with_name(f"{_base_name(file.path)}.prices.yaml")
    said = read_yaml(decode_text(sidecar.read_bytes())) if sidecar.is_file() else Document({})
    problems = Problems()
    fields = Fields(_values(file, standing, said, options), "", problems)
    head = read_head(fields, grid=None if standing is None else standing.grid)
    if head.kind == "grid":
        fields.wrong("kind", "is grid, which has no slots; a catalogue is the file for it")
    prices = price_map(fields, "prices", head.currency)
    seat_id = read_seat_id(fields)
    fields.done(what="a sidecar file")
    report.note(problems, said, sidecar.name if said.value else "")
    if file.is_csv:
        plan = {} if standing is None else standing.plan
        draft = _from_csv(file, msgspec.structs.replace(head, plan=plan), report)
    else:
        draft = _from_plan(file, head, prices, seat_id, report)
    return [_with_lists(draft, said, sidecar.name, report)]


def _with_lists(draft: ResourceDraft, said: Document, source: str, report: ImportReport) -> ResourceDraft:
    """Price lists of the sidecar name what there is; those that stand lose what the file no longer has."""
    slots = {slot.id for slot in draft.slots}
    categories = {each.name for each in draft.categories} | {slot.category for slot in draft.slots}
    if isinstance(said.value, dict) and "price_lists" in said.value:
        problems = Problems()
        check_names(draft.price_lists, (categories, slots), "", problems)
        report.note(problems, said, source)
        return draft
    lists = without_unknown(draft.price_lists, categories, slots)
    return msgspec.structs.replace(draft, price_lists=lists)


def _from_catalogue(file: _File, options: ImportOptions, report: ImportReport) -> list[ResourceDraft]:
    problems = Problems()
    drafts, warnings = read_catalogue(
        file.document,
        problems,
        read_file=lambda name: (file.path.parent / name).read_bytes(),
        today=options.today or datetime.now(UTC).date(),
    )
    report.warnings += warnings
    report.note(problems, file.document)
    return drafts


def _from_csv(file: _File, head: ResourceDraft, report: ImportReport) -> ResourceDraft:
    problems = Problems()
    draft = msgspec.structs.replace(head, slots=read_slots_csv(file.text, head, problems))
    if not problems:
        check_whole(msgspec.structs.replace(draft, price_lists={}), "", problems)
    report.note(problems, file.document)
    return draft


def _from_plan(
    file: _File, head: ResourceDraft, prices: Mapping[str, int], seat_id: SeatId, report: ImportReport
) -> ResourceDraft:
    problems = Problems()
    value = file.document.value
    found = read_seating_plan(value, problems, prices=prices, currency=head.currency, seat_id=seat_id)
    report.warnings += found.warnings
    report.note(problems, file.document)
    return msgspec.structs.replace(head, categories=found.categories, plan=found.plan, slots=found.slots)


def _values(
    file: _File, standing: Resource | None, said: Document, options: ImportOptions
) -> Mapping[str, Any]:
    """What is known of the resource, the latter overruling the former."""
    sidecar = said.value if isinstance(said.value, dict) else {"sidecar": said.value}
    stands = {} if standing is None else standing_head(standing)
    if not file.is_csv:
        categories = stands.get("categories", ())
        stands["categories"] = [each for each in categories if each["name"] in file.categories]
    given = {
        "id": options.resource,
        "title": options.title,
        "owner": options.owner,
        "time_zone": options.time_zone,
        "currency": options.currency,
        "seat_id": options.seat_id,
    }
    merged = {
        **_DEFAULTS,
        **_guesses(file),
        **stands,
        **sidecar,
        **{name: value for name, value in given.items() if value is not None},
    }
    return {**merged, "prices": _prices(stands, sidecar, options)}


def _guesses(file: _File) -> dict[str, Any]:
    name = _base_name(file.path)
    has_times = file.is_csv and "starts_at" in file.text.partition("\n")[0].lower()
    return {
        "id": name if is_id(name) else None,
        "title": file.plan_name or name,
        "kind": "sessions" if has_times else "seats",
    }


def _prices(stands: Mapping[str, Any], sidecar: Mapping[str, Any], options: ImportOptions) -> object:
    """Prices by category, the options' last; whatever else a sidecar has here is for its reader to refuse."""
    standing = {each["name"]: each["price"] for each in stands.get("categories", ()) if each["price"]}
    said = sidecar.get("prices", {})
    return {**standing, **said, **options.prices} if isinstance(said, dict) else said


def _base_name(path: Path) -> str:
    """`hall` of `hall.seating-plan.json`."""
    return path.name.partition(".")[0]
