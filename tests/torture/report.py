"""The report of a run: report.json for programs, report.html for people, with nothing from elsewhere."""

import html
import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.torture.matrix import Figure, Outcome, Strike, bound

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
td, th { border-bottom: 1px solid #8884; }
code, pre { font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.kept { color: #18794e; } .broken { color: #cd2b31; font-weight: 600; } .away { color: #8d8d8d; }
@media (prefers-color-scheme: dark) { .kept { color: #4cc38a; } .broken { color: #ff6369; } }
svg { width: 100%; height: 2.6rem; } details { margin: .25rem 0; }
"""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All that is written down of a run."""

    seed: int
    command: str
    machine: str
    kept: bool
    checked: dict[str, int]
    cells: Sequence[Outcome]


def run_of(outcomes: Sequence[Outcome], *, seed: int, command: str) -> Run:
    """The whole of it; N of each claim is the sum over its cells."""
    checked: dict[str, int] = {}
    for outcome in outcomes:
        for what, number in outcome.claims.items():
            checked[what] = checked.get(what, 0) + number
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return Run(
        seed=seed,
        command=command,
        machine=machine,
        kept=all(outcome.is_good for outcome in outcomes),
        checked=checked,
        cells=outcomes,
    )


def write(folder: Path, outcomes: Sequence[Outcome], *, seed: int, command: str) -> Path:
    """Both files; where the one for people is."""
    run = run_of(outcomes, seed=seed, command=command)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    page = folder / "report.html"
    page.write_text(page_of(run))
    return page


def page_of(run: Run) -> str:
    """The page."""
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><meta charset="utf-8"><title>Holdfast under torture</title>',
            f"<style>{STYLE}</style>",
            "<h1>Holdfast under torture</h1>",
            *_summary(run),
            *(line for outcome in run.cells for line in _cell(outcome)),
            "</html>",
        )
    )


def _summary(run: Run) -> Iterator[str]:
    word = '<span class="kept">kept</span>' if run.kept else '<span class="broken">broken</span>'
    yield f"<p>Every promise {word}. Seed {run.seed}; again by <code>{_text(run.command)}</code></p>"
    yield f"<p>{_text(run.machine)}</p>"
    rows = ((_text(what), f"{number:,}") for what, number in run.checked.items())
    yield _table(("checked", "N"), rows)
    yield "<p>None of N bounds the rate at 3/N, with 95 % confidence.</p>"
    yield _table(("cell", "", "fault", "workload", "result", "seconds"), map(_row, run.cells))


def _row(outcome: Outcome) -> tuple[str, ...]:
    link = f'<a href="#{_text(outcome.name)}">{_text(outcome.name)}</a>'
    told = (_text(outcome.fault), _text(outcome.workload))
    return str(outcome.number), link, *told, _result(outcome), f"{outcome.seconds:.1f}"


def _result(outcome: Outcome) -> str:
    if outcome.not_here:
        return '<span class="away">not on this machine</span>'
    if not outcome.is_good:
        return f'<span class="broken">{len(outcome.violations) or "an error"} broken</span>'
    missed = f", {len(outcome.missed)} figures missed" if outcome.missed else ""
    return f'<span class="kept">kept</span>{missed}'


def _cell(outcome: Outcome) -> Iterator[str]:
    yield f'<h2 id="{_text(outcome.name)}">{outcome.number} · {_text(outcome.name)}</h2>'
    yield f"<p>{_text(outcome.about)} <code>{_text(outcome.command)}</code></p>"
    if outcome.not_here:
        yield f"<p>Not on this machine: {_text(outcome.not_here)}</p>"
    if outcome.figures:
        yield _table(("figure", "measured", "to be reached", "N", ""), map(_figure, outcome.figures))
    for broken in outcome.violations:
        yield f'<p class="broken">{_text(broken.promise)}: {_text(broken.text)}</p>'
        if broken.evidence:
            shown = "\n\n".join(map(_text, broken.evidence))
            yield f"<details><summary>evidence</summary><pre>{shown}</pre></details>"
    if outcome.error:
        yield f"<pre>{_text(outcome.error)}</pre>"
    if outcome.strikes:
        yield _line(outcome.strikes, outcome.seconds)
    if outcome.claims and outcome.is_good:
        operations = outcome.claims.get("operations", 0)
        yield f"<p>{_text(bound(operations))} per operation.</p>"


def _figure(figure: Figure) -> tuple[str, ...]:
    mark = {True: '<span class="kept">✓</span>', False: '<span class="broken">✗</span>', None: ""}
    number = "" if figure.n is None else f"{figure.n:,}"
    name = f"{figure.name} ({figure.note})" if figure.note else figure.name
    return _text(name), _text(figure.value), _text(figure.goal), number, mark[figure.reached]


def _line(strikes: Sequence[Strike], seconds: float) -> str:
    """Faults over time: red where one struck, green where it was healed."""
    ticks = []
    for strike in strikes:
        place = 100 * min(1.0, max(0.0, strike.at / max(seconds, 0.1)))
        colour = "#18794e" if strike.phase == "heal" else "#cd2b31"
        title = _text(f"{strike.at:.1f} s {strike.phase}: {strike.what}")
        where = f'x="{place:.2f}%" y="4" width="3" height="22"'
        ticks.append(f'<rect {where} fill="{colour}"><title>{title}</title></rect>')
    axis = '<line x1="0" y1="30" x2="100%" y2="30" stroke="currentColor" stroke-opacity=".4"/>'
    label = f"{len(strikes)} faults over {seconds:.0f} s"
    return f'<svg role="img" aria-label="{label}">{axis}{"".join(ticks)}</svg>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells of rows are HTML already."""
    top = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _text(value: Any) -> str:
    return html.escape(str(value))
