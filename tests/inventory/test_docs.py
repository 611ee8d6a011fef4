"""docs/importing.md and docs/grids.md show what really can be imported and made."""

import json
import re
from datetime import date
from pathlib import Path

import msgspec

from server.inventory.catalogue import read_catalogue
from server.inventory.documents import read_yaml
from server.inventory.edits import new_draft
from server.inventory.fields import Fields, Problems
from server.inventory.grid.rules import GridRules
from server.inventory.price_lists import read_price_lists
from server.inventory.slots_csv import COLUMNS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "importing.md").read_text(encoding="utf-8")
GRIDS = (DOCS / "grids.md").read_text(encoding="utf-8")


def test_the_catalogue_of_the_docs_can_be_imported() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    problems = Problems()
    drafts, _ = read_catalogue(
        read_yaml(example[1]),
        problems,
        read_file=lambda _: b"",
        today=date(2026, 11, 21),
    )
    assert problems.errors == []
    assert [(draft.id, len(draft.slots)) for draft in drafts] == [
        ("city-hall", 8),
        ("lecture", 2),
        ("mill-lane", 0),
    ]


def test_the_docs_name_every_column() -> None:
    assert " ".join(COLUMNS) in PAGE.replace("\n", " ")


def test_the_price_lists_of_the_docs_can_be_read() -> None:
    shown = PAGE.split("## Prices")[1].split("```yaml\n")[1].split("```")[0]
    problems = Problems()
    assert read_price_lists(Fields(read_yaml(shown).value, "", problems), "eur")["jpy"].per_hour == {
        "Court": 2500
    }
    assert not problems


def test_the_grid_of_the_docs_can_be_made() -> None:
    given = json.loads(GRIDS.split("```json\n")[1].split("```")[0])
    draft = new_draft(given, owner="olivia", new_id=lambda: "")
    assert draft.grid is not None
    assert draft.grid.rates[0].price_per_hour == 200


def test_the_docs_name_every_rule_of_a_grid_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*?) \|$", GRIDS, re.MULTILINE))
    assert list(rows) != []
    assert set(rows) == {item.name for item in msgspec.structs.fields(GridRules)}
    for item in msgspec.structs.fields(GridRules):
        default = "–" if item.required else str(item.default or 0)  # noqa: RUF001  # none
        assert rows[item.name] in {default, "none"}, item.name
