"""How a bench says what it found: as a table for people, and as JSON for docs/performance.md.

A bench is a module with `NAME`, `COMMAND` and `main()`; `finish(result, options)` prints the table and, asked
with `--json FILE`, writes the same there. `python -m bench` runs them all.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure. `reached` is None where nothing was to be reached."""

    what: str
    figure: str
    goal: str = ""
    reached: bool | None = None
    note: str = ""


@dataclass
class Result:
    """All that one bench found; `facts` are the numbers behind the rows, for machines and plots."""

    name: str
    command: str
    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(
        self, what: str, figure: str, goal: str = "", *, reached: bool | None = None, note: str = ""
    ) -> None:
        """One row more."""
        self.rows.append(Row(what, figure, goal, reached, note))


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that every bench has."""
    made = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    made.add_argument("--quick", action="store_true", help="small and short: to see that it runs")
    made.add_argument("--json", type=Path, help="write the result there, too")
    return made


def finish(result: Result, options: argparse.Namespace) -> None:
    """Show it, and write it where that was asked for."""
    print("\n".join(table(result.rows)))
    if options.json is not None:
        options.json.write_text(json.dumps(plain(asdict(result)), indent=1, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """The same without NaN and infinities, which JSON has not."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def read(path: Path) -> Result:
    """What `finish` wrote."""
    found = json.loads(path.read_text())
    rows = [Row(**row) for row in found.pop("rows")]
    return Result(**found, rows=rows)


MARKS = {True: "yes", False: "**no**", None: ""}


def table(rows: list[Row]) -> list[str]:
    """The lines of a Markdown table, its columns in line."""
    cells = [["what", "measured", "to reach", "reached", "note"]]
    cells += [[row.what, row.figure, row.goal, MARKS[row.reached], row.note] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    used = [column for column in range(5) if column < 2 or any(line[column] for line in cells[1:])]
    lines = [
        "| " + " | ".join(line[column].ljust(widths[column]) for column in used) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (widths[column] + 2) for column in used) + "|")
    return lines
