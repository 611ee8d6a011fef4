"""The table of bugs is sound: each can be planted, and what is planted is what runs."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.teeth.bug import ROOT, Bug, DoesNotApply, Patch, patched
from tests.teeth.bugs import BUGS
from tests.teeth.run import Report, verdict_of

PROMISES = {f"I{number}" for number in range(1, 11)}


def test_there_are_24_at_least_and_no_two_of_a_name() -> None:
    assert len(BUGS) >= 24
    assert [name for name, count in Counter(bug.name for bug in BUGS).items() if count > 1] == []


def test_every_promise_has_a_bug_that_breaks_it() -> None:
    assert {promise for bug in BUGS for promise in bug.breaks} == PROMISES


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: Bug) -> None:
    for path, text in patched(bug.patches).items():
        assert path.is_relative_to(ROOT / "server") or path.is_relative_to(ROOT / "channels")
        assert text != path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            compile(text, str(path), "exec", dont_inherit=True)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_has_to_catch_it_is_there_and_has_words_for_it(bug: Bug) -> None:
    assert len(bug.says) > 3
    re.compile(bug.says)
    for check in bug.checks:
        path, _, name = check.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}(" in text


def test_a_text_that_is_not_there_once_cannot_be_replaced() -> None:
    with pytest.raises(DoesNotApply, match="has 0 times"):
        Patch("server/currencies.py", "no such words", "").of("other words")
    with pytest.raises(DoesNotApply, match="has 2 times"):
        Patch("server/currencies.py", "words", "").of("words and words")


WORDS = ">       assert value == 1\nE       assert 2 == 1"
BUG = Bug("a bug", ("I1",), (), ("tests/some.py::test_it",), "assert 2 == 1")


def report(**changed: str) -> Report:
    fields = {"test": "tests/some.py::test_it", "when": "call", "outcome": "failed", "text": WORDS}
    return Report(**fields | changed)


@pytest.mark.parametrize(
    ("reports", "code", "verdict"),
    [
        ([report()], 1, (True, "test_it")),
        ([report(outcome="passed", text="")], 0, (False, "survives: its check passes")),
        ([], 4, (False, "pytest ended with 4")),
        ([report()], None, (False, "its check does not end within 300 s")),
        (
            [report(text="E   ImportError: no")],
            1,
            (False, "tests/some.py::test_it fails for another reason: E   ImportError: no"),
        ),
        (
            [report(text="        assert 2 == 1\n>       another()\nE       OSError: no")],
            1,
            (False, "tests/some.py::test_it fails for another reason: E       OSError: no"),
        ),
        (
            [report(when="setup", text="E   OSError: no")],
            1,
            (False, "tests/some.py::test_it fails at its setup: E   OSError: no"),
        ),
    ],
)
def test_only_the_expected_words_of_a_test_catch_a_bug(
    reports: list[Report], code: int | None, verdict: tuple[bool, str]
) -> None:
    assert verdict_of(BUG, reports, code) == verdict


PROGRAM = """
from tests.teeth.bug import Patch, patched
from tests.teeth.plugin import plant
from pathlib import Path
plant(patched([
    Patch("server/currencies.py", "if digits else sign + text", 'if digits else "planted"'),
    Patch("server/holds/lua/lib/live.lua", "local SAID_LATELY = 1000", "local SAID_LATELY = 1001"),
]))
from server.currencies import format_amount
print(format_amount(1, "jpy"))
print("local SAID_LATELY = 1001" in Path("server/holds/lua/lib/live.lua").read_text())
import server.currencies
print(Path(server.currencies.__file__).name)
try:
    plant(patched([Patch("server/currencies.py", "    digits = exponent(code)\\n    sign", "    sign")]))
except RuntimeError as error:
    print(error)
"""


def test_what_is_planted_runs_and_nothing_is_written() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    planted, lua, name, early = done.stdout.splitlines()
    assert (planted, lua, name) == ("planted", "True", "currencies.py")
    assert early.startswith("imported before anything could be planted")
    assert '"planted"' not in (ROOT / "server/currencies.py").read_text(encoding="utf-8")


def test_the_docs_list_every_bug_with_what_it_breaks_and_what_catches_it() -> None:
    page = (ROOT / "docs/teeth.md").read_text(encoding="utf-8")
    table = page.partition("## The bugs")[2].partition("## What survived")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    listed = [(row[0], row[1], row[2].strip("`")) for row in rows]
    expected = [(bug.name, ", ".join(bug.breaks), bug.checks[0].removeprefix("tests/")) for bug in BUGS]
    assert listed == expected
