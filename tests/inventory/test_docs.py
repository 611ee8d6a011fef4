"""docs/importing.md shows what really can be imported."""

import re
from datetime import date
from pathlib import Path

from server.inventory.catalogue import read_catalogue
from server.inventory.documents import read_yaml
from server.inventory.fields import Fields, Problems
from server.inventory.price_lists import read_price_lists
from server.inventory.slots_csv import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")


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
    assert [(draft.id, len(draft.slots)) for draft in drafts] == [("city-hall", 8), ("lecture", 2)]


def test_the_docs_name_every_column() -> None:
    assert " ".join(COLUMNS) in PAGE.replace("\n", " ")


def test_the_price_lists_of_the_docs_can_be_read() -> None:
    shown = PAGE.split("## Prices")[1].split("```yaml\n")[1].split("```")[0]
    problems = Problems()
    assert read_price_lists(Fields(read_yaml(shown).value, "", problems), "eur")["jpy"].per_hour == {
        "Court": 2500
    }
    assert not problems
