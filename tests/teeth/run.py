"""Runs each check without a bug, then each bug with its check, and says which was caught."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.teeth.bug import ROOT, Bug, DoesNotApply, patched

AT_MOST_SECONDS: Final = 300
CLEAN_SECONDS: Final = 900

Say = Callable[[str], None]

_TEST: Final = re.compile(r"(tests/\S+::.*) (PASSED|FAILED|ERROR)\b")


@dataclass(frozen=True)
class Report:
    """What came of one test: `when` it failed (`collect`, `setup`, `call`, `teardown`) and what it said."""

    test: str
    when: str
    outcome: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """Whether a bug was caught, by which test, by which words, and after how long."""

    bug: Bug
    caught: bool
    by: str
    seconds: float


def clean(bugs: Sequence[Bug], jobs: int, say: Say) -> list[Report]:
    """Every check once without a bug; what failed. `say` is told of each test."""
    checks = sorted({check for bug in bugs for check in bug.checks})
    shares = [share for number in range(jobs) if (share := checks[number::jobs])]
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda share: _pytest(share, "", CLEAN_SECONDS, say), shares)
        return [report for share, run in zip(shares, runs, strict=True) for report in _unclean(share, *run)]


def _unclean(checks: Sequence[str], reports: Sequence[Report], code: int | None) -> list[Report]:
    failed = [report for report in reports if report.outcome == "failed"]
    if code == 0 and not failed:
        return []
    return failed or [Report(" ".join(checks), "run", "failed", f"pytest ended with {code}")]


def hunt(bugs: Sequence[Bug], jobs: int, say: Say) -> list[Verdict]:
    """Every bug with its check; `say` is told of each."""
    found: list[Verdict] = []
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(judge, bug) for bug in bugs]):
            found.append(done.result())
            say(line_of(found[-1], len(found), len(bugs)))
    order = {bug.name: place for place, bug in enumerate(bugs)}
    return sorted(found, key=lambda verdict: order[verdict.bug.name])


def judge(bug: Bug) -> Verdict:
    """One bug with its checks."""
    began = time.monotonic()
    try:
        patched(bug.patches)
    except DoesNotApply as reason:
        return Verdict(bug, caught=False, by=f"cannot be planted: {reason}", seconds=0)
    reports, code = _pytest(bug.checks, bug.name, AT_MOST_SECONDS)
    caught, by = verdict_of(bug, reports, code)
    return Verdict(bug, caught, by, time.monotonic() - began)


def verdict_of(bug: Bug, reports: Iterable[Report], code: int | None) -> tuple[bool, str]:
    """Caught is what a test says in the words one expects; whatever else goes wrong is not."""
    failed = [report for report in reports if report.outcome == "failed"]
    if code is None:
        return False, f"its check does not end within {AT_MOST_SECONDS} s"
    if not failed:
        return False, "survives: its check passes" if code == 0 else f"pytest ended with {code}"
    first = failed[0]
    if first.when != "call":
        return False, f"{first.test} fails at its {first.when}: {_last_line(first.text)}"
    if not re.search(bug.says, said(first.text)):
        return False, f"{first.test} fails for another reason: {_last_line(first.text)}"
    return True, first.test.rpartition("::")[2]


def said(text: str) -> str:
    """Where a test failed and what it said there: what else it shows of its source says nothing."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith((">", "E ")))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("E  ")]
    return (lines or text.splitlines() or [""])[0][:200]


def line_of(verdict: Verdict, number: int, of: int) -> str:
    """For the terminal, as it happens."""
    mark = "caught " if verdict.caught else "SURVIVES"
    return f"{number:3}/{of}  {mark}  {verdict.bug.name}: {verdict.by}  ({verdict.seconds:.0f} s)"


def table(verdicts: Sequence[Verdict]) -> str:
    """For the end."""
    rows = [("bug", "breaks", "after", "caught by")]
    rows += [
        (
            verdict.bug.name,
            " ".join(verdict.bug.breaks),
            verdict.bug.after,
            verdict.by if verdict.caught else f"SURVIVES: {verdict.by}",
        )
        for verdict in verdicts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows
    )


def _pytest(
    checks: Sequence[str], plant: str, seconds: float, say: Say = lambda _line: None
) -> tuple[list[Report], int | None]:
    """What the tests said, and how pytest ended (None: it did not)."""
    with tempfile.TemporaryDirectory(prefix="holdfast-teeth-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", *checks, "-p", "tests.teeth.plugin", "-n", "0", "-v", "-x"]
        command += ["-p", "no:cacheprovider", "--plant", plant, "--teeth-report", str(report)]
        command += ["--basetemp", str(Path(folder) / "work")]
        code = _run(command, seconds, say)
        if not report.exists():
            return [], code
        return [Report(**each) for each in json.loads(report.read_text(encoding="utf-8"))], code


def _run(command: Sequence[str], seconds: float, say: Say) -> int | None:
    """Its exit code; None if it had to be ended."""
    # What one run has compiled the next need not, though some machines forbid it by default.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ended = threading.Event()

    def end() -> None:
        ended.set()
        process.terminate()

    bound = threading.Timer(seconds, end)
    bound.start()
    assert process.stdout is not None, "it is a pipe"
    for line in process.stdout:
        if found := _TEST.match(line):
            say(f"{found[2].lower()}  {found[1]}")
    code = process.wait()
    bound.cancel()
    return None if ended.is_set() else code
