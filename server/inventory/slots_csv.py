"""Reads slots from CSV: `id,label,capacity,price,…`, as a spreadsheet saves it.

Columns are named by the first line, in any order: those of SlotDraft. `id` is needed, and `price` or
`price_per_hour` unless every slot's category has one. Prices are minor units. Comma, semicolon
or tab between the cells.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

from server.inventory.drafts import read_slot
from server.inventory.fields import Fields, Problems, shown
from server.inventory.rules import MAX_SLOTS, ResourceDraft, SlotDraft

COLUMNS = (*SlotDraft.__struct_fields__, "price_per_hour")

_DIGITS = re.compile(r"-?[0-9]{1,18}")
_WHOLE = frozenset({"capacity", "price", "price_per_hour"})
_NUMBERS = frozenset({"x", "y"})
_FLAGS = frozenset({"accessible", "blocked"})
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_slots_csv(text: str, head: ResourceDraft, problems: Problems) -> tuple[SlotDraft, ...]:
    """The slots of a file for the resource `head`; problems carry `line N` as their path."""
    lines = _lines(text, problems)
    header = [name.strip().lower() for name in next(lines, (1, []))[1]]
    if not _check_header(header, problems):
        return ()
    slots: list[SlotDraft] = []
    first_lines: dict[str, int] = {}
    for number, cells in islice(lines, MAX_SLOTS + 1):
        slot = _read_line(header, number, cells, head, problems)
        _check_double(slot, number, first_lines, problems)
        slots.append(slot)
    if len(slots) > MAX_SLOTS:
        problems.add(f"line {MAX_SLOTS + 2}", f"is too much; a resource has {MAX_SLOTS} slots at the most")
    if not slots and not problems:
        problems.add("line 2", "is missing; one line for each slot is wanted")
    return tuple(slots)


def _lines(text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells; lines without any text are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(
                f"line {number}", f"is no CSV ({error}); quotes go round a whole cell and are doubled inside"
            )
            return
        if any(cell.strip() for cell in cells):
            yield number, cells


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _check_header(header: list[str], problems: Problems) -> bool:
    known = ", ".join(COLUMNS)
    before = len(problems.errors)
    for name in header:
        if name not in COLUMNS:
            problems.add("line 1", f"{shown(name)} is no column; known are {known}")
        elif header.count(name) > 1:
            problems.add(
                "line 1", f"the column {shown(name)} stands {header.count(name)} times; once is right"
            )
    if "id" not in header:
        problems.add(
            "line 1", "names no column id; the first line names the columns, such as id,label,capacity,price"
        )
    return len(problems.errors) == before


def _read_line(
    header: list[str], number: int, cells: list[str], head: ResourceDraft, problems: Problems
) -> SlotDraft:
    path = f"line {number}"
    if len(cells) != len(header):
        problems.add(path, f"has {len(cells)} cells; the first line names {len(header)} columns")
    values = {name: _value(name, cell.strip()) for name, cell in zip(header, cells, strict=False)}
    return read_slot(Fields(values, path, problems), head)


def _value(name: str, cell: str) -> object:
    """A cell as JSON would have it; what does not convert stays a text, which its reader then refuses."""
    if not cell:
        return None
    if name in _FLAGS:
        return _YES_NO.get(cell.lower(), cell)
    try:
        if name in _WHOLE and _DIGITS.fullmatch(cell):
            return int(cell)
        if name in _NUMBERS:
            return float(cell)
    except ValueError:
        pass
    return cell


def _check_double(slot: SlotDraft, number: int, first_lines: dict[str, int], problems: Problems) -> None:
    first = first_lines.setdefault(slot.id, number)
    if slot.id and first != number:
        problems.add(f"line {number}.id", f"{shown(slot.id)} is the id on line {first} too; use another")
