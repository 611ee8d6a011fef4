"""Reads a seating plan as pretix and its free editor at seats.pretix.eu write it.

Zones have rows, rows have seats; positions add up. pretix has no mark for accessible seats: here a seat may
say `accessible: true`, and a category whose name has "wheelchair" or "accessible" in it makes its seats so.
Keys that pretix does not document are left out with a warning.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from math import hypot
from typing import Literal

from server.inventory.decoration import DEFAULT_RADIUS, read_areas, read_position, read_size
from server.inventory.fields import Fields, Problems, shown
from server.inventory.rules import MAX_SLOTS, Category, Money, SlotDraft

SeatId = Literal["guid", "uuid"]

_ID_KEYS: dict[SeatId, str] = {"guid": "seat_guid", "uuid": "uuid"}
_ACCESSIBLE = re.compile(r"wheelchair|accessible", re.IGNORECASE)
_INDEX = re.compile(r"\[\d+\]")
_ROW_NUMBERS = ("start", "end", "both")
_NAMED_AT_MOST = 10
_MAX_ZONES = 1_000
_LABEL_DISTANCE = 25.0


@dataclass(frozen=True, slots=True)
class SeatingPlan:
    """What a plan says: categories with their prices, seats in the plan's order, and what is drawn beside."""

    name: str
    categories: tuple[Category, ...]
    slots: tuple[SlotDraft, ...]
    plan: dict[str, object]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seat:
    path: str
    zone: str
    row: str
    number: str
    label: str
    ids: Mapping[SeatId, str]
    category: str
    x: float
    y: float
    radius: float
    accessible: bool


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    problems: Problems
    seats: list[_Seat] = field(default_factory=list)
    areas: list[dict[str, object]] = field(default_factory=list)
    row_labels: list[dict[str, object]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    def leave_out(self, path: str, _message: str) -> None:
        self.unknown[_INDEX.sub("[]", path)] += 1


def read_seating_plan(
    value: object, problems: Problems, *, prices: Mapping[str, int], currency: str, seat_id: SeatId = "guid"
) -> SeatingPlan:
    """The plan of decoded JSON; every problem goes into `problems`, with its JSON path.

    `prices` is category → minor units of `currency`; a category that has seats needs one.
    """
    root = Fields(value, "", problems)
    reading = _Reading(problems)
    name = root.text("name", "")
    colours = _read_categories(root, reading)
    plan = _read_size(root, reading)
    for path, zone in root.items("zones", limit=_MAX_ZONES):
        _read_zone(Fields(zone, path, problems), reading)
    root.done(what="a seating plan", unknown=reading.leave_out)
    if not reading.seats and not problems:
        problems.add("zones", "has no seats; a plan has zones, they have rows, those have seats")
    _check_ids(reading, seat_id)
    _check_categories(reading, colours, prices)
    return SeatingPlan(
        name=name,
        categories=_priced(colours, prices, currency),
        slots=tuple(_slot(seat, prices, seat_id) for seat in reading.seats),
        plan=plan | _decoration(reading, seat_id),
        warnings=_warnings(reading),
    )


def _read_categories(root: Fields, reading: _Reading) -> dict[str, str]:
    """Name → colour, in the plan's order."""
    colours: dict[str, str] = {}
    for path, value in root.items("categories", limit=1_000):
        item = Fields(value, path, reading.problems)
        name = item.text("name")
        if name in colours:
            item.wrong("name", f"{shown(name)} stands twice; categories have different names")
        colours[name] = item.text("color", "", limit=40)
        item.done(what="a category", unknown=reading.leave_out)
    return colours


def _read_size(root: Fields, reading: _Reading) -> dict[str, object]:
    size = root.child("size")
    return {} if size is None else {"size": read_size(size, reading.leave_out)}


def _read_zone(zone: Fields, reading: _Reading) -> None:
    name = zone.text("name", "")
    position = read_position(zone, unknown=reading.leave_out)
    for path, value in zone.items("rows", limit=MAX_SLOTS):
        _read_row(Fields(value, path, reading.problems), name, position, reading)
    reading.areas += read_areas(zone, position, reading.leave_out)
    for known in ("zone_id", "uuid", "displayed"):
        zone.take(known)
    zone.done(what="a zone", unknown=reading.leave_out)


def _read_row(row: Fields, zone: str, origin: tuple[float, float], reading: _Reading) -> None:
    name = _name(row, "row_number", "")
    position = read_position(row, unknown=reading.leave_out)
    corner = (origin[0] + position[0], origin[1] + position[1])
    labels = (_or_none(row, "row_label"), _or_none(row, "seat_label"))
    seats = [
        _read_seat(Fields(value, path, reading.problems), (zone, name), corner, labels, reading)
        for path, value in row.items("seats", limit=MAX_SLOTS)
    ]
    reading.seats += seats
    reading.row_labels += _row_labels(name, row.text("row_number_position", "", limit=20), seats)
    for known in ("uuid", "number_of_seats", "seats_spacing"):
        row.take(known)
    row.done(what="a row", unknown=reading.leave_out)


def _read_seat(
    seat: Fields,
    place: tuple[str, str],
    corner: tuple[float, float],
    labels: tuple[str | None, str | None],
    reading: _Reading,
) -> _Seat:
    zone, row = place
    number = _name(seat, "seat_number", None)
    x, y = read_position(seat, unknown=reading.leave_out)
    seat.take("start_direction")
    found = _Seat(
        path=seat.path,
        zone=zone,
        row=row,
        number=number,
        label=_label(row, number, labels),
        ids={kind: seat.text(key, "", limit=100) for kind, key in _ID_KEYS.items()},
        category=seat.text("category", ""),
        x=round(corner[0] + x, 3),
        y=round(corner[1] + y, 3),
        radius=_radius(seat),
        accessible=seat.flag("accessible"),
    )
    seat.done(what="a seat", unknown=reading.leave_out)
    return found


def _name(fields: Fields, key: str, default: str | None) -> str:
    """A row's or seat's number: a text, or the number that some tools write in its place."""
    value = fields.take(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_SLOTS:
        return str(value)
    return fields.text(key, default, limit=50)


def _or_none(fields: Fields, key: str) -> str | None:
    return fields.text(key, "") or None


def _label(row: str, number: str, labels: tuple[str | None, str | None]) -> str:
    """`C-12`, unless the plan says how rows and seats are to be called: `Box 3, chair 2`."""
    row_label, seat_label = labels
    if row_label is None and seat_label is None:
        return f"{row}-{number}" if row else number
    named = seat_label.replace("%s", number) if seat_label else number
    return f"{row_label or row}, {named}" if row_label or row else named


def _radius(seat: Fields) -> float:
    radius = seat.number_or_none("radius")
    if radius is not None and not 0 < radius <= 1_000:
        seat.wrong("radius", f"is {shown(radius)}; a number above 0, 1000 at the most, is wanted")
    return DEFAULT_RADIUS if radius is None else radius


def _row_labels(name: str, where: str, seats: list[_Seat]) -> Iterator[dict[str, object]]:
    if not seats or not name or where not in _ROW_NUMBERS:
        return
    if where in {"start", "both"}:
        yield {"text": name, **_beside(seats[0], seats[1:2])}
    if where in {"end", "both"}:
        yield {"text": name, **_beside(seats[-1], seats[-2:-1])}


def _beside(seat: _Seat, neighbours: list[_Seat]) -> dict[str, float]:
    """One seat's distance beyond `seat`, away from its neighbour; to the left of one that is alone."""
    across, down = (
        (seat.x - neighbours[0].x, seat.y - neighbours[0].y) if neighbours else (-_LABEL_DISTANCE, 0.0)
    )
    scale = _LABEL_DISTANCE / (hypot(across, down) or _LABEL_DISTANCE)
    return {"x": round(seat.x + across * scale, 3), "y": round(seat.y + down * scale, 3)}


def _check_ids(reading: _Reading, seat_id: SeatId) -> None:
    key = _ID_KEYS[seat_id]
    found = _by_id(reading.seats, seat_id)
    missing = found.pop("", [])
    doubled = {each: seats for each, seats in found.items() if len(seats) > 1}
    if missing or doubled:
        what = f"{_count(missing, 'seat')} without {key}" if missing else f"{_count(doubled, key)} not unique"
        reading.problems.add("zones", f"{what}; every seat needs its own{_other_ids_hint(reading, seat_id)}")
    for seat in missing:
        reading.problems.add(f"{seat.path}.{key}", f"is missing for {seat.zone}/{seat.row}/{seat.number}")
    for each, seats in doubled.items():
        message = f"{shown(each)} is the {key} of {len(seats)} seats: {_named(seats)}"
        reading.problems.add(f"{seats[0].path}.{key}", message)


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) > 1 else ''}"


