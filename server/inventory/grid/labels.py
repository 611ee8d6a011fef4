"""Times of a grid in words, as its clocks show them."""

from datetime import datetime


def moment_label(moment: datetime) -> str:
    """`Sat 21 Nov, 09:00`."""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"


def range_label(start: datetime, end: datetime) -> str:
    """`Sat 21 Nov, 09:00–17:00`, or with both days: `Sat 21 Nov, 22:00 – Sun 22 Nov, 06:00`."""  # noqa: RUF002  # en dashes
    if start.date() == end.date():
        return f"{moment_label(start)}–{end:%H:%M}"  # noqa: RUF001  # as above
    return f"{moment_label(start)} – {moment_label(end)}"  # noqa: RUF001  # as above
