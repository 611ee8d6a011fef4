"""Reads a catalogue: resources of every kind with owners, prices, policies and time zones.

    resources:
      - id: hall
        kind: seats
        title: Winter concert
        owner: city-hall
        time_zone: Europe/Berlin
        currency: eur
        seating_plan: hall.seating-plan.json      # with prices: {Category: minor units} and seat_id: uuid
      - …                                         # or slots: […], slots_csv: FILE, schedule: {…}
      - id: driveway
        kind: grid                                # its slots are the steps of its grid
        grid: {step_minutes: 30, opening_hours: {sat: [[07:00, 22:00]]}, price_per_hour: 300}
        …

Fields are those of `POST /api/resources`. Files are named relative to the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import get_args

import msgspec

from server.inventory.documents import Document, Unreadable, decode_text, read_json
from server.inventory.drafts import check_whole, read_head, read_slots
from server.inventory.fields import Fields, Problems, shown
from server.inventory.prices import price_map
from server.inventory.rules import ResourceDraft, SlotDraft
from server.inventory.schedule import read_schedule
from server.inventory.seating_plan import SeatId, read_seating_plan
from server.inventory.slots_csv import read_slots_csv

_MAX_RESOURCES = 1_000
_SOURCES = ("slots", "seating_plan", "slots_csv", "schedule")

ReadFile = Callable[[str], bytes]


@dataclass(slots=True)
class _Reading:
    problems: Problems
    read_file: ReadFile
    today: date
    warnings: list[str] = field(default_factory=list)


def read_catalogue(
    document: Document, problems: Problems, *, read_file: ReadFile, today: date
) -> tuple[list[ResourceDraft], list[str]]:
    """Every resource, and warnings. `read_file` gives a named file's bytes or raises OSError."""
    root = Fields(document.value, "", problems)
    reading = _Reading(problems, read_file, today)
    drafts: list[ResourceDraft] = []
    for path, value in root.items("resources", limit=_MAX_RESOURCES):
        draft = _read_resource(Fields(value, path, problems), reading)
        if draft.id and draft.id in {each.id for each in drafts}:
            problems.add(f"{path}.id", f"{shown(draft.id)} is the id of another resource here; use another")
        drafts.append(draft)
    root.done(what="a catalogue")
    if not drafts and not problems:
        problems.add("resources", "is empty; a list with a resource or more is wanted")
    return drafts, reading.warnings


def read_seat_id(fields: Fields, default: SeatId = "guid") -> SeatId:
    """Which of a plan's two ids become the slots'."""
    given = fields.text("seat_id", default)
    for known in get_args(SeatId):
        if given == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    fields.wrong("seat_id", f"is {shown(given)}; guid or uuid is wanted")
    return default


def _read_resource(fields: Fields, reading: _Reading) -> ResourceDraft:
    head = read_head(fields)
    given = [name for name in _SOURCES if name in fields]
    for name in _SOURCES:
        fields.take(name)
    if head.kind == "grid" and not given:
        draft = head
    elif len(given) != 1 or head.kind == "grid":
        what = f"has {' and '.join(given)}" if given else "has no slots"
        fields.problems.add(fields.path, f"{what}; {_wanted_source(head)}")
        draft = head
    else:
        draft = _with_slots(fields, head, given[0], reading)
    fields.done(what="a resource")
    check_whole(draft, fields.path, fields.problems)
    return draft


def _wanted_source(head: ResourceDraft) -> str:
    if head.kind == "grid":
        return "a grid has none of these, only grid"
    return f"exactly one of {', '.join(_SOURCES)} is wanted"


def _with_slots(fields: Fields, head: ResourceDraft, source: str, reading: _Reading) -> ResourceDraft:
    if source == "seating_plan":
        return _with_plan(fields, head, reading)
    if source == "slots_csv":
        return msgspec.structs.replace(head, slots=_csv_slots(fields, head, reading))
    child = fields.child("schedule")
    slots = read_slots(fields, head) if child is None else read_schedule(child, head, reading.today)
    return msgspec.structs.replace(head, slots=slots)


def _with_plan(fields: Fields, head: ResourceDraft, reading: _Reading) -> ResourceDraft:
    prices = price_map(fields, "prices", head.currency)
    seat_id = read_seat_id(fields)
    text = _file(fields, "seating_plan", reading)
    if text is None:
        return head
    inner = Problems()
    try:
        value = read_json(text).value
    except Unreadable as error:
        fields.wrong("seating_plan", str(error))
        return head
    found = read_seating_plan(value, inner, prices=prices, currency=head.currency, seat_id=seat_id)
    _adopt(fields, "seating_plan", inner)
    reading.warnings += [f"{fields.at('seating_plan')}: {warning}" for warning in found.warnings]
    return msgspec.structs.replace(head, categories=found.categories, plan=found.plan, slots=found.slots)


def _csv_slots(fields: Fields, head: ResourceDraft, reading: _Reading) -> tuple[SlotDraft, ...]:
    text = _file(fields, "slots_csv", reading)
    if text is None:
        return ()
    inner = Problems()
    slots = read_slots_csv(text, head, inner)
    _adopt(fields, "slots_csv", inner)
    return slots


def _file(fields: Fields, name: str, reading: _Reading) -> str | None:
    file = fields.text(name, limit=500, hint="the name of a file is wanted")
    if not file:
        return None
    try:
        return decode_text(reading.read_file(file))
    except OSError as error:
        fields.wrong(name, f"{shown(file)} cannot be read: {error.strerror or error}")
    except Unreadable as error:
        fields.wrong(name, f"{shown(file)}: {error}")
    return None


def _adopt(fields: Fields, name: str, inner: Problems) -> None:
    """Problems inside a named file, under the field that names it."""
    for error in inner.errors:
        fields.wrong(name, f"{error.field}: {error.message}")
    fields.problems.more += inner.more
