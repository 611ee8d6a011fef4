"""Makes up a stadium of any size, for load: an oval of sections with rows, aisles and categories."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, hypot, pi, sin, sqrt

from server.inventory.rules import Category, Money, ResourceDraft, SlotDraft

FEWEST_SEATS = 100
MOST_SEATS = 200_000

_SEAT = 25.0  # from seat to seat; all lengths are in units of the drawing
_ROW = 30.0
_AISLE = 55.0
_TIER_GAP = 120.0
_PITCH_GAP = 160.0
_SECTION_SEATS = 24
_SAMPLES = 2_000
_TIERS = ("Lower", "Middle", "Upper")
_CATEGORIES = {
    ("Lower", "side"): ("Lower side", "#c2410c", 12000),
    ("Lower", "end"): ("Lower end", "#d97706", 7500),
    ("Middle", "side"): ("Middle side", "#1d4ed8", 9000),
    ("Middle", "end"): ("Middle end", "#0284c7", 6000),
    ("Upper", "side"): ("Upper side", "#15803d", 5500),
    ("Upper", "end"): ("Upper end", "#65a30d", 3500),
}


@dataclass(frozen=True, slots=True)
class _Oval:
    """Its half axes; a row of seats lies on one."""

    across: float
    down: float

    def wider(self, by: float) -> "_Oval":
        return _Oval(self.across + by, self.down + by)

    def at(self, angle: float) -> tuple[float, float]:
        return (self.across * cos(angle), self.down * sin(angle))

    def length(self) -> float:
        return 2 * pi * sqrt((self.across**2 + self.down**2) / 2)

    def speed(self, angle: float) -> float:
        """Length for each radian there."""
        return hypot(self.across * sin(angle), self.down * cos(angle))

    def even_angles(self, parts: int) -> list[float]:
        """The ends of `parts` pieces of equal length, from 0 to 2π."""
        step = 2 * pi / _SAMPLES
        lengths = [self.speed((place + 0.5) * step) * step for place in range(_SAMPLES)]
        share = sum(lengths) / parts
        ends, passed = [0.0], 0.0
        for place, length in enumerate(lengths):
            passed += length
            if passed >= share * len(ends) and len(ends) < parts:
                ends.append((place + 1) * step)
        return [*ends, 2 * pi]


def stadium(seats: int) -> ResourceDraft:
    """A stadium of exactly so many seats; ValueError outside of FEWEST_SEATS…MOST_SEATS."""
    if not FEWEST_SEATS <= seats <= MOST_SEATS:
        raise ValueError(f"a stadium has {FEWEST_SEATS} to {MOST_SEATS} seats, not {seats}")
    pitch = _pitch_for(seats)
    slots = tuple(_seats(pitch, _rows_for(seats)))[:seats]
    used = {slot.category for slot in slots}
    return ResourceDraft(
        id=f"stadium-{seats}",
        kind="seats",
        title=f"Stadium of {seats} seats",
        owner="stadium",
        time_zone="Europe/Berlin",
        currency="eur",
        description="Made up, for trying how a big on-sale goes.",
        categories=tuple(
            Category(name=name, colour=colour, price=Money(price, "eur"))
            for name, colour, price in _CATEGORIES.values()
            if name in used
        ),
        plan=_plan(pitch),
        slots=slots,
    )


def _rows_for(seats: int) -> int:
    """Rows in each tier: 20 of them for 50,000 seats."""
    return max(2, round(sqrt(seats) / 11))


def _pitch_for(seats: int) -> _Oval:
    """The smallest field around which so many fit."""
    low, high = 50.0, 100_000.0
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if _fits(_field(middle), seats) else (middle, high)
    return _field(high)


def _fits(pitch: _Oval, seats: int) -> bool:
    rows = _rows(pitch, _rows_for(seats))
    return sum(_seats_between(oval, ends) for oval, ends, *_ in rows) >= seats


def _field(size: float) -> _Oval:
    return _Oval(size * 1.45, size)


def _seats(pitch: _Oval, rows: int) -> Iterator[SlotDraft]:
    for oval, ends, tier, section, row in _rows(pitch, rows):
        yield from _row(oval, ends, tier, section, row)


def _rows(pitch: _Oval, rows: int) -> Iterator[tuple[_Oval, list[float], str, str, int]]:
    """Each row with the two angles it lies between, its tier, section and number."""
    for number, tier in enumerate(_TIERS):
        front = pitch.wider(_PITCH_GAP + number * (rows * _ROW + _TIER_GAP))
        ends = front.even_angles(max(8, round(front.length() / (_SECTION_SEATS * _SEAT + _AISLE))))
        for place in range(len(ends) - 1):
            for row in range(rows):
                between = ends[place : place + 2]
                yield front.wider(row * _ROW), between, tier, f"{tier[0]}{place + 1}", row + 1


def _seats_between(oval: _Oval, ends: list[float]) -> int:
    length = (ends[1] - ends[0]) * oval.speed((ends[0] + ends[1]) / 2) - _AISLE
    return max(0, int(length / _SEAT) + 1)


def _row(oval: _Oval, ends: list[float], tier: str, section: str, row: int) -> Iterator[SlotDraft]:
    middle = (ends[0] + ends[1]) / 2
    step = _SEAT / oval.speed(middle)
    count = _seats_between(oval, ends)
    category, _, price = _CATEGORIES[tier, "side" if abs(sin(middle)) > 0.6 else "end"]
    for seat in range(count):
        x, y = oval.at(middle + (seat - (count - 1) / 2) * step)
        yield SlotDraft(
            id=f"{section}-{row}-{seat + 1}",
            label=f"{row}-{seat + 1}",
            price=price,
            category=category,
            section=section,
            row=str(row),
            x=round(x, 1),
            y=round(y, 1),
            accessible=row == 1 and seat < 2,
        )


def _plan(pitch: _Oval) -> dict[str, object]:
    across, down = pitch.across / sqrt(2), pitch.down / sqrt(2)
    return {
        "seat_radius": 10.0,
        "areas": [
            {
                "shape": "rectangle",
                "position": {"x": -across, "y": -down},
                "rotation": 0.0,
                "color": "#86c98a",
                "border_color": "#ffffff",
                "rectangle": {"width": 2 * across, "height": 2 * down},
                "text": {
                    "text": "Pitch",
                    "color": "#14532d",
                    "size": max(16.0, round(down / 5)),
                    "position": {"x": across, "y": down},
                },
            }
        ],
    }
