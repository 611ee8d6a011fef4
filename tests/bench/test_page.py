import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import page, plot, report
from bench.__main__ import BENCHES

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_drawn_to_one_scale_and_the_line_stands_where_the_goal_is() -> None:
    rows = [plot.Bar("one", 2.0, "2 µs"), plot.Bar("the <other>", 4.0, "4 µs", plot.OURS)]
    image = ET.fromstring(plot.bars("A & B", "µs", rows, goal=3.0))
    bars = [each for each in image.iter(f"{SVG}rect") if each.get("rx")]
    assert float(bars[1].get("width", 0)) == 2 * float(bars[0].get("width", 0))
    line = next(image.iter(f"{SVG}line"))
    assert float(line.get("x1", 0)) == plot.NAMES + 1.5 * float(bars[0].get("width", 0))
    assert "the <other>" in [each.text for each in image.iter(f"{SVG}text")]


def test_an_image_of_nothing_is_still_one() -> None:
    assert ET.fromstring(plot.bars("Nothing", "µs", [])).tag == f"{SVG}svg"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "performance.md").write_text(f"# By hand\n\n{page.BEGINS}\nold\n{page.ENDS}\nthe end\n")
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(page, "NUMBERS", tmp_path / "performance.json")
    monkeypatch.setattr(page, "IMAGE", tmp_path / "images/fanout.svg")
    return tmp_path


def write(*results: report.Result) -> None:
    page.write(list(results), "two cores", "2026-11-21", order=list(BENCHES))


def test_only_what_stands_between_the_marks_is_written_anew(folder: Path) -> None:
    herd = report.Result("herd", "make bench-herd")
    herd.add("joins", "5,000/s", "≥ 5,000/s", reached=True)
    write(herd)
    text = (folder / "performance.md").read_text()
    assert text.startswith("# By hand\n")
    assert text.endswith(f"{page.ENDS}\nthe end\n")
    assert "old" not in text
    assert "`make bench-herd`, 2026-11-21, two cores." in text
    write(herd)
    assert (folder / "performance.md").read_text() == text


def test_a_bench_that_did_not_run_keeps_what_is_said_of_it_in_the_order_of_all(folder: Path) -> None:
    write(report.Result("herd", "make bench-herd"))
    fanout = report.Result("fanout", "make bench-fanout")
    fanout.facts = {"microseconds": {"C loop of send()": 4.0, "**Holdfast**": 4.5}, "watchers": 2000}
    write(fanout)
    assert list(json.loads((folder / "performance.json").read_text())) == ["fanout", "herd"]
    assert (
        "![Processor time of a delivered frame](images/fanout.svg)" in (folder / "performance.md").read_text()
    )
    assert "1.12 of the C loop" in (folder / "images/fanout.svg").read_text()
