"""Pieces of seating plans, as their editor at seats.pretix.eu would write them."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

SEAT = 25.0  # from one seat to the next

Json = dict[str, Any]
Point = tuple[float, float]

_INK = "#44403c"


def zone(name: str, rows: list[Json], areas: list[Json]) -> Json:
    """A part of the house; its rows and areas have absolute positions."""
    return {
        "name": name,
        "zone_id": name.lower().replace(" ", "-"),
        "uuid": uuid(name),
        "position": {"x": 0, "y": 0},
        "rows": rows,
        "areas": areas,
    }


def row(
    part: str,
    name: str,
    seats: list[tuple[float, float, str]],
    *,
    radius: int = 10,
    where: str | None = "both",
) -> Json:
    """Seats (x, y, category) numbered from 1; `where` says on which ends the row's name is drawn."""
    x, y, _ = seats[0]
    return {
        "position": {"x": round(x, 2), "y": round(y, 2)},
        "row_number": name,
        "row_number_position": where,
        "uuid": uuid(part, name),
        "seats": [
            {
                "seat_number": str(number),
                "seat_guid": f"{part.replace(' ', '-')}-{name}-{number}",
                "uuid": uuid(part, name, str(number)),
                "position": {"x": round(seat[0] - x, 2), "y": round(seat[1] - y, 2)},
                "category": seat[2],
                "radius": radius,
            }
            for number, seat in enumerate(seats, start=1)
        ],
    }


def polygon(name: str, points: list[Point], colour: str, border: str) -> Json:
    """An area with these corners; texts in it are at absolute positions."""
    corners = [{"x": round(x, 2), "y": round(y, 2)} for x, y in points]
    return area("polygon", name, (0.0, 0.0), colour, border) | {"polygon": {"points": corners}}


def circle(name: str, centre: Point, radius: float, colour: str, border: str) -> Json:
    """A round area; texts in it are at positions from its centre."""
    return area("circle", name, centre, colour, border) | {"circle": {"radius": radius}}


def area(shape: str, name: str, position: Point, colour: str, border: str) -> Json:
    """What all areas have."""
    return {
        "shape": shape,
        "uuid": uuid("area", name),
        "position": {"x": round(position[0], 2), "y": round(position[1], 2)},
        "rotation": 0,
        "color": colour,
        "border_color": border,
    }


def words(said: str, where: Point, size: int) -> Json:
    """The text of an area, centred at a position within it."""
    return {"text": {"text": said, "color": _INK, "size": size, "position": {"x": where[0], "y": where[1]}}}


def uuid(*names: str) -> str:
    """The same for the same names, always."""
    return str(uuid5(NAMESPACE_URL, "holdfast:demo:" + "/".join(names)))
