"""docs/performance.md: what stands between its marks is made from docs/performance.json, which they fill."""

import json
from dataclasses import asdict
from typing import Any

from bench import plot, report
from tests.support.processes import ROOT

PAGE = ROOT / "docs/performance.md"
NUMBERS = ROOT / "docs/performance.json"
IMAGE = ROOT / "docs/images/fanout.svg"
BEGINS = "<!-- `make bench` writes what follows -->"
ENDS = "<!-- `make bench` wrote what stands above -->"
TITLES = {
    "fanout": "One message to everybody",
    "onsale": "A hot on-sale",
    "holds": "Holds",
    "herd": "Everybody at once",
    "memory": "Memory",
    "slow": "Clients that do not read",
    "expiry": "Holds that end",
    "bookings": "Bookings",
    "processes": "A second process",
    "browser": "The browser",
}
LIMIT = "C loop of send()"


def write(results: list[report.Result], machine: str, day: str, *, order: list[str]) -> None:
    """Put these results in, beside what stands there of other benches."""
    known: dict[str, Any] = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for result in results:
        known[result.name] = report.plain({**asdict(result), "machine": machine, "day": day})
    known = {name: known[name] for name in order if name in known}
    NUMBERS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    if "microseconds" in known.get("fanout", {}).get("facts", {}):
        IMAGE.write_text(fanout_image(known["fanout"]["facts"]))
    PAGE.write_text(with_generated(PAGE.read_text(), generated(known)))


def with_generated(page: str, text: str) -> str:
    """The page with other text between its marks."""
    before, _, rest = page.partition(BEGINS)
    after = rest.partition(ENDS)[2]
    return f"{before}{BEGINS}\n\n{text}\n{ENDS}{after}"


def generated(known: dict[str, Any]) -> str:
    """A section for each bench: its command, when and on what it was measured, its table."""
    parts = []
    for name, found in known.items():
        rows = [report.Row(**row) for row in found["rows"]]
        parts += [f"## {TITLES[name]}", ""]
        parts += [f"`{found['command']}`, {found['day']}, {found['machine']}.", ""]
        if name == "fanout" and "microseconds" in found["facts"]:
            parts += [f"![Processor time of a delivered frame]({IMAGE.relative_to(PAGE.parent)})", ""]
        parts += [*report.table(rows), ""]
    return "\n".join(parts)


def fanout_image(facts: dict[str, Any]) -> str:
    """The contenders, cheapest first."""
    found: dict[str, float] = facts["microseconds"]
    limit = found.get(LIMIT)
    rows = [
        plot.Bar(
            name.strip("*"),
            cost,
            f"{cost:.1f} µs" + (f", {cost / limit:.2f} of the C loop" if limit else ""),
            plot.OURS if "Holdfast" in name else plot.LIMIT if name == LIMIT else plot.PLAIN,
        )
        for name, cost in sorted(found.items(), key=lambda item: item[1])
    ]
    unit = f"µs of the server's processor for each frame delivered to one of {facts['watchers']} watchers"
    return plot.bars("One message to everybody", unit, rows, goal=1.25 * limit if limit else None)
