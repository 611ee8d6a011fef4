"""A report says everything, and nothing in it is markup that was not meant."""

from pathlib import Path

import msgspec

from tests.torture import report
from tests.torture.matrix import Broken, Figure, Outcome, Strike, bound


def outcome(name: str = "a_cell", **more: object) -> Outcome:
    given = {"about": "What it is about.", "fault": "kill -9", "command": "make torture", **more}
    return Outcome(number=2, name=name, workload="W1", size="tier", seed=7, seconds=9.5, **given)  # type: ignore[arg-type]  # fields of it


def test_a_report_has_the_seed_the_command_and_n_of_every_claim(tmp_path: Path) -> None:
    good = outcome(claims={"operations": 3_000, "holds won": 20})
    other = outcome("another", claims={"operations": 1_000})
    page = report.write(tmp_path, [good, other], seed=7, command="make torture ARGS='--seed 7'")
    read = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=report.Run)
    assert (read.seed, read.kept) == (7, True)
    assert read.checked == {"operations": 4_000, "holds won": 20}
    text = page.read_text()
    assert "make torture ARGS=&#x27;--seed 7&#x27;" in text
    assert "4,000" in text
    assert "0 of 3,000: a rate of at most 1.0e-03" in text


def test_what_was_broken_is_shown_with_its_evidence_and_a_missed_figure_as_missed() -> None:
    broken = outcome(
        violations=[Broken(promise="I1", text="hall A-1 is booked twice", evidence=("Story(…)",))],
        figures=[Figure(name="converged", value="3 s", goal="≤ 2 s", reached=False, n=12)],
        strikes=[
            Strike(at=2.0, what="kill: kill -9 17", phase="struck"),
            Strike(at=3, what="kill", phase="heal"),
        ],
    )
    text = report.page_of(report.run_of([broken], seed=1, command=""))
    assert not broken.is_good
    for said in ("I1: hall A-1 is booked twice", "Story(…)", "≤ 2 s", "✗", "2.0 s struck: kill: kill -9 17"):
        assert said in text
    assert 'Every promise <span class="broken">broken' in text


def test_a_cell_that_this_machine_cannot_play_says_why_and_breaks_nothing() -> None:
    away = outcome(not_here="no network namespaces: Operation not permitted")
    text = report.page_of(report.run_of([away], seed=1, command=""))
    assert away.is_good
    assert "not on this machine" in text
    assert "Operation not permitted" in text


def test_nothing_that_was_recorded_becomes_markup() -> None:
    nasty = "<script>alert('x')</script>"
    evil = outcome(
        about=nasty,
        fault=nasty,
        error=nasty,
        command=nasty,
        figures=[Figure(name=nasty, value=nasty, goal=nasty, note=nasty)],
        violations=[Broken(promise=nasty, text=nasty, evidence=(nasty,))],
        claims={nasty: 1},
        strikes=[Strike(at=1, what=nasty, phase=nasty)],
    )
    text = report.page_of(report.run_of([evil], seed=1, command=nasty))
    assert "<script" not in text
    assert "http" not in text


def test_none_of_none_proves_nothing() -> None:
    assert bound(0) == "nothing was checked"
    assert bound(300) == "0 of 300: a rate of at most 1.0e-02"
