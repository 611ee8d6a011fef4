"""Reads a grid's rules as a request's body or a catalogue's entry describes them."""

from server.inventory.fields import Fields
from server.inventory.grid.rules import GridRules


def read_grid(fields: Fields | None, _currency: str) -> GridRules | None:
    """The rules under `grid`; None where there are none."""
    if fields is not None:
        fields.wrong("grid", "is not supported yet")
    return None
