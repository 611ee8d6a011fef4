"""The demo's jazz cellar: tables of five chairs before a small stage, and a bar."""

from collections.abc import Iterator
from math import cos, pi, sin

from server.embedded.demo.drawing import SEAT, Json, circle, polygon, row, words, zone

_WIDTH, _HEIGHT = 760, 560
_CATEGORIES = {"Table": "#b45309", "Bar": "#4338ca"}
_TABLES = [(190, 210), (320, 240), (450, 240), (580, 210), (160, 340), (300, 370), (460, 370), (600, 340)]
_CHAIRS, _REACH = 5, 33.0
_STOOLS = 10


def club() -> Json:
    """The whole plan, the same every time."""
    tables = [_table(number, place) for number, place in enumerate(_TABLES, start=1)]
    return {
        "name": "The Cellar",
        "categories": [{"name": name, "color": colour} for name, colour in _CATEGORIES.items()],
        "zones": [
            zone("Tables", tables, [_stage(), *_table_tops()]),
            zone("Bar", [_bar()], [_counter()]),
        ],
        "size": {"width": _WIDTH, "height": _HEIGHT},
    }


def _table(number: int, place: tuple[int, int]) -> Json:
    """Chairs on the side away from the stage, so that nobody looks at it over a shoulder."""
    seats = [
        (place[0] + _REACH * cos(angle), place[1] + _REACH * sin(angle), "Table")
        for angle in (pi * (1.15 - 1.3 * chair / (_CHAIRS - 1)) for chair in range(_CHAIRS))
    ]
    found = row("Tables", f"T{number}", seats, where=None)
    return found | {"row_label": f"Table {number}", "seat_label": "chair %s"}


def _bar() -> Json:
    seats = [(255 + stool * SEAT * 1.1, 478.0, "Bar") for stool in range(_STOOLS)]
    return row("Bar", "Bar", seats, where=None) | {"seat_label": "stool %s"}


def _stage() -> Json:
    points = [(220.0, 20.0), (540.0, 20.0), (500.0, 125.0), (260.0, 125.0)]
    return polygon("cellar stage", points, "#e7e5e4", "#78716c") | words("Stage", (380.0, 72.0), 24)


def _table_tops() -> Iterator[Json]:
    for number, place in enumerate(_TABLES, start=1):
        top = circle(f"table top {number}", place, 18, "#d6bc94", "#8a6a3f")
        yield top | words(str(number), (0.0, 0.0), 13)


def _counter() -> Json:
    points = [(235.0, 500.0), (525.0, 500.0), (525.0, 530.0), (235.0, 530.0)]
    return polygon("counter", points, "#a8a29e", "#57534e") | words("Bar", (380.0, 515.0), 16)
