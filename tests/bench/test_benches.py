"""Every bench starts and says what it measures; their quick forms run to the end with the long proofs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import page, report
from bench.__main__ import BENCHES

ROOT = Path(__file__).parent.parent.parent


def source_of(name: str) -> str:
    path = ROOT / f"bench/{name}.py"
    return path.read_text() if path.exists() else ""


THERE = [name for name in BENCHES if "report.parser(" in source_of(name)]
RUN = [name for name in THERE if name == "memory" or os.environ.get("BENCHES")]


def run(*arguments: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def test_all_of_them_together_are_bounded_and_each_has_a_title() -> None:
    assert sum(BENCHES.values()) <= 20 * 60
    assert set(page.TITLES) == set(BENCHES)


@pytest.mark.parametrize("name", THERE)
def test_a_bench_knows_the_options_that_all_have(name: str) -> None:
    done = run(f"bench.{name}", "--help", seconds=250)
    assert done.returncode == 0, done.stderr
    assert {"--quick", "--json"} <= {word.rstrip(",") for word in done.stdout.split()}


@pytest.mark.parametrize("name", RUN)
def test_a_bench_runs_to_the_end_in_its_quick_form(name: str, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    done = run(f"bench.{name}", "--quick", "--json", str(path), seconds=280)
    assert done.returncode == 0, done.stderr
    found = report.read(path)
    assert found.name == name
    assert found.rows
