"""The demo's concert hall.

Rows are arcs round a point behind the stage. Two radial aisles cut each into a middle block and two wings.
"""

from collections.abc import Iterator
from math import cos, degrees, radians, sin
from string import ascii_uppercase

from server.embedded.demo.drawing import SEAT, Json, area, polygon, row, words, zone

_WIDTH, _HEIGHT = 1720, 1080
_CENTRE = (860.0, -170.0)
_ROW = 34.0
_AISLE = 58.0
_WING = radians(42)  # where the rows end
_AISLE_AT = radians(19)
_STAGE = 340.0
_FIRST_ROW, _STALLS_ROWS = 425.0, 14
_WHEELCHAIRS = _FIRST_ROW + _STALLS_ROWS * _ROW + 16
_CIRCLE, _CIRCLE_ROWS = _WHEELCHAIRS + 110, 5
_CATEGORIES = {
    "Premium": "#b45309",
    "Stalls": "#1d4ed8",
    "Rear stalls": "#0f766e",
    "Circle": "#7c3aed",
    "Boxes": "#be185d",
    "Wheelchair": "#0369a1",
}


def hall() -> Json:
    """The whole plan, the same every time."""
    return {
        "name": "Meridian Hall",
        "categories": [{"name": name, "color": colour} for name, colour in _CATEGORIES.items()],
        "zones": [
            zone("Stalls", [*_stalls(), _wheelchairs()], [_stage(), *_names()]),
            zone("Circle", list(_circle()), [_balcony()]),
            zone("Left boxes", *_boxes("Left", -1)),
            zone("Right boxes", *_boxes("Right", 1)),
        ],
        "size": {"width": _WIDTH, "height": _HEIGHT},
    }


def _stalls() -> Iterator[Json]:
    for place in range(_STALLS_ROWS):
        radius = _FIRST_ROW + place * _ROW
        seats = [
            (*_at(radius, angle), _stalls_category(place, in_the_middle=abs(angle) < _AISLE_AT))
            for angle in _angles(radius)
        ]
        yield row("Stalls", ascii_uppercase[place], seats)


def _stalls_category(place: int, *, in_the_middle: bool) -> str:
    if place < 5 and in_the_middle:
        return "Premium"
    return "Stalls" if place < 9 else "Rear stalls"


def _wheelchairs() -> Json:
    """Eight places in the cross aisle, beside the two aisles that lead there without a step."""
    steps = [-0.29, -0.245, -0.2, -0.155, 0.155, 0.2, 0.245, 0.29]
    seats = [(*_at(_WHEELCHAIRS, angle), "Wheelchair") for angle in steps]
    return row("Stalls", "W", seats, radius=13)


def _circle() -> Iterator[Json]:
    for place in range(_CIRCLE_ROWS):
        radius = _CIRCLE + place * _ROW
        seats = [(*_at(radius, angle), "Circle") for angle in _angles(radius, wing=radians(36))]
        yield row("Circle", ascii_uppercase[place] * 2, seats)


def _boxes(side: str, sign: int) -> tuple[list[Json], list[Json]]:
    """Six boxes of four chairs along a wall; each is a row of its own."""
    rows, areas = [], []
    for place in range(6):
        number = place + 1 if sign < 0 else place + 7
        radius, angle = 520 + place * 74, sign * radians(53.5)
        seats = [(*_at(radius, angle + (chair - 1.5) * SEAT / radius), "Boxes") for chair in range(4)]
        box = row(f"{side} boxes", str(number), seats, where=None)
        rows.append(box | {"row_label": f"Box {number}", "seat_label": "chair %s"})
        areas.append(_box_walls(radius, angle, f"{side} box {number}"))
    return rows, areas


def _angles(radius: float, wing: float = _WING) -> list[float]:
    """A row's seats: every block fills the arc between its aisles evenly."""
    half_aisle = _AISLE / 2 / radius
    blocks = [
        (-wing, -_AISLE_AT - half_aisle),
        (-_AISLE_AT + half_aisle, _AISLE_AT - half_aisle),
        (_AISLE_AT + half_aisle, wing),
    ]
    return [angle for start, end in blocks for angle in _evenly(start, end, radius)]


def _evenly(start: float, end: float, radius: float) -> list[float]:
    count = int((end - start) * radius / SEAT) + 1
    step = (end - start) / (count - 1)
    return [start + place * step for place in range(count)]


def _at(radius: float, angle: float) -> tuple[float, float]:
    """The point at an angle from straight ahead of the stage, to the right of it in the drawing."""
    return (_CENTRE[0] + radius * sin(angle), _CENTRE[1] + radius * cos(angle))


def _stage() -> Json:
    """A thrust stage: straight at the back, round where the audience is."""
    round_edge = [_at(_STAGE, radians(step * 4)) for step in range(12, -13, -1)]
    points = [(round_edge[-1][0], 20.0), (round_edge[0][0], 20.0), *round_edge]
    return polygon("stage", points, "#e7e5e4", "#78716c") | words("Stage", (_CENTRE[0], 100.0), 34)


def _balcony() -> Json:
    """The edge of the circle above the stalls."""
    outer = [_at(_CIRCLE - 30, radians(step * 3)) for step in range(-13, 14)]
    inner = [_at(_CIRCLE - 40, radians(step * 3)) for step in range(13, -14, -1)]
    return polygon("balcony", [*outer, *inner], "#d6d3d1", "#a8a29e")


def _box_walls(radius: float, angle: float, name: str) -> Json:
    width, height = 112.0, 48.0
    x, y = _at(radius, angle)
    turn = -angle  # clockwise on a drawing whose y grows downwards
    corner = (
        x - width / 2 * cos(turn) + height / 2 * sin(turn),
        y - width / 2 * sin(turn) - height / 2 * cos(turn),
    )
    return area("rectangle", f"{name} walls", corner, "#f5f5f4", "#a8a29e") | {
        "rotation": round(degrees(turn), 2),
        "rectangle": {"width": width, "height": height},
    }


def _names() -> Iterator[Json]:
    places = {
        "Left boxes": _at(960, radians(-53.5)),
        "Right boxes": _at(960, radians(53.5)),
        "Circle": (_CENTRE[0], _CENTRE[1] + _CIRCLE + _CIRCLE_ROWS * _ROW + 12),
    }
    for name, place in places.items():
        yield area("text", name, place, "", "") | words(name, (0.0, 0.0), 20)
