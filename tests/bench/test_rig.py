import math
import os
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

from bench import report, rig


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.995, 100), (1.0, 100)]
)
def test_a_percentile_is_the_smallest_value_that_such_a_share_is_not_above(
    share: float, expected: int
) -> None:
    assert rig.percentile(range(100, 0, -1), share) == expected


def test_of_nothing_there_is_no_percentile_and_no_median() -> None:
    assert math.isnan(rig.percentile([], 0.5))
    assert math.isnan(rig.median([]))


def test_the_processor_time_of_a_process_counts_what_it_works_and_not_what_it_sleeps() -> None:
    before = rig.cpu_seconds(os.getpid())
    time.sleep(0.05)  # what sleeping costs is what is measured
    slept = rig.cpu_seconds(os.getpid()) - before
    ends = time.process_time() + 0.1
    while time.process_time() < ends:
        pass
    assert rig.cpu_seconds(os.getpid()) - before - slept >= 0.09
    assert slept < 0.05


def test_a_program_runs_on_its_core_is_known_by_its_log_and_is_ended_by_its_handle(tmp_path: Path) -> None:
    # It sleeps until it is ended by its handle, which is what is tested; a minute bounds it should that fail.
    code = "import os, time; print(os.sched_getaffinity(0), flush=True); time.sleep(60)"
    program = rig.Program([sys.executable, "-c", code], core=rig.SERVER_CORE, log=tmp_path / "log")
    deadline = time.monotonic() + 60
    while not program.tail() and time.monotonic() < deadline:
        time.sleep(0.01)  # another process writes its log
    assert program.tail() == str({rig.SERVER_CORE})
    assert program.resident() > 1_000_000
    program.stop()
    assert program.has_ended


def test_a_result_is_written_and_read_and_leaves_out_columns_that_nobody_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = report.Result("herd", "make bench-herd", facts={"joins": 5000.0, "lost": float("nan")})
    result.add("joins", "5,000/s", "≥ 5,000/s", reached=True)
    result.add("back", "6 s", "≤ 5 s", reached=False)
    report.finish(result, Namespace(json=tmp_path / "herd.json"))
    read = report.read(tmp_path / "herd.json")
    assert read.rows == result.rows
    assert read.facts == {"joins": 5000.0, "lost": None}
    assert capsys.readouterr().out.splitlines() == [
        "| what  | measured | to reach  | reached |",
        "|-------|----------|-----------|---------|",
        "| joins | 5,000/s  | ≥ 5,000/s | yes     |",
        "| back  | 6 s      | ≤ 5 s     | **no**  |",
    ]