def _by_id(seats: list[_Seat], seat_id: SeatId) -> dict[str, list[_Seat]]:
    found: dict[str, list[_Seat]] = {}
    for seat in seats:
        found.setdefault(seat.ids[seat_id], []).append(seat)
    return found


def _other_ids_hint(reading: _Reading, seat_id: SeatId) -> str:
    other: SeatId = "uuid" if seat_id == "guid" else "guid"
    found = {seat.ids[other] for seat in reading.seats}
    if "" in found or len(found) != len(reading.seats):
        return ""
    return f"; --seat-id {other} takes the plan by its {_ID_KEYS[other]}s, which are all different"


def _named(seats: list[_Seat]) -> str:
    named = [f"{seat.zone}/{seat.row}/{seat.number} at {seat.path}" for seat in seats[:_NAMED_AT_MOST]]
    more = f" and {len(seats) - len(named)} more" if len(seats) > len(named) else ""
    return ", ".join(named) + more


def _check_categories(reading: _Reading, colours: Mapping[str, str], prices: Mapping[str, int]) -> None:
    used: dict[str, list[_Seat]] = {}
    for seat in reading.seats:
        used.setdefault(seat.category, []).append(seat)
    known = ", ".join(shown(name) for name in colours) or "none"
    for name, seats in used.items():
        if name not in colours:
            what = f"{shown(name)}, given to {_count(seats, 'seat')}, is no category of the plan"
            reading.problems.add(f"{seats[0].path}.category", f"{what}; it has {known}")
        elif name not in prices:
            hint = f'--price "{name}=8500", or {name}: 8500 among the prices of a sidecar file'
            reading.problems.add(
                "categories", f"{shown(name)} has {_count(seats, 'seat')} and no price; give {hint}"
            )
    for name in prices:
        if name not in colours:
            reading.problems.add("prices", f"{shown(name)} is no category of the plan; it has {known}")


