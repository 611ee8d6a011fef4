"""The docs say what the code does; each list in them is held to its source."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from channels.protocol import CLIENT_MESSAGES, SERVER_MESSAGES
from server import errors
from server.bookings.rules import CancelReason
from server.payments.stripe.events import TYPES
from server.settings import Settings
from server.specification.answers import QUERIES

DOCS = Path(__file__).parent.parent / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The tables' rows whose first cell is code: the name in it → the row's other cells."""
    found = {}
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.fullmatch(r"`([^`]+)`", cells[0])
        if name and line.startswith("|"):
            found[name.group(1)] = cells[1:]
    return found


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: cells[0].strip("`") for name, cells in rows("settings.md").items()}
    defaults = {item.name.upper(): item.default or "none" for item in fields(Settings)}
    assert set(documented) == set(defaults)
    for name, default in defaults.items():
        # 0 is a real default: a limit of 0 is none
        expected = "0" if getattr(Settings(), name.lower()) == 0 else str(default)
        assert documented[name] == expected, name


def leaves(parent: type[errors.HoldfastError]) -> list[type[errors.HoldfastError]]:
    return parent.__subclasses__()


def test_every_error_is_documented_with_its_status_and_what_to_do_next() -> None:
    documented = rows("errors.md")
    coded = {leaf.code: leaf for leaf in leaves(errors.HoldfastError)}
    assert set(documented) == set(coded)
    for code, leaf in coded.items():
        status, retry = documented[code][:2]
        assert int(status) == leaf.status, code
        assert leaf.retry in retry, code


def test_every_message_of_the_protocol_is_documented() -> None:
    types = {str(message.__struct_config__.tag) for message in (*CLIENT_MESSAGES, *SERVER_MESSAGES)}
    assert set(rows("protocol.md")) == types


def test_every_reason_to_cancel_and_every_filter_of_bookings_is_documented() -> None:
    assert set(rows("bookings.md")) == {*get_args(CancelReason), *QUERIES["GET /api/bookings"]}


def test_every_event_that_is_acted_on_is_documented() -> None:
    assert {name for name in rows("webhooks.md") if not name.isdigit()} == TYPES


def test_every_bad_input_has_its_place() -> None:
    text = (DOCS / "bad-inputs.md").read_text()
    table, _, otherwise = text.partition("## What does not apply")
    cells = [line.split("|") for line in table.splitlines() if re.match(r"\| \d", line)]
    numbers = ",".join([row[1] for row in cells] + re.findall(r"\*\*([\d, -]+)\*\*", otherwise))
    named = set[int]()
    for part in numbers.split(","):
        first, _, last = part.strip().partition("-")
        named.update(range(int(first), int(last or first) + 1))
    assert named == set(range(1, 125))
    for place in re.findall(r"`([a-z_/0-9.]+)`", "".join(row[3] for row in cells)):
        assert (DOCS.parent / "tests" / place).exists(), place
