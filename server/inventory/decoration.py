"""What a map shows beside its seats, in the words of pretix' seating plans.

A resource's `plan` has, each where it is known:

    size         {width, height} of the drawing
    areas        [{shape: rectangle | ellipse | circle | polygon | text, position: {x, y}, rotation, color,
                 border_color, and the shape's own: rectangle {width, height}, circle {radius},
                 ellipse {radius: {x, y}}, polygon {points: [{x, y}]}, text {text, position, size, color}}]
                 `position` is absolute; all else of an area is relative to it; degrees turn clockwise
    row_labels   [{text, x, y}]: a row's name beside its first or last seat
    seat_radius  the usual one (10 where nothing is said), and `radii` {slot id: radius} for other seats
"""

from collections.abc import Callable, Iterator, Mapping

from server.inventory.fields import Fields, is_number, shown

SHAPES = ("polygon", "rectangle", "ellipse", "circle", "text")
DEFAULT_RADIUS = 10.0

_MAX_AREAS = 2_000
_MAX_LABELS = 20_000
_MAX_POINTS = 1_000
_LARGEST = 100_000

Unknown = Callable[[str, str], None]
Plan = dict[str, object]


def read_plan(fields: Fields | None) -> Plan:
    """A plan as it is kept; {} where there is none."""
    if fields is None:
        return {}
    plan: Plan = {}
    size = fields.child("size")
    if size is not None:
        plan["size"] = read_size(size)
    areas = read_areas(fields, (0.0, 0.0))
    if areas:
        plan["areas"] = areas
    labels = list(_row_labels(fields))
    if labels:
        plan["row_labels"] = labels
    if "seat_radius" in fields:
        plan["seat_radius"] = _length(fields, "seat_radius")
    radii = fields.child("radii")
    if radii is not None:
        plan["radii"] = {name: _length(radii, name) for name in radii.names()}
    fields.done(what="a plan")
    return plan


def _row_labels(fields: Fields) -> Iterator[Plan]:
    for path, value in fields.items("row_labels", limit=_MAX_LABELS):
        label = Fields(value, path, fields.problems)
        x, y = (label.number_or_none(name) or 0.0 for name in ("x", "y"))
        yield {"text": label.text("text", limit=50), "x": x, "y": y}
        label.done(what="a row's label")


def read_size(fields: Fields, unknown: Unknown | None = None) -> Plan:
    """Width and height of the drawing."""
    size: Plan = {name: _length(fields, name) for name in ("width", "height")}
    fields.done(what="a size", unknown=unknown)
    return size


def read_position(
    fields: Fields, name: str = "position", unknown: Unknown | None = None
) -> tuple[float, float]:
    """`{x, y}`; (0, 0) where it is missing."""
    point = fields.child(name)
    return (0.0, 0.0) if point is None else _point(point, unknown)


def read_areas(fields: Fields, zone: tuple[float, float], unknown: Unknown | None = None) -> list[Plan]:
    """The list `areas`, moved by their zone's position."""
    found = []
    for path, value in fields.items("areas", limit=_MAX_AREAS):
        area = Fields(value, path, fields.problems)
        found.append(_area(area, zone, unknown))
        area.take("uuid")
        area.done(what="an area", unknown=unknown)
    return found


def _area(area: Fields, zone: tuple[float, float], unknown: Unknown | None) -> Plan:
    x, y = read_position(area, unknown=unknown)
    shape = area.text("shape", "rectangle")
    found: Plan = {
        "shape": shape,
        "position": {"x": zone[0] + x, "y": zone[1] + y},
        "rotation": area.number_or_none("rotation") or 0.0,
        "color": area.text("color", "", limit=40),
        "border_color": area.text("border_color", "", limit=40),
    }
    if shape not in SHAPES:
        area.wrong("shape", f"is {shown(shape)}; one of {', '.join(SHAPES)} is wanted")
    for part, read in _PARTS.items():
        child = area.child(part)
        if child is not None:
            found[part] = read(child, unknown)
            child.done(what=f"{part}", unknown=unknown)
    if shape in _PARTS and shape not in found:
        area.wrong(shape, f"is missing; an area of that shape says its {shape}")
    return found


def _rectangle(fields: Fields, _unknown: Unknown | None) -> Plan:
    return {"width": _length(fields, "width"), "height": _length(fields, "height")}


def _circle(fields: Fields, _unknown: Unknown | None) -> Plan:
    return {"radius": _length(fields, "radius")}


def _ellipse(fields: Fields, unknown: Unknown | None) -> Plan:
    x, y = read_position(fields, "radius", unknown)
    return {"radius": {"x": abs(x), "y": abs(y)}}


def _polygon(fields: Fields, unknown: Unknown | None) -> Plan:
    points = []
    for path, value in fields.items("points", limit=_MAX_POINTS):
        x, y = _point(Fields(value, path, fields.problems), unknown)
        points.append({"x": x, "y": y})
    return {"points": points}


def _text(fields: Fields, unknown: Unknown | None) -> Plan:
    x, y = read_position(fields, unknown=unknown)
    return {
        "text": fields.text("text", "", lines=True),
        "color": fields.text("color", "", limit=40),
        "size": fields.number_or_none("size") or 16.0,
        "position": {"x": x, "y": y},
    }


_PARTS: Mapping[str, Callable[[Fields, Unknown | None], Plan]] = {
    "rectangle": _rectangle,
    "circle": _circle,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "text": _text,
}


def _point(point: Fields, unknown: Unknown | None) -> tuple[float, float]:
    for name in ("x", "y"):
        if name not in point:
            point.wrong(name, "is missing; a number is wanted")
    found = (point.number_or_none("x") or 0.0, point.number_or_none("y") or 0.0)
    point.done(what="a position", unknown=unknown)
    return found


def _length(fields: Fields, name: str) -> float:
    value = fields.take(name)
    if not is_number(value) or not 0 < value <= _LARGEST:
        fields.wrong(name, f"is {shown(value)}; a number above 0, {_LARGEST} at the most, is wanted")
        return 1.0
    return float(value)