def _priced(colours: Mapping[str, str], prices: Mapping[str, int], currency: str) -> tuple[Category, ...]:
    return tuple(
        Category(name=name, colour=colour, price=Money(prices[name], currency) if name in prices else None)
        for name, colour in colours.items()
    )


def _slot(seat: _Seat, prices: Mapping[str, int], seat_id: SeatId) -> SlotDraft:
    return SlotDraft(
        id=seat.ids[seat_id],
        label=seat.label,
        price=prices.get(seat.category, 0),
        category=seat.category,
        section=seat.zone,
        row=seat.row,
        x=seat.x,
        y=seat.y,
        accessible=seat.accessible or bool(_ACCESSIBLE.search(seat.category)),
    )


def _decoration(reading: _Reading, seat_id: SeatId) -> dict[str, object]:
    if not reading.seats:
        return {}
    usual, _ = Counter(seat.radius for seat in reading.seats).most_common(1)[0]
    radii = {seat.ids[seat_id]: seat.radius for seat in reading.seats if seat.radius != usual}
    parts = {"areas": reading.areas, "row_labels": reading.row_labels, "radii": radii}
    return {"seat_radius": usual} | {name: part for name, part in parts.items() if part}


def _warnings(reading: _Reading) -> tuple[str, ...]:
    return tuple(
        f"{path} is not known and left out{'' if count == 1 else f', {count} times'}"
        for path, count in reading.unknown.items()
    )
